/**
 * Owns supervisorMachine: the statechart of a supervisor, as an XState actor. What is done in its states is the core's,
 * supervision.ts; the machine hands it every event, and is where the core is.
 */
import { type AnyActorRef, enqueueActions, type SnapshotFrom, setup } from 'xstate'
import { Drive, sweeper } from './drive.ts'
import { type ExitOutput, exit } from './exit.ts'
import type { SupervisorEvent, SupervisorFact } from './facts.ts'
import { registerSupervisor } from './settings.ts'
import type { SupervisorOptions } from './spec.ts'
import { Supervision } from './supervision.ts'

export interface SupervisorContext {
  /** The table of children and all else, changed in place: it is the same in every snapshot. */
  supervision: Supervision
  /** Made when the actor starts. */
  drive: { of: Drive | undefined }
}

const parts = setup({
  types: {
    context: {} as SupervisorContext,
    events: {} as SupervisorEvent,
    input: {} as SupervisorOptions,
    emitted: {} as SupervisorFact,
    output: {} as ExitOutput,
  },
  actors: { sweeper },
  guards: {
    isRunning: ({ context }) => context.supervision.phase === 'running',
    isStarting: ({ context }) => context.supervision.phase === 'starting',
    isCooling: ({ context }) => context.supervision.phase === 'cooling',
    isStopping: ({ context }) => context.supervision.phase === 'stopping',
    isStopped: ({ context }) => context.supervision.phase === 'stopped',
  },
  actions: {
    begin: ({ context, self }) => {
      context.drive.of = new Drive(self as AnyActorRef)
      self.send({ type: 'supervisor.begin' })
    },
    serve: enqueueActions(({ context, event, enqueue }) => {
      context.drive.of?.hear(context.supervision, event, enqueue)
    }),
  },
})

/**
 * Supervises any XState logic with the semantics of OTP's supervisor. Its input is a `SupervisorOptions`; it ends with
 * `exit(reason)` as output. As the logic of a child it makes a tree of supervisors.
 *
 * Input that is invalid puts the actor in error with `SUPERVISOR_SPEC_INVALID`.
 */
export const supervisorMachine = parts.createMachine({
  id: 'supervisor',
  context: ({ input }) => ({ supervision: new Supervision(input), drive: { of: undefined } }),
  entry: 'begin',
  invoke: { id: 'supervisor.sweeper', src: 'sweeper', input: ({ context }) => context },
  initial: 'starting',
  states: {
    starting: {
      always: [
        { guard: 'isRunning', target: 'running' },
        { guard: 'isCooling', target: 'cooling' },
        { guard: 'isStopping', target: 'stopping' },
        { guard: 'isStopped', target: 'stopped' },
      ],
    },
    running: {
      always: [
        { guard: 'isCooling', target: 'cooling' },
        { guard: 'isStopping', target: 'stopping' },
        { guard: 'isStopped', target: 'stopped' },
      ],
    },
    cooling: {
      always: [
        { guard: 'isStarting', target: 'starting' },
        { guard: 'isRunning', target: 'running' },
        { guard: 'isStopping', target: 'stopping' },
        { guard: 'isStopped', target: 'stopped' },
      ],
    },
    stopping: {
      always: { guard: 'isStopped', target: 'stopped' },
    },
    stopped: { type: 'final' },
  },
  on: {
    'supervisor.startChild': { actions: 'serve' },
    'supervisor.terminateChild': { actions: 'serve' },
    'supervisor.restartChild': { actions: 'serve' },
    'supervisor.deleteChild': { actions: 'serve' },
    'supervisor.change': { actions: 'serve' },
    'supervisor.stop': { actions: 'serve' },
    'supervisor.shutdown': { actions: 'serve' },
    'supervisor.begin': { actions: 'serve' },
    'supervisor.timer': { actions: 'serve' },
    'supervisor.look': { actions: 'serve' },
    'supervisor.continue': { actions: 'serve' },
    'xstate.done.actor.*': { actions: 'serve' },
    'xstate.error.actor.*': { actions: 'serve' },
  },
  output: ({ context }) => exit(context.supervision.exitReason),
})

registerSupervisor(
  supervisorMachine,
  ({ context }: SnapshotFrom<typeof supervisorMachine>) => context.supervision.hasStarted,
)
