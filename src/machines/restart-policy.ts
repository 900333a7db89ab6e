/**
 * Owns the decision what follows a crash: restart now, restart later, or give up. A pure function of the policy, the history
 * and the crash; it reads no clock and rolls no dice of its own.
 */

export interface RestartPolicy {
  /** Restarts that are permitted within `withinMs`; one more fails the agent. */
  maxRestarts: number
  withinMs: number
  /** Delay before the first restart. */
  firstMs: number
  /** Delay before the second; doubles from there. */
  baseMs: number
  /** No delay is longer. */
  maxMs: number
  /** A process that was ready this long is healthy: the next crash counts as a first one. */
  stableMs: number
  /** After so long in `failed` one start is tried, and a loss within `withinMs` fails the agent again. Undefined: never. */
  coolDownMs?: number | undefined
}

/**
 * Why a process was lost. `environment` and `import` are seldom mended by a restart; `exit` and `signal` are its own end;
 * the rest was found by Node.
 */
export type CrashClass =
  | 'environment'
  | 'import'
  | 'exit'
  | 'signal'
  | 'oom'
  | 'start_timeout'
  | 'hang'
  | 'protocol'
  | 'host_lost'

export interface RestartHistory {
  /** Times of the restarts within the window, oldest first. */
  restarts: readonly number[]
  /** Crashes since the last stable time. */
  streak: number
  /** Starts in a row that failed for a reason that a restart cannot mend. */
  hopeless: number
  /** There was a process that was ready: what keeps the next from it and can pass is no reason to give up. */
  hasBeenReady: boolean
}

export interface CrashFacts {
  class: CrashClass
  /** True where another try can help by itself. */
  isRetryable: boolean
  /** How long the process had been ready, in milliseconds; undefined where it never was. */
  readyForMs: number | undefined
}

export type RestartDecision =
  | { action: 'restart'; delayMs: number; history: RestartHistory }
  | { action: 'fail'; why: 'hopeless' | 'intensity'; history: RestartHistory }

/** A process that can never start is tried this often. */
export const hopelessTries = 3

export const noRestarts: RestartHistory = { restarts: [], streak: 0, hopeless: 0, hasBeenReady: false }

/**
 * Decides what follows a crash.
 * @param nowMs any monotonic clock, the same for every call
 * @param random from 0 to 1; jitter takes away up to half of a delay
 */
export function decideRestart(
  policy: RestartPolicy,
  history: RestartHistory,
  crash: CrashFacts,
  nowMs: number,
  random: number,
): RestartDecision {
  const streak = (crash.readyForMs ?? -1) >= policy.stableMs ? 0 : history.streak
  const hasBeenReady = history.hasBeenReady || crash.readyForMs !== undefined
  const isPassing = crash.isRetryable && (crash.class === 'environment' ? hasBeenReady : crash.class !== 'import')
  const isHopeless = crash.readyForMs === undefined && !isPassing
  const hopeless = isHopeless ? history.hopeless + 1 : 0
  const restarts = [...history.restarts.filter((at) => at >= nowMs - policy.withinMs), nowMs]
  const next: RestartHistory = { restarts, streak: streak + 1, hopeless, hasBeenReady }

  if (crash.class === 'environment' && !crash.isRetryable) return { action: 'fail', why: 'hopeless', history: next }
  if (hopeless >= hopelessTries) return { action: 'fail', why: 'hopeless', history: next }
  if (restarts.length > policy.maxRestarts) return { action: 'fail', why: 'intensity', history: next }
  return { action: 'restart', delayMs: backoffMs(policy, streak, random), history: next }
}

/**
 * The delay before the next restart after `streak` of them.
 *
 * Equal jitter: half of the delay is kept, so that a crash loop never spins; half is spread, so that siblings do not march in step.
 */
export function backoffMs(
  policy: Pick<RestartPolicy, 'firstMs' | 'baseMs' | 'maxMs'>,
  streak: number,
  random: number,
): number {
  if (streak === 0) return policy.firstMs
  const ceiling = Math.min(policy.maxMs, policy.baseMs * 2 ** Math.min(streak - 1, 52))
  return ceiling / 2 + (random * ceiling) / 2
}
