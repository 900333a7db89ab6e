/**
 * Owns an agent: its replicas, how many there are, and how their processes are replaced without a gap. A replica's own life,
 * with its restarts, is agent.ts; which of them a run goes to is runtime/runs.
 *
 * 1. A replica that is let go drains first; it is gone when it has stopped.
 * 2. In a rollout nothing that serves is let go before its successor was ready; a rollout that fails lets nothing go.
 * 3. Whatever is asked for in a rollout is true of every process at its end: one that was being started before is let go.
 * 4. No process is ever named twice: a replica that comes back under an old index goes on counting.
 */
import { poolParts } from './pool-parts.ts'
import { exit } from './supervision/exit.ts'

export const poolMachine = poolParts.createMachine({
  id: 'pool',
  context: ({ input }) => ({
    ...input,
    replicas: [],
    left: {},
    wish: 'rest',
    rollout: undefined,
    outOfFilesAt: [],
    fault: undefined,
  }),
  entry: 'announce',
  initial: 'resting',
  states: {
    /** Nobody has started it: there is no replica yet. */
    resting: {
      on: {
        'agent.start': { target: 'serving', actions: ['openTasks', 'fill', 'forward'] },
        'agent.restart': { target: 'serving', actions: ['openTasks', 'fill', 'forward'] },
        'agent.stop': { target: 'serving', actions: ['openTasks', 'fill', 'forward'] },
        'agent.scale': { guard: 'canScale', target: 'serving', actions: ['openTasks', 'scale'] },
        'agent.configure': { actions: 'keepDefinition' },
      },
    },

    serving: {
      on: {
        'agent.start': { actions: ['fill', 'forward'] },
        'agent.stop': { actions: ['trim', 'forward'] },
        'agent.drain': { actions: ['trim', 'forward'] },
        'agent.quiet': { actions: ['trim', 'forward'] },
        'agent.restart': [
          { guard: 'canRoll', target: 'rolling', actions: 'replaceAll' },
          { actions: ['fill', 'forward'] },
        ],
        'agent.configure': [
          { guard: 'isProcessAsBefore', actions: ['keepDefinition', 'adjust', 'fit'] },
          { guard: 'canRoll', target: 'rolling', actions: ['keepDefinition', 'replaceAll', 'fit'] },
          { actions: ['keepDefinition', 'forward', 'fit'] },
        ],
        'agent.scale': { guard: 'canScale', actions: 'scale' },
        'replica.recycle': [
          { guard: 'canRollOne', target: 'rolling', actions: 'replaceOne' },
          { guard: 'isServing', actions: 'restartOne' },
        ],
      },
    },

    /** Successors are started, one at a time; what they succeed serves until they are ready. */
    rolling: {
      always: { guard: 'isRolledOut', target: 'serving', actions: 'complete' },
      on: {
        'agent.ready': { guard: 'isSurge', actions: ['note', 'recycleOld', 'relay', 'advance'] },
        'agent.failed': { guard: 'isSurgeLost', actions: ['note', 'relay', 'abandon'] },
        'agent.crashed': { guard: 'isSurgeLost', actions: ['note', 'relay', 'abandon'] },
        'agent.start': { actions: 'forward' },
        'agent.stop': { actions: ['abandon', 'trim', 'forward'] },
        'agent.drain': { actions: ['abandon', 'trim', 'forward'] },
        'agent.restart': { actions: 'replaceAgain' },
        'agent.configure': [
          { guard: 'isProcessAsBefore', actions: ['keepDefinition', 'adjust', 'fit'] },
          { actions: ['keepDefinition', 'replaceAgain', 'fit'] },
        ],
        'agent.scale': { guard: 'canScale', actions: 'scale' },
        'replica.recycle': { guard: 'isServing', actions: 'replaceOne' },
      },
    },

    /** Every replica drains and stops. */
    retiring: {
      entry: 'leaveAll',
      always: { guard: 'isEmpty', target: 'retired' },
      on: { 'agent.failed': { actions: ['note', 'relay'] } },
    },

    retired: { type: 'final', entry: 'announceEnd' },

    /** As retiring, because of a fault of Axon's own, or of a failure that its definition calls an exit. */
    escalating: {
      entry: 'leaveAll',
      always: { guard: 'isEmpty', target: 'escalated' },
    },

    escalated: { type: 'final', entry: 'announceEnd' },
  },
  on: {
    'agent.retire': '.retiring',
    'supervisor.shutdown': '.retiring',
    'tasks.wanted': { actions: 'openTasks' },
    'agent.ready': { actions: ['note', 'recycleOld', 'relay'] },
    'agent.stopped': [{ guard: 'isLeaving', actions: ['relay', 'bury'] }, { actions: ['note', 'relay'] }],
    'agent.failed': [
      { guard: 'escalates', target: '.escalating', actions: ['note', 'relay', 'keepFault'] },
      { actions: ['note', 'relay'] },
    ],
    'process.heartbeat': { actions: ['relay', 'recycleFull'] },
    'agent.*': { guard: 'isFact', actions: ['note', 'relay'] },
    'process.*': { actions: 'relay' },
    'environment.*': { actions: 'relay' },
    'xstate.error.actor.*': { target: '.escalating', actions: 'dropBroken' },
  },
  output: ({ context }) => exit(context.fault ?? 'normal'),
})
