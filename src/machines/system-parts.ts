/**
 * Owns the named parts of the root's machine: guards and actions. Which state uses which is system.ts.
 */
import { type AnyActorLogic, emit, enqueueActions, fromCallback, setup } from 'xstate'
import { AxonError } from '../errors.ts'
import type { TeamDefinition } from './arrangement.ts'
import type { AgentDefinition } from './definition.ts'
import type { AgentFact, Fact, PoolFact } from './facts.ts'
import { poolMachine } from './pool.ts'
import type { PoolCommand, PoolWord } from './pool-context.ts'
import type { RunDispatchEvent } from './slots.ts'
import { isExitOutput } from './supervision/exit.ts'
import { groupsLogic } from './supervision/groups.ts'
import { supervisorMachine } from './supervision/machine.ts'
import { pubsubLogic } from './supervision/pubsub.ts'
import type { SystemContext, SystemEvent, SystemInput } from './system-context.ts'
import type { Enqueue } from './system-order.ts'
import { SystemStep } from './system-step.ts'

export const systemParts = setup({
  types: {
    context: {} as SystemContext,
    events: {} as SystemEvent,
    input: {} as SystemInput,
    emitted: {} as Fact,
  },
  actors: {
    agent: poolMachine,
    /** Hands every fact of the root to whoever listens outside of the machines. */
    telemetry: fromCallback(() => undefined),
    pubsub: pubsubLogic as AnyActorLogic,
    groups: groupsLogic as AnyActorLogic,
    tasks: supervisorMachine,
    runs: fromCallback<RunDispatchEvent>(() => undefined),
  },
  guards: {
    isEmpty: ({ context }) => context.members.size === 0,
    /** Told by an agent: a fact names its process. Whatever else is called so was sent by somebody. */
    isFact: ({ event }) => 'generation' in event || event.type === 'agent.scaled',
  },
  actions: {
    emitFact: emit((_, fact: Fact) => fact),
    /** By events of its own: what is made at the start of an actor would run before the actor does. */
    begin: ({ context, self }) => {
      const { agents, supervisors = [] } = context.input
      for (const team of supervisors) self.send({ type: 'supervisor.open', team })
      for (const definition of context.arrangement.inOrder(agents)) self.send({ type: 'agent.spawn', definition })
    },
    openTeam: enqueueActions((args, { team }: { team: TeamDefinition }) => inStep(args, (step) => step.openTeam(team))),
    spawn: enqueueActions((args, { definition }: { definition: AgentDefinition }) =>
      inStep(args, (step) => step.spawn(definition, args.event.type)),
    ),
    forward: enqueueActions((args) =>
      inStep(args, (step) => step.forward(args.event as PoolCommand & { agent?: string })),
    ),
    retire: enqueueActions((args, { agent }: { agent: string }) => inStep(args, (step) => step.retire(agent))),
    retireAll: ({ context, self }) => {
      // Last started, first stopped; those that others come after wait for these.
      for (const agent of [...context.members.keys()].reverse())
        if (!context.arrangement.isFollowed(agent)) self.send({ type: 'agent.retire', agent })
    },
    /** Nobody who came after them is there any more. */
    retireFreed: ({ context, event, self }) => {
      if (event.type !== 'member.left') return
      for (const agent of event.freed) if (context.members.has(agent)) self.send({ type: 'agent.retire', agent })
    },
    stopAll: enqueueActions((args) => inStep(args, (step) => step.stopAll())),
    /** An agent's fact goes to the outside, and to the runs that wait for that agent. */
    relay: enqueueActions((args) => inStep(args, (step) => step.relay(args.event as AgentFact | PoolFact))),
    releaseHeld: enqueueActions((args) => inStep(args, (step) => step.order.releaseHeld())),
    replaceSiblings: enqueueActions((args) =>
      inStep(args, (step) => step.order.replaceSiblings(args.event as Extract<AgentFact, { type: 'agent.crashed' }>)),
    ),
    goOnReplacing: enqueueActions((args) =>
      inStep(args, (step) => step.order.goOnReplacing((args.event as AgentFact).agent)),
    ),
    welcome: enqueueActions((args) => inStep(args, (step) => step.welcome(args.event as Word<'pool.made'>))),
    noteEnd: enqueueActions((args) => inStep(args, (step) => step.noteEnd(args.event as Word<'pool.ended'>))),
    /** A child of the root has ended: an agent, or a supervisor of agents. */
    judge: enqueueActions((args) => {
      const { actorId, output, error } = args.event as unknown as { actorId: string; output?: unknown; error?: unknown }
      const reason = isExitOutput(output) ? output.reason : (error ?? 'normal')
      inStep(args, (step) => step.judge(actorId, reason))
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

type Word<Type extends PoolWord['type']> = Extract<PoolWord, { type: Type }>

interface StepArguments {
  enqueue: unknown
  context: SystemContext
  self: unknown
}

function inStep({ enqueue, context, self }: StepArguments, work: (step: SystemStep) => void): void {
  work(new SystemStep(enqueue as Enqueue, context, self as ConstructorParameters<typeof SystemStep>[2]))
}

export function refusal(event: string, error: AxonError): Fact {
  return { type: 'event.refused', event, error }
}
