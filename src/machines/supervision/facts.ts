/**
 * Owns what a supervisor tells and what it can be asked: its emitted facts and its events. What is done about them belongs to
 * supervision.ts.
 */
import type { AnyActorRef } from 'xstate'
import type { AxonError } from '../../errors.ts'
import type { ExitReason } from './exit.ts'
import type { ChildSpec, SupervisorOptions } from './spec.ts'

/** Told by a supervisor: `actor.on('child.exited', …)`, or `'*'` for all. */
export type SupervisorFact =
  | { type: 'child.started'; id: string; ref: AnyActorRef }
  /** The child's start came to nothing because it ended with `exit('ignore')`. */
  | { type: 'child.ignored'; id: string }
  | { type: 'child.startFailed'; id: string; reason: ExitReason }
  /** The child ended by itself. */
  | { type: 'child.exited'; id: string; reason: ExitReason }
  | { type: 'child.restarting'; id: string; delayMs: number }
  /** The supervisor ended the child; `reason` is how it went. */
  | { type: 'child.terminated'; id: string; reason: ExitReason }
  /** The child cannot be mended by a restart, see `isRestartable`. */
  | { type: 'child.failed'; id: string; reason: ExitReason }
  | { type: 'supervisor.started' }
  /** There were more restarts than `intensity` permits; `id` is the child that would have been restarted next. */
  | { type: 'supervisor.exceeded'; id: string; reason: ExitReason }
  | { type: 'supervisor.cooling'; forMs: number }
  | { type: 'supervisor.stopping'; reason: ExitReason }
  | { type: 'supervisor.stopped'; reason: ExitReason }

/** What an ask comes to. */
export type Answer<Value> = { ok: true; value: Value } | { ok: false; error: AxonError }
/** Called once with the answer, in the supervisor's own step. */
export type Reply<Value> = (answer: Answer<Value>) => void

/** What can be asked of a supervisor. It is answered through `reply`, once. */
export type SupervisorAsk =
  /** `spec` for whole specifications, `argument` for the template of simple_one_for_one. Answer: undefined for `ignore`. */
  | {
      type: 'supervisor.startChild'
      spec?: Omit<ChildSpec, 'id'> & { id?: string }
      argument?: unknown
      reply?: Reply<AnyActorRef | undefined>
    }
  | { type: 'supervisor.terminateChild'; id: string | AnyActorRef; reply?: Reply<undefined> }
  | { type: 'supervisor.restartChild'; id: string; reply?: Reply<AnyActorRef | undefined> }
  | { type: 'supervisor.deleteChild'; id: string; reply?: Reply<undefined> }
  | { type: 'supervisor.change'; options: SupervisorOptions; reply?: Reply<undefined> }
  /** Default reason: `'shutdown'`. */
  | { type: 'supervisor.stop'; reason?: ExitReason; reply?: Reply<undefined> }

/** What a supervisor hears besides: from its own supervisor, from its children and timers, and from itself. */
export type SupervisorSignal =
  | { type: 'supervisor.shutdown' }
  | { type: 'supervisor.begin' }
  | { type: 'supervisor.timer'; timer: string }
  /** Something may have happened to the child: it is looked up. */
  | { type: 'supervisor.look'; child: string }
  | { type: 'supervisor.continue' }

/** Every event that a supervisor hears. */
export type SupervisorEvent = SupervisorAsk | SupervisorSignal
