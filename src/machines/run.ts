/**
 * Owns the life of one run: its states and which event leads where. A logic of its own rather than a statechart, because every
 * request makes one: a transition is one look into a table. Sending, queueing and judging belong to runtime/runs.
 *
 * 1. A run has exactly one terminal state, and nothing leaves it.
 * 2. Only a run whose code has not begun is queued again, or one of an idempotent agent.
 */
import type { ActorLogic, AnyActorRef, EventObject, Snapshot } from 'xstate'
import type { AxonError } from '../errors.ts'

export type RunOutcome = 'succeeded' | 'failed' | 'cancelled' | 'timed_out' | 'interrupted'
export type RunState = 'accepted' | 'queued' | 'assigned' | 'written' | 'started' | 'streaming' | RunOutcome

export type RunEvent =
  | { type: 'run.queued' }
  | { type: 'run.assigned'; generation: string }
  | { type: 'run.written' }
  /** The receipt: user code begins. */
  | { type: 'run.started' }
  | { type: 'run.streaming' }
  /** It was proved not to have started, and is sent again. */
  | { type: 'run.requeued' }
  /** It started, or may have, and is run again: its agent is idempotent. */
  | { type: 'run.repeated' }
  | { type: 'run.settled'; outcome: RunOutcome; error?: AxonError | undefined }
  /** Asked from outside; answered by `run.settled` when the process has let go. */
  | { type: 'run.cancel' }

export interface RunInput {
  run: string
  agent: string
  mode: 'sync' | 'stream'
  /** Called at `run.cancel`. */
  cancel: () => void
}

export interface RunContext {
  run: string
  agent: string
  mode: 'sync' | 'stream'
  attempt: number
  generation: string | undefined
  started: boolean
  error: AxonError | undefined
}

export type RunSnapshot = Snapshot<RunOutcome> & { value: RunState; context: RunContext }

/** Which event leads where. `run.settled` leads from every state that is not terminal to its outcome. */
export const runTransitions: Readonly<Partial<Record<RunState, Partial<Record<RunEvent['type'], RunState>>>>> = {
  accepted: { 'run.queued': 'queued', 'run.assigned': 'assigned' },
  queued: { 'run.assigned': 'assigned' },
  assigned: { 'run.written': 'written', 'run.started': 'started', 'run.requeued': 'queued' },
  written: {
    'run.started': 'started',
    'run.streaming': 'streaming',
    'run.requeued': 'queued',
    'run.repeated': 'queued',
  },
  started: { 'run.streaming': 'streaming', 'run.repeated': 'queued' },
  streaming: { 'run.started': 'streaming' },
}

type RunLogic = ActorLogic<RunSnapshot, RunEvent, RunInput, AnyActorRef['system'], EventObject>

export const runLogic: RunLogic = {
  transition(snapshot, event, { defer, self }) {
    if (snapshot.status !== 'active') return snapshot
    if (event.type === 'run.cancel') {
      const cancel = cancels.get(self)
      if (cancel) defer(cancel)
      return snapshot
    }
    if (event.type === 'run.settled') {
      cancels.delete(self)
      const context = { ...snapshot.context, error: event.error }
      return { status: 'done', output: event.outcome, error: undefined, value: event.outcome, context }
    }
    const value = runTransitions[snapshot.value]?.[event.type]
    return value === undefined ? snapshot : { ...snapshot, value, context: next(snapshot.context, event) }
  },
  getInitialSnapshot({ self }, { run, agent, mode, cancel }) {
    cancels.set(self, cancel)
    const context = { run, agent, mode, attempt: 1, generation: undefined, started: false, error: undefined }
    return { status: 'active', output: undefined, error: undefined, value: 'accepted', context }
  },
  getPersistedSnapshot: (snapshot) => snapshot,
}

/** Kept beside the snapshots, which hold data only and are shown in inspectors. */
const cancels = new WeakMap<object, () => void>()

function next(context: RunContext, event: RunEvent): RunContext {
  switch (event.type) {
    case 'run.assigned':
      return { ...context, generation: event.generation }
    case 'run.started':
      return { ...context, started: true }
    case 'run.requeued':
    case 'run.repeated':
      return { ...context, attempt: context.attempt + 1, generation: undefined }
    default:
      return context
  }
}
