import { expect, test } from 'vitest'
import { RunError } from '../../../src/errors.ts'
import type { AxonEventOf } from '../../../src/runtime/telemetry/catalogue.ts'
import { FigureCount } from '../../../src/runtime/telemetry/figures.ts'

type Settled = AxonEventOf<'run.settled'>

const settled = (more: Partial<Settled> = {}): Settled => ({
  type: 'run.settled',
  agent: 'echo',
  run: 'r',
  status: 'succeeded',
  started: true,
  attempt: 1,
  durationMs: 100,
  ...more,
})

/** A count whose clock stands until it is set. */
function counting() {
  const time = { now: 0 }
  return { count: new FigureCount(() => time.now), time }
}

test('rates are of the last minute, or of the time since the counting began', () => {
  const { count, time } = counting()
  for (let at = 0; at < 10_000; at += 100) {
    time.now = at
    count.hear(settled({ inputTokens: 5 }))
  }
  time.now = 10_000
  expect(count.read('echo')).toMatchObject({ runsPerSecond: 10, inputTokensPerSecond: 50, outputTokensPerSecond: null })
  time.now = 65_000
  expect(count.read('echo').runsPerSecond).toBeCloseTo(40 / 60, 1)
  time.now = 130_000
  expect(count.read()).toMatchObject({ runsPerSecond: 0, p50Ms: null, p99Ms: null, samples: 0, errorRatio: null })
})

test('p50 and p99 are right to 2 %; there is no p99 of fewer than 20', () => {
  const { count } = counting()
  for (let durationMs = 1; durationMs <= 19; durationMs += 1) count.hear(settled({ durationMs }))
  expect(count.read('echo')).toMatchObject({ samples: 19, p99Ms: null })
  for (let durationMs = 20; durationMs <= 1_000; durationMs += 1) count.hear(settled({ durationMs }))
  const { p50Ms, p99Ms } = count.read('echo')
  expect((p50Ms as number) / 500).toBeCloseTo(1, 1.5)
  expect((p99Ms as number) / 990).toBeCloseTo(1, 1.5)
})

test('a cancelled run is no error, and a rejected one has no duration', () => {
  const { count } = counting()
  const error = new RunError('RUN_REJECTED', 'Full.', { run: 'r', agent: 'echo', started: false, attempt: 1 })
  for (const more of [{}, { status: 'cancelled' }, { status: 'timed_out' }, { status: 'failed', error }] as const)
    count.hear(settled(more))
  expect(count.read('echo')).toMatchObject({ errorRatio: 0.5, samples: 3 })
})

test('an agent that has left has no figures; those of all keep what it did', () => {
  const { count } = counting()
  count.hear(settled())
  count.hear({ type: 'agent.retired', agent: 'echo' })
  expect([count.read('echo').samples, count.read().samples]).toEqual([0, 1])
})
