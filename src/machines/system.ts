/**
 * Owns the table of agents: who is spawned, who is retired, and that the system is closed only when every agent has stopped.
 * Facts of the agents pass through it to the outside. An agent's own life is agent.ts.
 *
 * Agents are made with `createActor({ parent })` and kept in a Map that is changed in place: `spawnChild` copies the
 * table of children at every spawn, so that the 10,000th agent would cost a hundred times the first.
 */
import {
  type ActorRefFrom,
  type AnyStateMachine,
  createActor,
  emit,
  enqueueActions,
  fromCallback,
  sendTo,
  setup,
} from 'xstate'
import { AxonError, toAxonError } from '../errors.ts'
import type { AgentDefinition } from './definition.ts'
import type { AgentFact, Fact, PoolFact, RunFact } from './facts.ts'
import { poolMachine } from './pool.ts'
import type { PoolCommand } from './pool-context.ts'
import type { RunCommand, RunDispatchEvent } from './slots.ts'

export interface SystemInput {
  /** The agents to begin with. */
  agents: readonly AgentDefinition[]
  /** A monotonic clock in milliseconds. Default: `performance.now`. */
  now?: (() => number) | undefined
  /** From 0 to 1, for jitter. Default: `Math.random`. */
  random?: (() => number) | undefined
}

/** What may be asked of a system: `axon.actor.send(…)`. */
export type SystemCommand =
  | (Exclude<PoolCommand, { type: 'agent.configure' }> & { agent: string })
  | { type: 'agent.spawn'; definition: AgentDefinition }
  | { type: 'agent.configure'; definition: AgentDefinition }
  | { type: 'system.close' }
  /** Ends every agent at once, also while the system is closing. */
  | { type: 'system.destroy' }
  | RunCommand

export type SystemEvent = SystemCommand | AgentFact | PoolFact | RunFact

interface Member {
  ref: ActorRefFrom<typeof poolMachine>
  isRetiring: boolean
}

export interface SystemContext {
  /** In the order of spawning; changed in place, see above. */
  members: Map<string, Member>
  input: SystemInput
}

const parts = setup({
  types: {
    context: {} as SystemContext,
    events: {} as SystemEvent,
    input: {} as SystemInput,
    emitted: {} as Fact,
  },
  actors: {
    agent: poolMachine,
    runs: fromCallback<RunDispatchEvent>(() => undefined),
  },
  guards: {
    isEmpty: ({ context }) => context.members.size === 0,
    /** Told by an agent: a fact names its process. Whatever else is called so was sent by somebody. */
    isFact: ({ event }) => 'generation' in event || event.type === 'agent.scaled',
  },
  actions: {
    emitFact: emit((_, fact: Fact) => fact),
    /** An agent's fact goes to the outside, and to the runs that wait for that agent. */
    relay: enqueueActions(({ enqueue, event }) => {
      enqueue.emit(event as AgentFact | PoolFact)
      enqueue.sendTo('runs', event as AgentFact | PoolFact)
    }),
    spawn: enqueueActions(({ enqueue, context, event, self }, { definition }: { definition: AgentDefinition }) => {
      if (context.members.has(definition.name)) {
        const message = `Agent ${definition.name} exists already. Retire it first, or choose another name.`
        enqueue.emit(refusal(event.type, new AxonError('AGENT_EXISTS', message, { agent: definition.name })))
        return
      }
      // The logic that was provided, not the empty one above. Made here rather than in an action, so that a second agent of
      // the name in the same step is seen, and because XState warns of contexts that are made inside of an action.
      const logic = (self as unknown as { logic: AnyStateMachine }).logic.implementations.actors
        .agent as typeof poolMachine
      const { now, random } = context.input
      const ref = createActor(logic, {
        parent: self,
        id: `agent:${definition.name}`,
        systemId: `agent:${definition.name}`,
        input: { definition, parent: self, now, random },
      })
      context.members.set(definition.name, { ref, isRetiring: false })
      enqueue(() => ref.start())
      enqueue.emit({ type: 'agent.spawned', agent: definition.name })
      if (definition.replicas.min > 0) enqueue.sendTo(ref, { type: 'agent.start' })
    }),
    forward: enqueueActions(({ enqueue, context, event }) => {
      const command = event as PoolCommand & { agent?: string }
      const name = command.agent ?? (command.type === 'agent.configure' ? command.definition.name : '')
      const member = context.members.get(name)
      if (member === undefined || member.isRetiring) enqueue.emit(refusal(event.type, unknownAgent(name, context)))
      else enqueue.sendTo(member.ref, command)
    }),
    retire: enqueueActions(({ enqueue, context }, { agent }: { agent: string }) => {
      const member = context.members.get(agent)
      if (member === undefined) enqueue.emit(refusal('agent.retire', unknownAgent(agent, context)))
      else {
        member.isRetiring = true
        enqueue.sendTo(member.ref, { type: 'agent.retire' })
      }
    }),
    retireAll: ({ context, self }) => {
      // Last started, first stopped.
      for (const agent of [...context.members.keys()].reverse()) self.send({ type: 'agent.retire', agent })
    },
    stopAll: enqueueActions(({ enqueue, context }) => {
      for (const member of context.members.values()) enqueue.stopChild(member.ref)
      enqueue(() => context.members.clear())
    }),
    /** An agent's actor is done: it was retired, or ended by itself and says why. */
    bury: enqueueActions(({ enqueue, context, event }) => {
      const {
        actorId,
        output,
        error = output,
      } = event as unknown as { actorId: string; output?: unknown; error?: unknown }
      const agent = actorId.slice('agent:'.length)
      const member = context.members.get(agent)
      if (member === undefined) return
      context.members.delete(agent)
      enqueue.stopChild(member.ref)
      if (error !== undefined) {
        const fact = {
          type: 'agent.failed',
          agent,
          generation: '',
          why: 'hopeless',
          error: toAxonError(error),
        } as const
        enqueue.emit(fact)
      }
      enqueue.sendTo('runs', { type: 'agent.retired', agent })
      enqueue.emit({ type: 'agent.retired', agent })
    }),
    refuseUnknown: emit(({ event }) =>
      refusal(
        event.type,
        new AxonError('CONFIG_INVALID', `There is no event ${event.type}. docs/events.md lists them all.`),
      ),
    ),
    refuse: emit(({ event }) =>
      refusal(event.type, new AxonError('SUPERVISOR_CLOSED', 'The system is closing. Create another one.')),
    ),
  },
})

export const systemMachine = parts.createMachine({
  id: 'axon',
  context: ({ input }) => ({ members: new Map(), input }),
  invoke: { id: 'runs', src: 'runs' },
  initial: 'running',
  states: {
    running: {
      entry: enqueueActions(({ enqueue, context, self }) => {
        const { agents } = context.input
        enqueue({ type: 'emitFact', params: { type: 'system.started', agents: agents.length } })
        // An event for each: the actions of one step are taken off a list whose every removal costs its length.
        enqueue(() => {
          for (const definition of agents) self.send({ type: 'agent.spawn', definition })
        })
      }),
      on: {
        'agent.spawn': { actions: { type: 'spawn', params: ({ event }) => ({ definition: event.definition }) } },
        'agent.retire': { actions: { type: 'retire', params: ({ event }) => ({ agent: event.agent }) } },
        'agent.configure': { actions: 'forward' },
        'agent.start': { actions: 'forward' },
        'agent.stop': { actions: 'forward' },
        'agent.restart': { actions: 'forward' },
        'agent.drain': { actions: 'forward' },
        'agent.quiet': { actions: 'forward' },
        'agent.scale': { actions: 'forward' },
        'replica.recycle': { actions: 'forward' },
        'run.start': { actions: sendTo('runs', ({ event }) => event) },
        'system.close': 'closing',
      },
    },
    closing: {
      entry: [{ type: 'emitFact', params: { type: 'system.closing' } }, 'retireAll'],
      always: { guard: 'isEmpty', target: 'closed' },
      on: {
        'agent.spawn': { actions: 'refuse' },
        'agent.configure': { actions: 'refuse' },
        'agent.start': { actions: 'refuse' },
        'agent.restart': { actions: 'refuse' },
        'agent.stop': {},
        'agent.drain': {},
        'agent.quiet': {},
        'agent.scale': { actions: 'refuse' },
        'replica.recycle': {},
        'agent.retire': { actions: { type: 'retire', params: ({ event }) => ({ agent: event.agent }) } },
        'run.start': { actions: 'refuse' },
      },
    },
    closed: {
      type: 'final',
      entry: { type: 'emitFact', params: { type: 'system.closed' } },
    },
  },
  on: {
    'system.destroy': { target: '.closed', actions: 'stopAll' },
    'run.cancel': { actions: sendTo('runs', ({ event }) => event) },
    'run.accepted': { actions: { type: 'emitFact', params: ({ event }) => event } },
    'run.started': { actions: { type: 'emitFact', params: ({ event }) => event } },
    'run.requeued': { actions: { type: 'emitFact', params: ({ event }) => event } },
    'run.settled': { actions: { type: 'emitFact', params: ({ event }) => event } },
    'agent.*': [{ guard: 'isFact', actions: 'relay' }, { actions: 'refuseUnknown' }],
    'process.*': { actions: 'relay' },
    'environment.*': { actions: 'relay' },
    'replica.*': { actions: 'relay' },
    'rollout.*': { actions: 'relay' },
    'xstate.done.actor.*': { actions: 'bury' },
    'xstate.error.actor.*': { actions: 'bury' },
  },
})

function refusal(event: string, error: AxonError): Fact {
  return { type: 'event.refused', event, error }
}

function unknownAgent(agent: string, context: SystemContext): AxonError {
  const known = [...context.members.keys()].slice(0, 10).join(', ') || 'none'
  return new AxonError('AGENT_UNKNOWN', `There is no agent ${JSON.stringify(agent)}. Known agents: ${known}.`, {
    agent,
  })
}
