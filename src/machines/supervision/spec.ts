/**
 * Owns what a supervisor is told to do: specifications of children and the supervisor's own options, as they are given. What is
 * valid, and the defaults, belong to settings.ts.
 */
import type { AnyActorLogic, AnyMachineSnapshot } from 'xstate'
import type { ExitReason } from './exit.ts'

/** When an ended child is started again: always; unless it ended in order; never. */
export type RestartType = 'permanent' | 'transient' | 'temporary'
/** Whom the end of a child restarts: itself, all, it and those started after it; or itself, one of many that are started as needed. */
export type Strategy = 'one_for_one' | 'one_for_all' | 'rest_for_one' | 'simple_one_for_one'
/** Whether a supervisor ends with its significant children: never, with the first, with the last. */
export type AutoShutdown = 'never' | 'any_significant' | 'all_significant'
/** For counting, and for the default of `shutdown`. */
export type ChildType = 'worker' | 'supervisor'

/** How one child is started, restarted and ended. */
export interface ChildSpec {
  /** The child's name among its siblings, and the id of its actor. */
  id: string
  /** Any actor logic: a machine, a promise, a callback, another supervisor. */
  logic: AnyActorLogic
  /** The actor's input, the same at every start. Of a template it may be a function of the argument of `startChild`. */
  input?: unknown
  /** The actor's name in its system's registry. Where a living actor has it already, the child cannot be started. */
  systemId?: string | undefined
  /** Default: `'permanent'`. */
  restart?: RestartType | undefined
  /**
   * How long the child has to end after `supervisor.shutdown`, in milliseconds, before it is killed; `'brutal'` kills it at
   * once. Default: 5000 for a worker, `'infinity'` for a supervisor. A child that does not take the event is stopped at once.
   */
  shutdown?: number | 'brutal' | 'infinity' | undefined
  /** Whether the child's own final end can end the supervisor, see `autoShutdown`. Not for permanent children. Default: false. */
  significant?: boolean | undefined
  /** Default: `'supervisor'` where `logic` is `supervisorMachine`, else `'worker'`. */
  type?: ChildType | undefined
  /**
   * Counts the child as started only when this first holds for its snapshot. Default: when it is active; for `supervisorMachine`,
   * when all of its own children are started.
   */
  ready?: ((snapshot: AnyMachineSnapshot) => boolean) | undefined
  /** How long `ready` may take, in milliseconds, before the start has failed. Default: 5000 where `ready` is given. */
  startMs?: number | undefined
}

/** Delays between restarts, with equal jitter. */
export interface BackoffOptions {
  /** Delay before the first restart, in milliseconds. Default: 0. */
  firstMs?: number | undefined
  /** Delay before the second; doubles from there. Default: 500. */
  baseMs?: number | undefined
  /** No delay is longer. Default: 60,000. */
  maxMs?: number | undefined
  /** A child that ran this long is healthy: its next end counts as a first one. Default: 60,000. */
  stableMs?: number | undefined
}

/** How a supervisor treats its children. */
export interface SupervisorOptions {
  /** Whom the end of one child restarts with it. Default: `'one_for_one'`. */
  strategy?: Strategy | undefined
  /** Restarts that are permitted within `periodMs`; one more ends the supervisor. Failed attempts count. Default: 1. */
  intensity?: number | undefined
  /** Default: 5000. */
  periodMs?: number | undefined
  /** Whether the supervisor ends with its significant children. Default: `'never'`. */
  autoShutdown?: AutoShutdown | undefined
  /** The children to begin with, in the order of their start. Not with `simple_one_for_one`. */
  children?: readonly ChildSpec[] | undefined
  /** The template of all children of `simple_one_for_one`. Without it `startChild` takes whole specifications. */
  child?: Omit<ChildSpec, 'id'> | undefined
  /** How many children `simple_one_for_one` may have, those that are being restarted included. Default: no limit. */
  maxChildren?: number | undefined
  /** Delays between restarts. Default: none, a restart is at once. */
  backoff?: BackoffOptions | undefined
  /**
   * Where given, too many restarts do not end the supervisor: it stops all children, rests so long (in milliseconds), and
   * tries once to start them. A crash within `periodMs` of that rests again. Default: the supervisor ends.
   */
  coolDownMs?: number | undefined
  /**
   * Whether a restart can mend what ended a child. Where it says no the child is left `failed`: its specification is kept, its
   * siblings are not touched, and it does not count in the window. Default: always.
   */
  isRestartable?: ((reason: ExitReason) => boolean) | undefined
  /** A monotonic clock in milliseconds. Default: the actor's clock where it tells the time, else `performance.now`. */
  now?: (() => number) | undefined
  /** From 0 to 1, for jitter. Default: `Math.random`. */
  random?: (() => number) | undefined
}
