/**
 * Owns the table of agents: who is spawned, who is retired, and that the system is closed only when every agent has stopped.
 * Facts of the agents pass through it to the outside. An agent's own life is pool.ts.
 *
 * 1. An agent is started when those are ready that it comes after, and stopped when those are gone that come after it.
 * 2. What ends in one agent touches no other, but those that its supervisor's strategy names.
 */
import { sendTo, stopChild } from 'xstate'
import { Arrangement } from './arrangement.ts'
import { narrowExitEvents } from './supervision/exit-events.ts'
import { Intensity } from './supervision/intensity.ts'
import { taskSupervisorOptions } from './supervision/tasks.ts'
import { systemParts } from './system-parts.ts'

export type { SystemCommand, SystemContext, SystemInput } from './system-context.ts'

export const systemMachine = systemParts.createMachine({
  id: 'axon',
  context: ({ input }) => ({
    members: new Map(),
    teams: new Map(),
    arrangement: new Arrangement(input.supervisors ?? []),
    window: new Intensity(),
    input,
    fault: undefined,
  }),
  invoke: [
    { id: 'telemetry', src: 'telemetry' },
    { id: 'pubsub', systemId: 'pubsub', src: 'pubsub' },
    { id: 'groups', systemId: 'groups', src: 'groups' },
    { id: 'tasks', systemId: 'tasks', src: 'tasks', input: taskSupervisorOptions() },
    { id: 'runs', src: 'runs' },
  ],
  initial: 'running',
  states: {
    running: {
      entry: [
        {
          type: 'emitFact',
          params: ({ context }) => ({ type: 'system.started', agents: context.input.agents.length }),
        },
        'begin',
      ],
      on: {
        'supervisor.open': { actions: { type: 'openTeam', params: ({ event }) => ({ team: event.team }) } },
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
        'agent.ready': { guard: 'isFact', actions: ['relay', 'releaseHeld'] },
        'agent.crashed': { guard: 'isFact', actions: ['relay', 'replaceSiblings'] },
        'agent.stopped': { guard: 'isFact', actions: ['relay', 'goOnReplacing'] },
        'member.left': { actions: 'releaseHeld' },
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
        'member.left': { actions: 'retireFreed' },
        'run.start': { actions: 'refuse' },
      },
    },
    closed: {
      type: 'final',
      entry: ['stopAll', { type: 'emitFact', params: { type: 'system.closed' } }],
    },
  },
  on: {
    // Runs first: their parents, which hear of their ends, are stopped with the agents.
    'system.destroy': { target: '.closed', actions: stopChild('runs') },
    'run.cancel': { actions: sendTo('runs', ({ event }) => event) },
    'run.approve': { actions: sendTo('runs', ({ event }) => event) },
    'run.deny': { actions: sendTo('runs', ({ event }) => event) },
    'event.refused': { actions: { type: 'emitFact', params: ({ event }) => event } },
    'tool.*': { actions: { type: 'emitFact', params: ({ event }) => event } },
    'run.accepted': { actions: { type: 'emitFact', params: ({ event }) => event } },
    'run.started': { actions: { type: 'emitFact', params: ({ event }) => event } },
    'run.abandoned': { actions: { type: 'emitFact', params: ({ event }) => event } },
    'run.requeued': { actions: { type: 'emitFact', params: ({ event }) => event } },
    'run.settled': { actions: { type: 'emitFact', params: ({ event }) => event } },
    'pool.made': { actions: 'welcome' },
    'pool.ended': { actions: 'noteEnd' },
    'agent.*': [{ guard: 'isFact', actions: 'relay' }, { actions: 'refuseUnknown' }],
    'process.*': { actions: 'relay' },
    'environment.*': { actions: 'relay' },
    'replica.*': { actions: 'relay' },
    'rollout.*': { actions: 'relay' },
    'xstate.done.actor.*': { actions: 'judge' },
    'xstate.error.actor.*': { actions: 'judge' },
  },
})

narrowExitEvents(systemMachine)
