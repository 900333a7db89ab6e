import { expect, test } from 'vitest'
import { RunError } from '../../../src/errors.ts'
import { ByteTimeout, ConnectionLost } from '../../../src/runtime/http/transport.ts'
import { RunRig, response, settle } from './rig.ts'

const lost = () => new ConnectionLost('socket hang up', { isWritten: true })
const unwritten = () => new ConnectionLost('ECONNREFUSED', { isWritten: false })
const errorOf = (run: Promise<unknown>): Promise<RunError> =>
  run.then(
    () => expect.fail('it succeeded'),
    (error) => error,
  )
const said = (code: 'RUN_INTERRUPTED' | 'RUN_REJECTED' | 'AGENT_RAISED', started: boolean) =>
  new RunError(code, 'no', { run: 'a', agent: 'writer', started, attempt: 1 })
/** Long enough for the longest wait before a process is tried again. */
const aWhile = 2_000

test('a process that lives and does not have the run: it will not begin there, and is sent to another', async () => {
  const rig = new RunRig()
  const first = rig.ready(1, 0)
  const run = rig.run('a')
  const second = rig.ready(1, 1)
  rig.call().fail(lost())
  await settle()
  expect(first.told).toEqual([{ type: 'revoke', run: 'a', attempt: 1 }])
  expect(rig.calls).toHaveLength(1)
  first.revoked('a', false)
  await settle()
  expect(rig.call().call).toMatchObject({ generation: 'writer/1#1', attempt: 2 })
  expect(rig.told('run.requeued')).toMatchObject([{ generation: 'writer/0#1', attempt: 2, started: false }])
  second.receipt('a')
  rig.call().succeed()
  expect(await run).toBe(response)
  await settle()
  expect(rig.clock.pending).toBe(0)
})

test('a process that lives and has the run may begin it: nobody knows, and it is sent nowhere else', async () => {
  const rig = new RunRig()
  const process = rig.ready(1, 0)
  const run = errorOf(rig.run('a'))
  rig.ready(1, 1)
  rig.call().fail(lost())
  await settle()
  process.revoked('a', true)
  expect(await run).toMatchObject({ code: 'RUN_OUTCOME_UNKNOWN', started: undefined, attempt: 1, run: 'a' })
  expect(rig.calls).toHaveLength(1)
})

test('the receipt of a run that has ended comes before the answer that the process does not have it', async () => {
  const rig = new RunRig()
  const process = rig.ready()
  const run = errorOf(rig.run('a'))
  rig.call().fail(lost())
  await settle()
  process.receipt('a')
  process.revoked('a', false)
  expect(await run).toMatchObject({ code: 'RUN_INTERRUPTED', started: true, attempt: 1 })
  expect(rig.calls).toHaveLength(1)
})

test('an answer of another attempt, of another run or without a question means nothing', async () => {
  const rig = new RunRig()
  const process = rig.ready()
  process.revoked('a', false)
  const run = errorOf(rig.run('a'))
  rig.call().fail(lost())
  await settle()
  process.revoked('a', false, 2)
  process.revoked('b', false)
  await settle()
  expect(rig.told('run.requeued')).toEqual([])
  rig.clock.advance(1_000)
  expect(await run).toMatchObject({ code: 'RUN_OUTCOME_UNKNOWN' })
})

test('where there is no other process, the same is tried again after a while, by chance', async () => {
  const rig = new RunRig()
  rig.ready()
  const run = rig.run('a')
  rig.call().fail(unwritten())
  await settle()
  expect(rig.calls).toHaveLength(1)
  // What comes meanwhile is not held up.
  const next = rig.run('b')
  expect(rig.sent).toEqual(['a', 'b'])
  rig.clock.advance(50)
  expect(rig.sent).toEqual(['a', 'b', 'a'])
  rig.call(1).succeed()
  rig.call(2).succeed()
  expect(await Promise.all([run, next])).toEqual([response, response])
  await settle()
  expect(rig.clock.pending).toBe(0)
})

test('where another process is ready but full, it waits for that one; where that one leaves, it goes back', async () => {
  const rig = new RunRig({ concurrency: 1 })
  rig.ready(1, 0)
  const run = rig.run('a')
  rig.ready(1, 1)
  const other = rig.run('b')
  rig.call(0).fail(unwritten())
  await settle()
  rig.clock.advance(aWhile)
  expect(rig.sent).toEqual(['a', 'b'])
  rig.dispatcher.hear({ type: 'agent.draining', agent: 'writer', generation: 'writer/1#1' })
  expect(rig.call().call).toMatchObject({ run: 'a', generation: 'writer/0#1', attempt: 2 })
  for (const call of rig.calls) call.succeed()
  expect(await Promise.all([run, other])).toEqual([response, response])
})

test('what is refused before it begins is tried until the deadline, however often', async () => {
  const rig = new RunRig()
  rig.ready()
  const run = errorOf(rig.run('a', { runMs: 30_000 }))
  for (let attempt = 1; attempt <= 14; attempt += 1) {
    expect(rig.call().call.attempt).toBe(attempt)
    rig.call().fail(unwritten())
    await settle()
    rig.clock.advance(aWhile)
  }
  expect(rig.calls).toHaveLength(15)
  rig.call().fail(unwritten())
  await settle()
  rig.clock.advance(aWhile)
  expect(await run).toMatchObject({ code: 'RUN_TIMEOUT' })
})

test('a run that the process cut before it began goes to another; one that began does not', async () => {
  for (const started of [false, true]) {
    const rig = new RunRig()
    rig.ready(1, 0)
    const run = rig.run('a').catch((error) => error)
    rig.ready(1, 1)
    rig.call().fail(said('RUN_INTERRUPTED', started))
    await settle()
    expect(rig.calls).toHaveLength(started ? 1 : 2)
    rig.call().succeed()
    if (started) expect(await run).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
    else expect(await run).toBe(response)
  }
})

test('an idempotent agent: what began and was interrupted is run again, elsewhere', async () => {
  const rig = new RunRig({ idempotent: true, maxAttempts: 3 })
  const first = rig.ready(1, 0)
  const run = rig.run('a')
  rig.ready(1, 1)
  first.receipt('a')
  rig.call().fail(lost())
  first.bury()
  await settle()
  expect(rig.call().call).toMatchObject({ generation: 'writer/1#1', attempt: 2 })
  expect(rig.told('run.requeued')).toMatchObject([{ attempt: 2, started: true }])
  rig.call().succeed()
  expect(await run).toBe(response)
  expect(rig.told('run.started')).toHaveLength(2)
})

test('an idempotent agent: its attempts are bounded, and the last error says that it began', async () => {
  const rig = new RunRig({ idempotent: true, maxAttempts: 3 })
  const run = errorOf(rig.run('a'))
  for (const generation of [1, 2, 3]) {
    const process = rig.ready(generation)
    // It began in the second only.
    if (generation === 2) process.receipt('a')
    rig.call().fail(lost())
    process.bury()
    await settle()
  }
  expect(await run).toMatchObject({ code: 'RUN_INTERRUPTED', started: true, attempt: 3, retryable: true, run: 'a' })
  expect(rig.calls).toHaveLength(3)
})

test.each(['is silent', 'sends no byte in time'] as const)(
  'an idempotent agent: where the process %s, the run is run elsewhere',
  async (how) => {
    const rig = new RunRig({ idempotent: true, maxAttempts: 3 })
    const process = rig.ready(1, 0)
    const run = rig.run('a')
    rig.ready(1, 1)
    rig.call().fail(how === 'is silent' ? lost() : new ByteTimeout('no byte'))
    await settle()
    rig.clock.advance(1_000)
    await settle()
    expect(process.told[0]).toEqual({ type: how === 'is silent' ? 'revoke' : 'cancel', run: 'a', attempt: 1 })
    expect(rig.call().call).toMatchObject({ generation: 'writer/1#1', attempt: 2 })
    rig.call().succeed()
    expect(await run).toBe(response)
  },
)

test('an idempotent agent: what it raised is not run again', async () => {
  const rig = new RunRig({ idempotent: true, maxAttempts: 3 })
  rig.ready()
  const run = errorOf(rig.run('a'))
  rig.call().fail(said('AGENT_RAISED', true))
  expect(await run).toMatchObject({ code: 'AGENT_RAISED', started: true, attempt: 1 })
})

test.each(['cancel', 'deadline', 'stop'] as const)(
  'an idempotent agent: a run that began and waits for its next attempt says so when it ends by %s',
  async (how) => {
    const rig = new RunRig({ idempotent: true, maxAttempts: 3 })
    const process = rig.ready()
    const run = errorOf(rig.run('a'))
    process.receipt('a')
    rig.call().fail(lost())
    process.bury()
    await settle()
    if (how === 'cancel') rig.dispatcher.hear({ type: 'run.cancel', run: 'a' })
    else if (how === 'deadline') rig.clock.advance(60_000)
    else rig.hear('agent.stopped')
    expect(await run).toMatchObject({ started: true, attempt: 2, run: 'a', agent: 'writer' })
    expect(rig.told('run.settled')).toMatchObject([{ started: true, attempt: 2 }])
  },
)

test('an idempotent agent: a stream of which something has been read is not run again', async () => {
  const rig = new RunRig({ idempotent: true, maxAttempts: 3 })
  const process = rig.ready()
  rig.streams.set(
    'a',
    (async function* () {
      yield { id: 1, event: 'run.started' as const, data: { run_id: 'a' } }
    })(),
  )
  const stream = rig.dispatcher.stream('writer', { prompt: 'hi' }, { run: 'a' })
  const run = errorOf(stream.result)
  await settle()
  rig.call().fail(lost())
  process.bury()
  expect(await run).toMatchObject({ code: 'RUN_INTERRUPTED', started: true, attempt: 1 })
})

test('when the retry budget is used up the caller gets the first error, marked so', async () => {
  const rig = new RunRig({ concurrency: 200, queue: 200 })
  const process = rig.ready()
  const runs = Array.from({ length: 150 }, (_, at) => rig.run(`r-${at}`).catch((error: RunError) => error))
  for (const call of [...rig.calls]) call.fail(lost())
  process.bury()
  await settle()
  // 100 by time, and 20 % of 150 by requests, of which time takes away a little.
  const retried = rig.load.queued
  expect(retried).toBeGreaterThan(125)
  expect(retried).toBeLessThanOrEqual(130)
  rig.ready(2)
  for (const call of rig.calls.slice(150)) call.succeed()
  const errors = (await Promise.all(runs)).filter((outcome) => outcome instanceof RunError)
  expect(errors).toHaveLength(150 - retried)
  for (const error of errors) {
    expect(error).toMatchObject({ code: 'RUN_INTERRUPTED', started: false, attempt: 1, retryable: true })
    expect(error.context).toMatchObject({ isRetryBudgetUsedUp: true, generation: 'writer/0#1' })
  }
})
