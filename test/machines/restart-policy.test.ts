import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  type CrashFacts,
  decideRestart,
  hopelessTries,
  noRestarts,
  type RestartHistory,
  type RestartPolicy,
} from '../../src/machines/restart-policy.ts'
import { judgeLog, type LoggedCrash } from './restart-reference.ts'

const policy: RestartPolicy = {
  maxRestarts: 10,
  withinMs: 600_000,
  firstMs: 0,
  baseMs: 500,
  maxMs: 60_000,
  stableMs: 60_000,
}
const crash: CrashFacts = { class: 'exit', isRetryable: true, readyForMs: 1_000 }

/** The decisions for a log of crashes, the history carried from one to the next. */
function play(from: RestartPolicy, log: readonly LoggedCrash[]) {
  let history: RestartHistory = noRestarts
  return log.map(({ atMs, random, crash: facts }) => {
    const decision = decideRestart(from, history, facts, atMs, random)
    history = decision.history
    return decision
  })
}

const every = (gapMs: number, count: number, facts = crash, random = 1): LoggedCrash[] =>
  Array.from({ length: count }, (_, index) => ({ atMs: index * gapMs, random, crash: facts }))

const delaysOf = (decisions: ReturnType<typeof play>) =>
  decisions.map((decision) => (decision.action === 'restart' ? decision.delayMs : decision.why))

describe('delays', () => {
  it('the first restart comes after firstMs, and the next ones double from baseMs', () => {
    const log = every(1_000, 5)
    expect(delaysOf(play({ ...policy, firstMs: 7 }, log))).toEqual([7, 500, 1_000, 2_000, 4_000])
  })

  it('no delay is longer than maxMs, however long the crash loop is', () => {
    const roomy = { ...policy, maxRestarts: 3_000 }
    const delays = delaysOf(play(roomy, every(1, 2_500)))
    expect(delays.slice(7, 10)).toEqual([32_000, 60_000, 60_000])
    expect(delays.at(-1)).toBe(60_000)
  })

  it('equal jitter takes away at most half of a delay', () => {
    expect(delaysOf(play(policy, every(1_000, 4, crash, 0)))).toEqual([0, 250, 500, 1_000])
    expect(delaysOf(play(policy, every(1_000, 4, crash, 0.5)))).toEqual([0, 375, 750, 1_500])
  })

  it('a process that was ready for stableMs starts the curve again', () => {
    const log = every(1_000, 4)
    const stable = { atMs: 100_000, random: 1, crash: { ...crash, readyForMs: 60_000 } }
    const almost = { atMs: 200_000, random: 1, crash: { ...crash, readyForMs: 59_999 } }
    expect(delaysOf(play(policy, [...log, stable, almost]))).toEqual([0, 500, 1_000, 2_000, 0, 500])
  })
})

describe('giving up', () => {
  it('ten restarts in ten minutes are permitted, and the eleventh crash fails the agent', () => {
    const decisions = play(policy, every(1_000, 11))
    expect(decisions.map(({ action }) => action)).toEqual([...Array(10).fill('restart'), 'fail'])
    expect(decisions.at(-1)).toMatchObject({ action: 'fail', why: 'intensity' })
  })

  it('a crash that is exactly withinMs old still counts, and an older one does not', () => {
    const narrow = { ...policy, maxRestarts: 1, withinMs: 1_000 }
    expect(play(narrow, every(1_000, 2)).at(-1)?.action).toBe('fail')
    expect(play(narrow, every(1_001, 2)).at(-1)?.action).toBe('restart')
  })

  it('with maxRestarts 0 the first crash fails the agent', () => {
    expect(play({ ...policy, maxRestarts: 0 }, every(0, 1))[0]).toMatchObject({ action: 'fail', why: 'intensity' })
  })

  it.each<[string, CrashFacts]>([
    ['an import error', { class: 'import', isRetryable: false, readyForMs: undefined }],
    ['an import error of an unknown kind', { class: 'import', isRetryable: true, readyForMs: undefined }],
    ['a port that is taken', { class: 'exit', isRetryable: false, readyForMs: undefined }],
    ['an environment whose package index does not answer', hopelessEnvironment(true)],
  ])('%s is tried three times, long before the intensity is used up', (_, facts) => {
    const decisions = play(policy, every(1_000, hopelessTries, facts))
    expect(decisions.map(({ action }) => action)).toEqual(['restart', 'restart', 'fail'])
    expect(decisions.at(-1)).toMatchObject({ why: 'hopeless' })
  })

  it('an environment that another try cannot mend fails at once', () => {
    expect(play(policy, every(0, 1, hopelessEnvironment(false)))[0]).toMatchObject({ action: 'fail', why: 'hopeless' })
  })

  it('a process that was ready comes back when what keeps its environment from it has passed', () => {
    const log = [crash, ...Array(5).fill(hopelessEnvironment(true))].map((facts, index) => ({
      atMs: index,
      random: 0,
      crash: facts,
    }))
    expect(play(policy, log).every(({ action }) => action === 'restart')).toBe(true)
  })

  it('a start that succeeded in between forgets the hopeless ones', () => {
    const hopeless: CrashFacts = { class: 'import', isRetryable: false, readyForMs: undefined }
    const log = [hopeless, hopeless, crash, hopeless, hopeless].map((facts, index) => ({
      atMs: index,
      random: 0,
      crash: facts,
    }))
    expect(play(policy, log).every(({ action }) => action === 'restart')).toBe(true)
  })
})

function hopelessEnvironment(isRetryable: boolean): CrashFacts {
  return { class: 'environment', isRetryable, readyForMs: undefined }
}

describe('for any policy and any history', () => {
  const anyPolicy = fc.record<RestartPolicy>({
    maxRestarts: fc.integer({ min: 0, max: 6 }),
    withinMs: fc.integer({ min: 0, max: 2_000 }),
    firstMs: fc.integer({ min: 0, max: 50 }),
    baseMs: fc.integer({ min: 1, max: 500 }),
    maxMs: fc.integer({ min: 50, max: 5_000 }),
    stableMs: fc.integer({ min: 1, max: 500 }),
  })
  const anyCrash = fc.record<CrashFacts>({
    class: fc.constantFrom('exit', 'signal', 'oom', 'import', 'environment', 'start_timeout', 'hang', 'protocol'),
    isRetryable: fc.boolean(),
    readyForMs: fc.option(fc.integer({ min: 0, max: 1_000 }), { nil: undefined }),
  })
  const anyLog = fc
    .array(
      fc.record({
        gapMs: fc.integer({ min: 0, max: 800 }),
        random: fc.double({ min: 0, max: 1, noNaN: true }),
        crash: anyCrash,
      }),
      { maxLength: 40 },
    )
    .map((steps) => {
      let atMs = 0
      return steps.map(({ gapMs, random, crash: facts }): LoggedCrash => {
        atMs += gapMs
        return { atMs, random, crash: facts }
      })
    })

  it('the decisions are those of a reference that reads the whole log of crashes', () => {
    fc.assert(
      fc.property(anyPolicy, anyLog, (from, log) => {
        const decisions = play(from, log).map(({ history: _, ...decision }) => decision)
        expect(decisions).toEqual(judgeLog(from, log))
      }),
      { numRuns: 10_000 },
    )
  })

  it('no window of withinMs has more than maxRestarts restarts', () => {
    fc.assert(
      fc.property(anyPolicy, anyLog, (from, log) => {
        const decisions = play(from, log)
        const permitted = log.filter((_, index) => decisions[index]?.action === 'restart').map(({ atMs }) => atMs)
        for (const start of permitted) {
          const within = permitted.filter((at) => at >= start && at <= start + from.withinMs)
          expect(within.length).toBeLessThanOrEqual(from.maxRestarts)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  it('every delay is firstMs, or between half of its ceiling and its ceiling, and never above maxMs', () => {
    fc.assert(
      fc.property(
        anyPolicy,
        fc.nat({ max: 2_000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (from, streak, random) => {
          const roomy = { ...from, maxRestarts: 1 }
          const decision = decideRestart(
            roomy,
            { restarts: [], streak, hopeless: 0, hasBeenReady: true },
            { ...crash, readyForMs: 0 },
            0,
            random,
          )
          const ceiling = Math.min(from.maxMs, from.baseMs * 2 ** (streak - 1))
          if (decision.action !== 'restart') throw new Error('a first crash in the window is restarted')
          if (streak === 0) expect(decision.delayMs).toBe(from.firstMs)
          else {
            expect(decision.delayMs).toBeGreaterThanOrEqual(ceiling / 2)
            expect(decision.delayMs).toBeLessThanOrEqual(ceiling)
          }
        },
      ),
      { numRuns: 2_000 },
    )
  })

  it('the same arguments give the same answer, and none of them is changed', () => {
    fc.assert(
      fc.property(anyPolicy, anyLog, anyCrash, (from, log, facts) => {
        const history = deepFreeze(play(from, log).at(-1)?.history ?? noRestarts)
        const ask = () => decideRestart(deepFreeze(from), history, deepFreeze(facts), 1_000_000, 0.5)
        expect(ask()).toEqual(ask())
      }),
      { numRuns: 1_000 },
    )
  })
})

function deepFreeze<T extends object>(value: T): T {
  for (const part of Object.values(value)) if (typeof part === 'object' && part !== null) deepFreeze(part)
  return Object.freeze(value)
}
