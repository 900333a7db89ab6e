import { expect, test } from 'vitest'
import { Admission } from '../../../src/runtime/runs/admission.ts'
import { definitionOf } from '../../machines/samples.ts'
import { RunRig, settle } from './rig.ts'

function admissionOf(changes: Parameters<typeof definitionOf>[1]) {
  const time = { ms: 1_000 }
  const admission = new Admission(() => time.ms)
  const definition = definitionOf('writer', changes)
  return {
    time,
    refusal: () => admission.refusal(definition, 'a'),
    spend: (tokens: number) => admission.spend(tokens, definition),
  }
}

test('a rate lets a burst through, then so many a second, and says when the next is taken', () => {
  const { time, refusal } = admissionOf({ rate: { perSecond: 2, burst: 3 } })
  expect([refusal(), refusal(), refusal()]).toEqual([undefined, undefined, undefined])
  expect(refusal()).toMatchObject({
    code: 'RUN_REJECTED',
    retryable: true,
    agent: 'writer',
    context: { run: 'a', reason: 'rate', retryAfterMs: 500 },
  })
  time.ms += 499
  expect(refusal()?.context.retryAfterMs).toBe(1)
  time.ms += 1
  expect(refusal()).toBeUndefined()
  time.ms += 3_600_000
  expect([refusal(), refusal(), refusal()]).toEqual([undefined, undefined, undefined])
  expect(refusal()).toBeDefined()
})

test('usage rejects while as much has been used within the time, and says when it has not', () => {
  const { time, refusal, spend } = admissionOf({ usage: { totalTokens: 100, perMs: 60_000 } })
  spend(60)
  time.ms += 10_000
  expect(refusal()).toBeUndefined()
  spend(60)
  expect(refusal()).toMatchObject({
    code: 'RUN_REJECTED',
    context: { reason: 'usage', usedTokens: 120, retryAfterMs: 50_000 },
  })
  time.ms += 49_999
  expect(refusal()).toBeDefined()
  time.ms += 1
  expect(refusal()).toBeUndefined()
})

test('after an hour of runs what counts is the last minute, give or take a second', () => {
  const { time, refusal, spend } = admissionOf({ usage: { totalTokens: 1, perMs: 60_000 } })
  for (let run = 0; run < 36_000; run += 1) {
    spend(10)
    time.ms += 100
  }
  const used = refusal()?.context.usedTokens
  expect(used).toBeGreaterThanOrEqual(5_900)
  expect(used).toBeLessThanOrEqual(6_000)
})

test('a run beyond the rate is rejected at once, not started; a retry does not count', async () => {
  const rig = new RunRig({ rate: { perSecond: 0.001, burst: 1 } })
  rig.ready()
  const run = rig.run('a')
  await expect(rig.run('b')).rejects.toMatchObject({ code: 'RUN_REJECTED', run: 'b', started: false, attempt: 1 })
  expect(rig.load).toEqual({ inFlight: 1, queued: 0 })
  rig.call().succeed()
  await run
})

test('the tokens of answers count against usage', async () => {
  const rig = new RunRig({ usage: { totalTokens: 7, perMs: 60_000 } })
  rig.ready()
  const run = rig.run('a')
  rig.call().succeed()
  await run
  await settle()
  await expect(rig.run('b')).rejects.toMatchObject({
    code: 'RUN_REJECTED',
    context: { reason: 'usage', usedTokens: 7 },
  })
})
