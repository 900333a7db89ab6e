import { expect, test } from 'vitest'
import { FailedAttempts } from '../../../src/runtime/runs/failed-attempts.ts'
import { RetryBudget } from '../../../src/runtime/runs/retry-budget.ts'

function budgetAt() {
  const time = { ms: 0 }
  const budget = new RetryBudget(() => time.ms)
  const taken = (requests: number, tries = 100_000) => {
    let count = 0
    while (count < tries && budget.take(requests)) count += 1
    return count
  }
  return { time, taken }
}

test('without requests there are ten retries a second, those of ten seconds at most at once', () => {
  const { time, taken } = budgetAt()
  expect(taken(0)).toBe(100)
  time.ms += 1_000
  expect(taken(0)).toBe(10)
  time.ms += 3_600_000
  expect(taken(0)).toBe(100)
})

test('of the requests of the last ten seconds there are 20 % more', () => {
  const { time, taken } = budgetAt()
  expect(taken(1_000)).toBe(300)
  time.ms += 1_000
  expect(taken(2_000)).toBe(210)
  // In an hour in which 36,000 came there were 100 in the last ten seconds.
  time.ms += 3_600_000
  expect(taken(38_000)).toBe(120)
})

test('what is not used is not saved up', () => {
  const { time, taken } = budgetAt()
  expect(taken(1_000, 1)).toBe(1)
  time.ms += 20_000
  expect(taken(1_000)).toBe(100)
})

test('the wait before the same process is tried again doubles, is drawn from all of it, and is two seconds at most', () => {
  const attempts = new FailedAttempts()
  const waits: number[] = []
  for (let attempt = 1; attempt <= 9; attempt += 1) {
    const error = { started: false } as never
    attempts.judge({
      how: 'refused',
      error,
      link: undefined,
      maxAttempts: 2,
      isRepeatable: false,
      mayRetry: () => true,
    })
    waits.push(attempts.delayMs(() => 1))
    expect(attempts.delayMs(() => 0)).toBe(0)
  }
  expect(waits).toEqual([50, 100, 200, 400, 800, 1_600, 2_000, 2_000, 2_000])
})
