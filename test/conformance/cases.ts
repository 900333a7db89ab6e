/**
 * Owns the form of a conformance case: one behaviour that Erlang/OTP or Elixir promises, under the name of their own test. How cases are
 * counted and printed belongs to scripts/conformance.ts; the supervisors and children that they use, to supervisor-rig.ts.
 *
 *     conformanceCase(
 *       { suite: 'supervisor_SUITE', name: 'sup_stop_timeout', verdict: 'same', holds: 'a child that sleeps past its timeout is killed' },
 *       async () => { …; expect(…)… },
 *     )
 *
 * registers one vitest test, `supervisor_SUITE: sup_stop_timeout: a child that sleeps past its timeout is killed`.
 *
 * 1. `same`: what the original asserts holds here, with its numbers. `adapted`: it holds in another form, and `reason` says which and why.
 * 2. A case whose body asserts nothing fails.
 * 3. `conformanceRun` runs a case again on something else (real processes): it counts no further, but the case fails where it fails.
 * 4. Cases that have no meaning in JavaScript are no tests: they stand in not-applicable.ts, each with its reason.
 */
import { expect, it } from 'vitest'

export type Suite =
  | 'supervisor_SUITE'
  | 'dynamic_supervisor_test'
  | 'task/supervisor_test'
  | 'partition_supervisor_test'
  | 'registry_test'
  | 'pg_SUITE'

export interface CaseName {
  suite: Suite
  /** As in the original suite. */
  name: string
  /** What must hold: the end of the test's title. */
  holds: string
}

export type ConformanceCase = CaseName & ({ verdict: 'same' } | { verdict: 'adapted'; reason: string })

/** A case again, `on` something else than the first time. */
export type ConformanceRun = CaseName & { on: string }

declare module 'vitest' {
  interface TaskMeta {
    /** What scripts/conformance.ts reads from the report. */
    conformance?: ConformanceCase | ConformanceRun
  }
}

/** Registers the case as a test. `body` waits for events, never for time, and leaves nothing behind. */
export function conformanceCase(info: ConformanceCase, body: () => void | Promise<void>): void {
  if (info.verdict === 'adapted' && info.reason.trim() === '') {
    throw new Error(`${info.suite}: ${info.name} is adapted, but does not say why.`)
  }
  register(info, `${info.suite}: ${info.name}: ${info.holds}`, body)
}

/** Registers another run of a case that `conformanceCase` registers, here or in another file. */
export function conformanceRun(info: ConformanceRun, body: () => void | Promise<void>): void {
  register(info, `${info.suite}: ${info.name}, on ${info.on}: ${info.holds}`, body)
}

function register(info: ConformanceCase | ConformanceRun, title: string, body: () => void | Promise<void>): void {
  it(title, async ({ task }) => {
    task.meta.conformance = info
    expect.hasAssertions()
    await body()
  })
}
