/**
 * Owns a second, slower statement of the restart policy, for comparison: it keeps no history but reads the whole log of
 * crashes each time.
 */
import { type CrashFacts, hopelessTries, type RestartPolicy } from '../../src/machines/restart-policy.ts'

export interface LoggedCrash {
  atMs: number
  /** From 0 to 1, the jitter of this decision. */
  random: number
  crash: CrashFacts
}

export type Verdict = { action: 'restart'; delayMs: number } | { action: 'fail'; why: 'hopeless' | 'intensity' }

/** What follows each crash of the log. */
export function judgeLog(policy: RestartPolicy, log: readonly LoggedCrash[]): Verdict[] {
  return log.map((_, index) => judgeLast(policy, log.slice(0, index + 1)))
}

/** What follows the last crash of the log. */
export function judgeLast(policy: RestartPolicy, log: readonly LoggedCrash[]): Verdict {
  const last = log[log.length - 1]
  if (last === undefined) throw new Error('A log to judge holds one crash at least.')

  const isBeyondRepair = last.crash.class === 'environment' && !last.crash.isRetryable
  if (isBeyondRepair || trailing(log, (crash) => isHopelessStart(crash, log)) >= hopelessTries)
    return { action: 'fail', why: 'hopeless' }

  const inWindow = log.filter(({ atMs }) => last.atMs - atMs <= policy.withinMs).length
  if (inWindow > policy.maxRestarts) return { action: 'fail', why: 'intensity' }

  const lastStable = log.findLastIndex(
    ({ crash }) => crash.readyForMs !== undefined && crash.readyForMs >= policy.stableMs,
  )
  let ceiling = policy.baseMs
  const tries = log.length - 1 - Math.max(lastStable, 0)
  if (tries === 0) return { action: 'restart', delayMs: policy.firstMs }
  for (let done = 1; done < tries; done += 1) ceiling *= 2
  ceiling = Math.min(ceiling, policy.maxMs)
  return { action: 'restart', delayMs: ceiling / 2 + (ceiling / 2) * last.random }
}

/** It never became ready, for a reason that a restart does not mend. */
function isHopelessStart(logged: LoggedCrash, log: readonly LoggedCrash[]): boolean {
  const { crash } = logged
  if (crash.readyForMs !== undefined) return false
  if (crash.class === 'import' || !crash.isRetryable) return true
  // What was made once will be there again.
  return (
    crash.class === 'environment' &&
    log.slice(0, log.indexOf(logged)).every((one) => one.crash.readyForMs === undefined)
  )
}

function trailing(log: readonly LoggedCrash[], is: (crash: LoggedCrash) => boolean): number {
  return log.length - 1 - log.findLastIndex((crash) => !is(crash))
}
