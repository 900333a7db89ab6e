/**
 * Owns the named parts of a replica's machine: slots, guards, delays and actions. Which state uses which is agent.ts.
 */
import {
  assign,
  cancel,
  enqueueActions,
  fromCallback,
  fromPromise,
  raise,
  sendTo,
  setup,
  spawnChild,
  stopChild,
} from 'xstate'
import { type AgentContext, type AgentEvent, type AgentInput, generationOf, noProcess } from './agent-context.ts'
import type { Crash } from './crash.ts'
import type { AgentFact } from './facts.ts'
import { decideRestart, noRestarts } from './restart-policy.ts'
import type { AgentSlots, Environment, PortCommand, TerminateReason } from './slots.ts'

/** No heartbeat for this long: nothing new is sent there, and it is asked over HTTP. */
export const suspectAfterMs = 10_000
/** After as much longer again it is asked once more, for 2 s at most, and ended where it does not answer. */
export const hungAfterMs = 18_000
/** An event loop that has not answered for this long is not sent anything new either. */
const laggingMs = 1_000
/** From the polite signal to SIGKILL, where the process has had its time already. */
export const terminateGraceMs = 500

const emptySlot = () => {
  throw new Error('This slot is empty: use provideRuntime(options), or agentMachine.provide({ actors }).')
}

type WithoutNames<F> = F extends AgentFact ? Omit<F, 'agent' | 'generation'> : never

export const agentParts = setup({
  types: {
    context: {} as AgentContext,
    events: {} as AgentEvent,
    input: {} as AgentInput,
  },
  actors: {
    ensureEnvironment: fromPromise(emptySlot) as AgentSlots['ensureEnvironment'],
    portSpawn: fromCallback(emptySlot) as unknown as AgentSlots['portSpawn'],
    healthProbe: fromPromise(emptySlot) as AgentSlots['healthProbe'],
  },
  delays: {
    startMs: ({ context }) => context.definition.startMs,
    shutdownMs: ({ context }) => context.definition.shutdownMs,
    backoffMs: ({ context }) => context.delayMs,
    suspectAfterMs,
    hungAfterMs,
  },
  guards: {
    isCurrent: ({ context, event }) => isOfProcess(context, event),
    isLagging: ({ context, event }) =>
      event.type === 'process.heartbeat' && isOfProcess(context, event) && event.heartbeat.loopLagMs >= laggingMs,
    isWantedAgain: ({ context, event }) => isOfProcess(context, event) && context.next === 'started',
    isToRest: ({ context, event }) => isOfProcess(context, event) && context.next === 'idle',
    hasGivenUp: ({ context }) => context.givenUp !== undefined,
  },
  actions: {
    wantStart: assign({ next: 'started' }),
    wantStop: assign({ next: 'stopped' }),
    wantIdle: assign({ next: 'idle' }),
    configure: assign({
      definition: ({ context, event }) =>
        event.type === 'agent.configure' || event.type === 'agent.adjust' ? event.definition : context.definition,
    }),
    adjustProcess: enqueueActions(({ enqueue, context, event }) => {
      if (context.hasProcess && event.type === 'agent.adjust')
        enqueue.sendTo('port', { type: 'process.adjust', definition: event.definition })
    }),
    forget: assign({ history: noRestarts, givenUp: undefined, lastError: undefined }),
    probe: assign({ givenUp: undefined }),
    armCoolDown: enqueueActions(({ enqueue, context }) => {
      const { coolDownMs } = context.definition.restart
      if (coolDownMs !== undefined) enqueue.raise({ type: 'failed.cooled' }, { id: 'coolDown', delay: coolDownMs })
    }),
    disarmCoolDown: cancel('coolDown'),
    beginGeneration: assign({
      generation: ({ context }) => context.generation + 1,
      next: 'stopped',
      ...noProcess,
    }),
    keepProcess: assign({ hasProcess: true }),
    forgetProcess: assign({
      hasProcess: false,
      pid: undefined,
      achieved: undefined,
      sandboxed: undefined,
      endpoint: undefined,
      heartbeat: undefined,
      application: undefined,
    }),
    keepHeartbeat: assign({
      heartbeat: ({ context, event }) => (event.type === 'process.heartbeat' ? event.heartbeat : context.heartbeat),
    }),
    tellHeartbeat: enqueueActions(({ enqueue, context, event }) => {
      if (event.type !== 'process.heartbeat') return
      const fact: AgentFact = { ...event, agent: context.definition.name }
      enqueue.sendTo(context.parent, fact)
    }),
    keepAlive: assign(({ event }) =>
      event.type === 'process.alive' ? { endpoint: event.endpoint, application: event.application } : {},
    ),
    tellReplicas: enqueueActions(({ enqueue, context, event }) => {
      if (event.type !== 'process.alive') return
      const { generation, application } = event
      const fact: AgentFact = { type: 'process.replicas', agent: context.definition.name, generation, application }
      enqueue.sendTo(context.parent, fact)
    }),
    keepPid: assign(({ event }) =>
      event.type === 'process.spawned' ? { pid: event.pid, achieved: event.achieved } : {},
    ),
    keepReady: assign(({ context, event }) =>
      event.type === 'agent.ready'
        ? { endpoint: event.endpoint, facts: event.facts, sandboxed: event.sandboxed, readyAtMs: context.now() }
        : {},
    ),
    keepCrash: assign({
      crash: (_, params: { crash: Crash }) => params.crash,
      lastError: (_, { crash }) => crash.error,
    }),
    /** Asks the restart policy; its answer is read by the guards of `crashed`. */
    judge: assign(({ context }) => {
      const { crash } = context
      if (!crash) return {}
      const nowMs = context.now()
      const readyForMs = context.readyAtMs === undefined ? undefined : nowMs - context.readyAtMs
      const decision = decideRestart(
        context.definition.restart,
        context.history,
        { class: crash.class, isRetryable: crash.error.retryable, readyForMs },
        nowMs,
        context.random(),
      )
      return decision.action === 'fail'
        ? { history: decision.history, givenUp: decision.why }
        : { history: decision.history, delayMs: decision.delayMs, restarts: context.restarts + 1 }
    }),
    spawnPort: spawnChild('portSpawn', {
      id: 'port',
      input: ({ context }: { context: AgentContext }) => ({
        definition: context.definition,
        environment: context.environment as Environment,
        generation: generationOf(context),
      }),
    }),
    stopPort: stopChild('port'),
    tellExit: sendTo(
      ({ context }) => context.parent,
      ({ context, event }) => {
        const { exit } = event as Extract<AgentEvent, { type: 'process.exited' }>
        return { type: 'process.exited', agent: context.definition.name, generation: exit.generation, exit }
      },
    ),
    decide: sendTo(({ self }) => self, { type: 'restart.decided' }),
    command: sendTo('port', (_, command: PortCommand) => command),
    /** Not of one that has just been made: that is `agent.spawned`, and ten thousand are made at once. */
    tellRest: enqueueActions(({ enqueue, context, event }) => {
      if ((event.type as string) === 'xstate.init') return
      const fact: AgentFact = { type: 'agent.idle', agent: context.definition.name, generation: generationOf(context) }
      enqueue.sendTo(context.parent, fact)
    }),
    tell: sendTo(
      ({ context }) => context.parent,
      ({ context }, fact: WithoutNames<AgentFact>) =>
        ({ ...fact, agent: context.definition.name, generation: generationOf(context) }) as AgentFact,
    ),
    armLiveness: raise({ type: 'liveness.suspected' }, { id: 'liveness', delay: 'suspectAfterMs' }),
    armExpiry: raise({ type: 'liveness.expired' }, { id: 'liveness', delay: 'hungAfterMs' }),
    disarmLiveness: cancel('liveness'),
  },
})

function isOfProcess(context: AgentContext, event: AgentEvent): boolean {
  return context.hasProcess && 'generation' in event && event.generation === generationOf(context)
}

/** Ends the process group: a signal by which the process can still speak, then SIGKILL. */
export function terminate(reason: TerminateReason): PortCommand {
  return { type: 'process.terminate', reason, graceMs: terminateGraceMs }
}
