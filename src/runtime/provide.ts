/**
 * Owns the filling of the slots: the machines with real environments, processes and HTTP calls in them. What a user holds of a
 * system is axon.ts; those who embed actors themselves begin here.
 */
import type { Logger } from 'pino'
import { type AnyActorRef, type EventObject, fromCallback, fromPromise, type Snapshot } from 'xstate'
import { AxonError, PythonEnvError } from '../errors.ts'
import { agentMachine } from '../machines/agent.ts'
import type { AgentDefinition } from '../machines/definition.ts'
import type { Fact } from '../machines/facts.ts'
import { poolMachine } from '../machines/pool.ts'
import type { AgentSlots, EnvironmentSpec, RunDispatchEvent } from '../machines/slots.ts'
import { type SystemContext, systemMachine } from '../machines/system.ts'
import { type AgentSnapshot, viewAgent } from './agent-view.ts'
import { type Clock, systemClock } from './clock.ts'
import { type JournalOptions, type JournalSettings, parseJournal } from './config/journal.ts'
import { ensureEnvironment } from './environment/environment.ts'
import { createTransport } from './http/transport.ts'
import { attachJournal } from './journal/attach.ts'
import { OperatorServer } from './operator/server.ts'
import type { Link } from './placement/link.ts'
import { portSpawn } from './placement/port.ts'
import { provideOnRay } from './placement/ray/environment.ts'
import { attachResources, Resources, resourcesOf } from './resources.ts'
import { Dispatcher, type RunsFact } from './runs/dispatcher.ts'
import { defaultStateDir } from './state/record.ts'
import { Signals } from './telemetry/signals.ts'
import { type SystemTable, tableOf } from './telemetry/table.ts'
import { Telemetry } from './telemetry/telemetry.ts'
import type { OpenTelemetryOptions } from './telemetry/traces.ts'

/** Options of the runtime; all have a default. */
export interface RuntimeOptions {
  /** Environments and tools, shared by all systems of this user. Default: `$XDG_CACHE_HOME/axon`, else `~/.cache/axon`. */
  cacheDir?: string | undefined
  /** In which the sockets' directory is made. Default: `$XDG_RUNTIME_DIR`, else the system's temporary directory. */
  runtimeDir?: string | undefined
  /**
   * In which each living system has a record, by which a later one removes what is left when Node and its guards are killed at
   * once. Where it cannot be written, the event `system.unrecorded` says so. Default: `$XDG_STATE_HOME/axon`, else
   * `~/.local/state/axon`.
   */
  stateDir?: string | undefined
  /**
   * Opens a socket beside the others on which this user can watch the system: `axon top`, `axon events`. It only tells.
   * Default: false; the commands of `axon` open it.
   */
  operator?: boolean | undefined
  /** Records every run in a file, so that runs survive the end of Node: docs/journal.md. Default: none. */
  journal?: JournalOptions | undefined
  /** The uv executable; `false` = use venv and pip. Default: found, or installed into `cacheDir`. */
  uv?: string | false | undefined
  /** A pino logger; every event of the catalogue goes there. Default: none. */
  logger?: Logger | undefined
  /**
   * Traces and metrics through OpenTelemetry: docs/observability.md. Default: on where `@opentelemetry/api` is installed and an SDK
   * is registered when the system starts.
   */
  openTelemetry?: boolean | OpenTelemetryOptions | undefined
  /** For tests: every timer of the runtime. Default: the system's. */
  clock?: Clock | undefined
  /** The environment that commands inherit, and agents by an allow-list. Default: `process.env`. */
  env?: NodeJS.ProcessEnv | undefined
}

const probeMs = 2_000
/** A timer that is as late as this was held up: Node was paused, or did something else all the while. */
const lateMs = 500

const dispatchers = new WeakMap<object, Dispatcher>()

/** The dispatcher of an actor system, from the start of its root until its end. */
export function dispatcherOf(system: object): Dispatcher {
  const dispatcher = dispatchers.get(system)
  if (dispatcher === undefined)
    throw new AxonError('SUPERVISOR_CLOSED', 'The system is not started. Call start() first.')
  return dispatcher
}

/**
 * `systemMachine` with its slots filled all the way down:
 * `createActor(provideRuntime(options), { input: { agents: parseAgents({ … }) } }).start()`.
 * Everything it holds outside the machines opens with the actor and closes with it.
 * @throws AxonError CONFIG_INVALID on Windows, or where the options of the journal are wrong
 */
export function provideRuntime(options: RuntimeOptions = {}, telemetry = new Telemetry(options.logger)) {
  if (process.platform === 'win32') {
    const message =
      'Axon does not run on Windows: it needs Unix sockets and process groups. Run Node in WSL 2 or in a Linux container.'
    throw new AxonError('CONFIG_INVALID', message)
  }
  const journal = options.journal && parseJournal(options.journal)
  const signals = new Signals(options.openTelemetry, options.env ?? process.env)
  telemetry.traces = signals.traces
  return systemMachine.provide({
    actors: {
      agent: poolMachine.provide({
        actors: {
          replica: agentMachine.provide({
            actors: { ensureEnvironment: environmentSlot(options), portSpawn, healthProbe },
          }),
        },
      }),
      telemetry: telemetrySlot(telemetry),
      runs: runsSlot(options, telemetry, journal, signals),
    },
  })
}

function telemetrySlot(telemetry: Telemetry) {
  return fromCallback(({ self }) => {
    const subscription = rootOf(self).on('*', (fact) => telemetry.tell(fact as unknown as Fact))
    return () => subscription.unsubscribe()
  })
}

/** Opens what the system holds outside its machines when the root starts, and closes it when the root ends. */
function runsSlot(
  options: RuntimeOptions,
  telemetry: Telemetry,
  settings: JournalSettings | undefined,
  signals: Signals,
) {
  const { clock = systemClock, env = process.env, runtimeDir, stateDir = defaultStateDir(env), operator } = options
  return fromCallback<RunDispatchEvent>(({ system, self, sendBack, receive }) => {
    const root = rootOf(self)
    const emit = emitterOf(root) ?? sendBack
    const table = (): SystemTable => tableOf(resources.id, snapshotsOf(root, dispatcher))
    const resources: Resources = new Resources({
      clock,
      env,
      runtimeDir,
      stateDir,
      tell: (fact) => telemetry.tell(fact),
      operator: operator ? (path) => new OperatorServer(path, { telemetry, table }) : undefined,
    })
    attachResources(system, resources)
    const closing = root.on('system.closing', () => {
      resources.isClosing = true
    })
    let isEnding = false
    // While the root ends it hears nothing any more, and the last runs are settled.
    const tell = (fact: RunsFact) => (isEnding ? telemetry.tell(fact) : emit(fact))
    const define = (agent: string) => definitionOf(root, agent)
    const around = { resources, telemetry, tell, definitionOf: define, dispatcher: () => dispatcher }
    const journal = settings && attachJournal(system, settings, around)
    const dispatcher: Dispatcher = new Dispatcher({
      parentOf: (agent) => tasksOf(root, agent) ?? self,
      clock,
      links: resources.links,
      transport: createTransport(resources.links),
      tell,
      send: (command) => sendBack(command),
      definitionOf: define,
      journal,
      traces: signals.traces,
    })
    dispatchers.set(system, dispatcher)
    const endSignals = signals.start({
      on: (listener) => telemetry.on('*', listener),
      agents: () => snapshotsOf(root, dispatcher).filter(wasStarted),
      definitionOf: define,
    })
    receive((event) => dispatcher.hear(event))
    return () => {
      isEnding = true
      closing.unsubscribe()
      dispatcher.close()
      endSignals()
      stopAgents(root)
      if (journal) void resources.track(journal.close())
      void resources.close()
    }
  })
}

/** `root.stop()` reaches only the children in its snapshot. Agents and their supervisors are not among them, and would go on with a dead parent. */
function stopAgents(root: AnyActorRef): void {
  const { members, teams } = contextOf(root)
  for (const ref of [...teams.values(), ...[...members.values()].map(({ ref }) => ref)])
    (ref as unknown as { _stop(): void } | undefined)?._stop()
}

/**
 * What an actor emits with. A run tells three facts, and a step of the root's machine for each would be a tenth of its cost. It is
 * XState's own; where it is not found, the facts are sent to the root, which emits them.
 */
function emitterOf(root: AnyActorRef): ((fact: Fact) => void) | undefined {
  return (root as unknown as { _actorScope?: { emit?: (fact: Fact) => void } })._actorScope?.emit
}

function rootOf(child: AnyActorRef): AnyActorRef {
  return (child as unknown as { _parent: AnyActorRef })._parent
}

/** The parent of the agent's runs. A pool that is in the midst of something else makes it later: then its runs are the pool's own. */
function tasksOf(root: AnyActorRef, agent: string): AnyActorRef | undefined {
  const pool = contextOf(root).members.get(agent)?.ref
  pool?.send({ type: 'tasks.wanted' })
  return pool?.getSnapshot().children.tasks ?? pool
}

function definitionOf(root: AnyActorRef, agent: string): AgentDefinition | undefined {
  return contextOf(root).members.get(agent)?.ref?.getSnapshot().context.definition
}

function snapshotsOf(root: AnyActorRef, dispatcher: Dispatcher): AgentSnapshot[] {
  return [...contextOf(root).members].flatMap(([name, { ref }]) =>
    ref === undefined ? [] : [viewAgent(ref.getSnapshot(), dispatcher.load(name))],
  )
}

function wasStarted({ replicas, queued }: AgentSnapshot): boolean {
  return replicas.length > 0 || queued > 0
}

function contextOf(root: AnyActorRef): SystemContext {
  return (root.getSnapshot() as Snapshot<unknown> & { context: SystemContext }).context
}

function environmentSlot({ cacheDir, uv, env }: RuntimeOptions): AgentSlots['ensureEnvironment'] {
  return fromPromise<Awaited<ReturnType<typeof ensureEnvironment>>, AgentDefinition, EventObject>(
    async ({ input: definition, signal, system }) => {
      const resources = resourcesOf(system)
      resources.demandOpen()
      const { placement } = definition
      if (placement)
        return resources.track(provideOnRay(definition, placement.ray, resources.clusters.of(placement.ray)))
      const ensuring = ensureEnvironment(specOf(definition), {
        cacheDir,
        uv,
        env: env ?? process.env,
        signal,
        onProgress: (progress) => resources.tell({ type: 'environment.progress', agent: definition.name, progress }),
      })
      const environment = await resources.track(ensuring).catch((error) => {
        throw nameAgent(error, definition.name)
      })
      // A system without a place for its sockets can start nothing, and says so here.
      resources.nameRuntimeDirs()
      return environment
    },
  )
}

/** Says whose environment it was. A copy, because agents that share an environment share its error. */
function nameAgent(error: unknown, agent: string): unknown {
  if (!(error instanceof PythonEnvError)) return error
  const { code, message, retryable, context, cause } = error
  return new PythonEnvError(code, message, { agent, retryable, context, cause })
}

/** What the environment of an agent is made of. Agents that agree in it share one. */
export function specOf({ cwd, python, dependencies, requirements, noBuild, module }: AgentDefinition): EnvironmentSpec {
  const file = /^(.+\.py)(:\w+)?$/.exec(module)?.[1]
  return { cwd, python, dependencies, requirements, noBuild, script: file }
}

/**
 * Settles within two seconds in which Node was awake: an answer that Node could not read because it was paused is asked for again.
 */
const healthProbe: AgentSlots['healthProbe'] = fromPromise(async ({ input, signal, system }) => {
  const { links, clock } = resourcesOf(system)
  const link = links.get(input.generation)
  for (;;) {
    const begunAt = performance.now()
    try {
      return await probe(link, clock, signal)
    } catch (error) {
      const isLate = performance.now() - begunAt > probeMs + lateMs
      if (signal.aborted || !isLate) throw error
    }
  }
})

async function probe(link: Link | undefined, clock: Clock, signal: AbortSignal): Promise<void> {
  if (link?.pool === undefined) throw new AxonError('PROCESS_EXITED', 'The process is gone.')
  const timeout = new AbortController()
  const timer = clock.setTimeout(() => timeout.abort(), probeMs)
  try {
    const response = await link.pool.request({
      path: `${link.prefix}/health`,
      method: 'GET',
      headers: { authorization: `Bearer ${link.token}` },
      signal: AbortSignal.any([signal, timeout.signal]),
    })
    await response.body.dump()
    if (response.statusCode !== 200) throw new AxonError('PROCESS_HUNG', `${link.generation} does not answer.`)
  } finally {
    clock.clearTimeout(timer)
  }
}
