/**
 * Owns what a user holds of a system: createAxon() and the handle it returns. What the system does is the machines'; what it
 * holds is provide.ts.
 */
import { type ActorRefFrom, type AnyActorRef, createActor, type InspectionEvent, type Observer } from 'xstate'
import { AxonError } from '../errors.ts'
import type { AgentDefinition } from '../machines/definition.ts'
import { type Groups, groupsOf, type PubSub, pubsubOf, type Tasks, tasksOf } from '../machines/supervision/index.ts'
import type { SystemInput, systemMachine } from '../machines/system.ts'
import { AgentHandle } from './agent-handle.ts'
import type { AgentName, RequestOf, ResultOf } from './agent-types.ts'
import { systemClock } from './clock.ts'
import { type AgentOptions, type AgentsOptions, type AgentsWith, parseAgent, parseAgents } from './config/agents.ts'
import type { PlacementOptions } from './config/placement.ts'
import {
  checkOptions,
  checkOrder,
  parseSystem,
  type SupervisionOptions,
  type SupervisorsOptions,
} from './config/system.ts'
import { Conversation, Conversations, type ConversationsOptions } from './conversations/conversation.ts'
import { journalOf } from './journal/attach.ts'
import { RunLookup } from './journal/lookup.ts'
import { dispatcherOf, provideRuntime, type RuntimeOptions } from './provide.ts'
import { resourcesOf } from './resources.ts'
import { Roster } from './roster.ts'
import type { Dispatcher } from './runs/dispatcher.ts'
import type { AxonEventName } from './telemetry/catalogue.ts'
import { guardInspection } from './telemetry/inspection.ts'
import { type AxonListener, Telemetry } from './telemetry/telemetry.ts'
import type { AxonOf } from './typed-axon.ts'

export interface AxonOptions<Outputs = Record<string, unknown>> extends RuntimeOptions {
  /** The agents to begin with, by name. Default: none; `spawn` adds more. */
  agents?: AgentsWith<Outputs> | undefined
  /** Supervisors of agents, by name: the root restarts one that gives up. Default: none, every agent is the root's own. */
  supervisors?: SupervisorsOptions | undefined
  /** How often the root may restart what ended by `onFailed: 'escalate'`; one more closes the system. Default: 1 in 5 000 ms. */
  supervision?: SupervisionOptions | undefined
  /** Where agents live that do not say it themselves: `local`, or `{ ray }`: docs/ray.md. Default `local`. */
  placement?: PlacementOptions | undefined
  /** Where the histories of `conversation()` are kept, and how many. Default: 1 000 in memory. */
  conversations?: ConversationsOptions | undefined
  /** Sees every actor, event and snapshot: an XState observer or function, or `createWebSocketInspector(…).inspect`. */
  inspect?: Observer<InspectionEvent> | ((event: InspectionEvent) => void) | undefined
}

/** What a system has beside its actors. `placement` is for agents to come. */
type Beside = { conversations: Conversations; placement: PlacementOptions | undefined }

/**
 * Makes a system of supervised agents. Nothing runs until `start()`.
 * @throws AxonError CONFIG_INVALID naming each field that is wrong
 */
export function createAxon<Outputs = Record<never, unknown>>(options: AxonOptions<Outputs> = {}): AxonOf<Outputs> {
  checkOptions(options)
  const { agents = {}, supervisors = {}, supervision, placement, conversations, inspect, ...runtime } = options
  const input = parseSystem({ agents: agents as AgentsOptions, supervisors, supervision, placement })
  return new Axon(input, inspect, runtime, {
    conversations: new Conversations(conversations),
    placement,
  }) as AxonOf<Outputs>
}

export class Axon {
  /** The root actor: `send` it events, subscribe to it, or look at it. */
  readonly actor: ActorRefFrom<typeof systemMachine>
  #telemetry: Telemetry
  #roster: Roster
  #with: Beside
  #initial: readonly AgentDefinition[]
  #begin: () => void
  #starting: Promise<this> | undefined
  #closing: Promise<void> | undefined
  #isStarted = false

  /** Use `createAxon`. */
  constructor(input: SystemInput, inspect: AxonOptions['inspect'], runtime: RuntimeOptions, beside: Beside) {
    this.#with = beside
    this.#initial = input.agents
    this.#telemetry = new Telemetry(runtime.logger)
    const actor = createActor(provideRuntime(runtime, this.#telemetry), {
      id: 'axon',
      systemId: 'axon',
      input,
      ...(inspect && { inspect: guardInspection(inspect) }),
      clock: runtime.clock ?? systemClock,
    })
    this.actor = actor
    this.#roster = new Roster(actor, this.#telemetry)
    this.#begin = () => actor.start()
  }

  /**
   * Starts the system and resolves when every agent is ready. Where one fails, everything is ended and its error is thrown:
   * nothing is left behind.
   * @throws AxonError JOURNAL_IN_USE where the journal is a living system's, or what kept an agent from being ready
   */
  async start(): Promise<this> {
    if (this.#closing) throw closedError()
    this.#starting ??= this.#start()
    return this.#starting
  }

  /**
   * Adds an agent and resolves with its handle when it is ready. One that fails to start is taken out again.
   * @throws AxonError CONFIG_INVALID, AGENT_EXISTS, or what kept it from being ready
   */
  async spawn<Name extends AgentName, Output = ResultOf<Name>>(
    options: AgentOptions<Output> & { name: Name },
  ): Promise<AgentHandle<Output, RequestOf<Name>>> {
    const definition = parseAgent(options, this.#with.placement)
    this.#demandOpen()
    checkOrder([definition], this.agents)
    if (this.#roster.has(definition.name)) {
      const message = `Agent ${definition.name} exists already. Retire it first, or choose another name.`
      throw new AxonError('AGENT_EXISTS', message, { agent: definition.name })
    }
    await this.#roster.add(definition)
    return this.agent(definition.name) as AgentHandle<Output, RequestOf<Name>>
  }

  /** Drains and stops an agent, and takes it out of the system. @throws AxonError AGENT_UNKNOWN */
  async retire(name: AgentName): Promise<void> {
    this.#demandOpen()
    this.#demandKnown(name)
    await this.#roster.retire(name)
  }

  /** The handle of an agent. @throws AxonError AGENT_UNKNOWN naming those that are known */
  agent<Name extends AgentName>(name: Name): AgentHandle<ResultOf<Name>, RequestOf<Name>> {
    this.#demandKnown(name)
    return new AgentHandle(name, {
      dispatcher: () => this.#dispatcher,
      load: () => dispatcherOf(this.actor.system).load(name),
      send: (command) => this.actor.send(command),
      pool: () => this.#roster.pool(name),
      ready: async () => {
        this.#demandOpen()
        await this.#roster.ready(name)
      },
    })
  }

  /**
   * A conversation with an agent: its history is kept here, and its runs go one at a time, on one process while that has a place.
   * @param id names it, 1 to 1 000 characters; the same agent and id are the same conversation
   * @throws AxonError AGENT_UNKNOWN, RUN_REQUEST_INVALID where the id is none
   */
  conversation<Name extends AgentName>(agent: Name, id: string): Conversation<ResultOf<Name>, RequestOf<Name>> {
    this.#demandKnown(agent)
    return new Conversation(agent, id, this.#with.conversations, () => this.#dispatcher)
  }

  /** Marks every process of this system, as the environment variable `AXON_SYSTEM`. Only after `start()`. */
  get id(): string {
    return resourcesOf(this.actor.system).id
  }

  /** The directory of this system's sockets, while it has a host: from the first start of an agent to `close()`. Only after `start()`. */
  get runtimeDir(): string | undefined {
    return resourcesOf(this.actor.system).runtimeDir
  }

  /** Groups of actors, as OTP's `pg`: agents join those of their `groups`, and any actor may. Only after `start()`. */
  get groups(): Groups {
    return groupsOf(this.#child('groups'))
  }

  /** Topics that any actor or function may publish and subscribe to. Only after `start()`. */
  get pubsub(): PubSub {
    return pubsubOf(this.#child('pubsub'))
  }

  /** Async functions as supervised actors, ended with the system. Only after `start()`. */
  get tasks(): Tasks {
    return tasksOf(this.#child('tasks'))
  }

  /**
   * The runs in the journal, and the tool calls that wait for a person: `approve`, `deny`. Only after `start()`. Of the journal:
   * @throws AxonError CONFIG_INVALID where the system has none
   */
  get runs(): RunLookup {
    this.#demandOpen()
    return new RunLookup(() => {
      this.#demandOpen()
      const journal = journalOf(this.actor.system)
      if (journal) return journal
      throw new AxonError('CONFIG_INVALID', 'This system has no journal. Give createAxon({ journal: { path } }).')
    }, dispatcherOf(this.actor.system).approvals)
  }

  /** The names of all agents, in the order of spawning. */
  get agents(): string[] {
    return this.#isStarted ? this.#roster.names : this.#initial.map(({ name }) => name)
  }

  /**
   * Makes the system's agents those of `agents`: what is new is spawned, what is missing is retired, what changed is restarted
   * with its new definition, runs that wait are kept, and the rest is untouched. Read and checked whole before anything is done.
   * @throws AxonError CONFIG_INVALID with nothing changed, or the first error of an agent that did not become ready
   */
  async apply({ agents }: { agents: AgentsOptions }): Promise<void> {
    const definitions = parseAgents(agents, this.#with.placement)
    checkOrder(definitions)
    this.#demandOpen()
    await this.#roster.apply(definitions)
  }

  /** Calls `listener` for each event of that name, or for every event at `'*'`. The answer ends it. */
  on<Name extends AxonEventName | '*'>(name: Name, listener: AxonListener<Name>): () => void {
    return this.#telemetry.on(name, listener)
  }

  /** Takes no new runs, lets those in flight finish within each agent's `shutdownMs`, stops all, and leaves nothing. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close('system.close')
    return this.#closing
  }

  /** Ends everything at once; runs in flight are cancelled. Also while `close` is under way. Idempotent. */
  async destroy(): Promise<void> {
    if (this.#closing && this.#isActive) this.actor.send({ type: 'system.destroy' })
    this.#closing ??= this.#close('system.destroy')
    await this.#closing
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #start(): Promise<this> {
    this.#demandOpen(false)
    const ready = this.#roster.started(this.#initial)
    this.#isStarted = true
    this.#begin()
    try {
      await Promise.all([ready, journalOf(this.actor.system)?.opened])
    } catch (error) {
      await this.destroy()
      throw error
    }
    return this
  }

  async #close(how: 'system.close' | 'system.destroy'): Promise<void> {
    if (!this.#isStarted) return
    const resources = resourcesOf(this.actor.system)
    if (this.#isActive) {
      const ended = new Promise<void>((resolve) => {
        this.actor.subscribe({ complete: resolve, error: () => resolve() })
      })
      this.actor.send({ type: how })
      await ended
    }
    await resources.close()
    this.#roster.close(closedError())
    this.#telemetry.close()
  }

  /** Takes new runs; throws where the system takes none. */
  get #dispatcher(): Dispatcher {
    this.#demandOpen()
    return dispatcherOf(this.actor.system)
  }

  #child<Ref extends AnyActorRef>(systemId: string): Ref {
    this.#demandOpen()
    return this.actor.system.get(systemId) as Ref
  }

  /** By whoever holds it, or by itself: its root gave up, or was sent `system.close`. */
  get #isClosed(): boolean {
    return this.#closing !== undefined || (this.#isStarted && !this.#isActive)
  }

  get #isActive(): boolean {
    return this.#isStarted && this.actor.getSnapshot().status === 'active'
  }

  #demandOpen(mustBeStarted = true): void {
    if (this.#isClosed) throw closedError()
    if (mustBeStarted && !this.#isStarted)
      throw new AxonError('SUPERVISOR_CLOSED', 'The system is not started. Call start() first.')
  }

  #demandKnown(name: string): void {
    if (this.agents.includes(name)) return
    if (this.#isClosed) throw closedError()
    const known = this.agents.slice(0, 10).join(', ') || 'none'
    const message = `There is no agent ${JSON.stringify(name)}. Known agents: ${known}.`
    throw new AxonError('AGENT_UNKNOWN', message, { agent: name })
  }
}

function closedError(): AxonError {
  return new AxonError('SUPERVISOR_CLOSED', 'The system is closed. Create another one.')
}
