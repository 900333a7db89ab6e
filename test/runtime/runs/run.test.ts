import { getEventListeners } from 'node:events'
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
const rejected = (started: boolean | undefined) =>
  new RunError('RUN_REJECTED', 'draining', { run: 'a', agent: 'writer', started, attempt: 1 })

test('a run that is answered succeeds, and says that it had started', async () => {
  const rig = new RunRig()
  const process = rig.ready()
  const run = rig.run('a')
  process.receipt('a')
  rig.call().succeed()
  expect(await run).toBe(response)
  expect(rig.facts.map(({ type }) => type)).toEqual(['run.accepted', 'run.started', 'run.settled'])
  const [settled] = rig.told('run.settled')
  expect(settled).toMatchObject({ status: 'succeeded', started: true, attempt: 1, totalTokens: 7 })
})

test('a connection lost before the receipt, then death: proved not to have started, the run is sent once more', async () => {
  const rig = new RunRig()
  const first = rig.ready(1)
  const run = rig.run('a')
  rig.call().fail(lost())
  first.exit()
  await settle()
  expect(rig.told('run.requeued')).toEqual([])
  first.bury()
  await settle()
  expect(rig.told('run.requeued')).toMatchObject([{ run: 'a', generation: 'writer/0#1', attempt: 2 }])
  rig.ready(2)
  expect(rig.call().call).toMatchObject({ generation: 'writer/0#2', attempt: 2 })
  rig.call().succeed()
  expect(await run).toBe(response)
  expect(rig.told('run.settled')).toMatchObject([{ attempt: 2, started: true }])
})

test('a run is sent twice at most: the second death before its start is told, and may be tried again', async () => {
  const rig = new RunRig()
  const run = errorOf(rig.run('a'))
  for (const generation of [1, 2]) {
    const process = rig.ready(generation)
    rig.call().fail(lost())
    process.bury()
    await settle()
  }
  expect(await run).toMatchObject({ code: 'RUN_INTERRUPTED', started: false, retryable: true, attempt: 2 })
  rig.ready(3)
  expect(rig.calls).toHaveLength(2)
})

test('a receipt, then death: the run is interrupted and never sent again', async () => {
  const rig = new RunRig()
  const process = rig.ready()
  const run = errorOf(rig.run('a'))
  process.receipt('a')
  rig.call().fail(lost())
  process.bury()
  expect(await run).toMatchObject({ code: 'RUN_INTERRUPTED', started: true, retryable: false, attempt: 1 })
  rig.ready(2)
  expect(rig.calls).toHaveLength(1)
})

test('a receipt that is read after the connection broke, and before the process is buried, counts', async () => {
  const rig = new RunRig()
  const process = rig.ready()
  const run = errorOf(rig.run('a'))
  rig.call().fail(lost())
  process.exit()
  await settle()
  process.receipt('a')
  process.bury()
  expect(await run).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
})

test('a connection lost, the process alive and silent, no receipt: nobody knows, the process is told to let go', async () => {
  const rig = new RunRig()
  const process = rig.ready()
  const run = errorOf(rig.run('a'))
  rig.call().fail(lost())
  await settle()
  rig.clock.advance(1_000)
  expect(await run).toMatchObject({ code: 'RUN_OUTCOME_UNKNOWN', started: undefined, retryable: false })
  expect(process.told).toEqual([{ type: 'revoke', run: 'a', attempt: 1 }])
})

test('a connection lost after the receipt, the process alive: interrupted, and the process is told to let go', async () => {
  const rig = new RunRig()
  const process = rig.ready()
  const run = errorOf(rig.run('a'))
  process.receipt('a')
  rig.call().fail(lost())
  await settle()
  rig.clock.advance(1_000)
  expect(await run).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
  expect(process.told).toEqual([{ type: 'revoke', run: 'a', attempt: 1 }])
})

test('a run that could not be written has not started, though the process lives: it is sent once more', async () => {
  const rig = new RunRig()
  const process = rig.ready()
  const run = rig.run('a')
  rig.call().fail(unwritten())
  await settle()
  rig.clock.advance(1_000)
  await settle()
  expect(rig.sent).toEqual(['a', 'a'])
  expect(process.told).toEqual([])
  rig.call().succeed()
  expect(await run).toBe(response)
})

test('a process that drains by itself refuses a run: it waits for the next process, and is not sent to this one again', async () => {
  const rig = new RunRig()
  rig.ready(1)
  const run = rig.run('a')
  rig.call().fail(rejected(false))
  await settle()
  const second = rig.run('b')
  expect(rig.sent).toEqual(['a'])
  rig.ready(2)
  expect(rig.sent).toEqual(['a', 'a', 'b'])
  for (const call of rig.calls) call.succeed()
  expect(await Promise.all([run, second])).toEqual([response, response])
})

test.each([
  ['without the mark that it had not started', undefined, false],
  ['with that mark, after a receipt', false, true],
])('a refusal %s is not sent again', async (_, started, hasReceipt) => {
  const rig = new RunRig()
  const process = rig.ready()
  const run = errorOf(rig.run('a'))
  if (hasReceipt) process.receipt('a')
  rig.call().fail(rejected(started))
  expect(await run).toMatchObject({ code: 'RUN_REJECTED', started: hasReceipt || undefined })
  expect(rig.calls).toHaveLength(1)
})

test.each([
  ['AGENT_RAISED', 'failed'],
  ['RUN_CANCELLED', 'cancelled'],
  ['RUN_TIMEOUT', 'timed_out'],
  ['RUN_REQUEST_INVALID', 'failed'],
] as const)('the answer %s of the process means that the run has %s', async (code, status) => {
  const rig = new RunRig()
  rig.ready()
  const run = errorOf(rig.run('a'))
  const error = new RunError(code, 'no', { run: 'a', agent: 'writer', started: false, attempt: 1 })
  rig.call().fail(error)
  expect(await run).toBe(error)
  expect(rig.told('run.settled')).toMatchObject([{ status, started: false, error }])
})

test('an answer that cannot be read says that the run had started where its receipt says so', async () => {
  const rig = new RunRig()
  const process = rig.ready()
  const run = errorOf(rig.run('a'))
  process.receipt('a')
  const cause = new SyntaxError('<html>')
  const about = { run: 'a', agent: 'writer', started: undefined, attempt: 1, cause }
  rig.call().fail(new RunError('PROTOCOL_INVALID_RESPONSE', 'no JSON', about))
  expect(await run).toMatchObject({ code: 'PROTOCOL_INVALID_RESPONSE', message: 'no JSON', started: true, cause })
  expect(rig.told('run.settled')).toMatchObject([{ status: 'failed', started: true }])
})

test('something nobody thought of fails the run as INTERNAL_ERROR', async () => {
  const rig = new RunRig()
  rig.ready()
  const run = errorOf(rig.run('a'))
  rig.call().fail(new TypeError('oops'))
  expect(await run).toMatchObject({ code: 'INTERNAL_ERROR', run: 'a', started: undefined })
})

test('no byte in time: the run has timed out, and the process is told to let go', async () => {
  const rig = new RunRig()
  const process = rig.ready()
  const run = errorOf(rig.run('a'))
  process.receipt('a')
  rig.call().fail(new ByteTimeout('no byte'))
  expect(await run).toMatchObject({ code: 'RUN_TIMEOUT', started: true })
  expect(process.told).toEqual([{ type: 'cancel', run: 'a', attempt: 1, started: true }])
})

const ends = {
  cancel: ['RUN_CANCELLED', 'cancelled', (rig: RunRig) => rig.dispatcher.hear({ type: 'run.cancel', run: 'a' })],
  deadline: ['RUN_TIMEOUT', 'timed_out', (rig: RunRig) => rig.clock.advance(60_000)],
} as const

test.each(['cancel', 'deadline'] as const)(
  'a %s ends a run that waits: it has not started, and its place is free',
  async (how) => {
    const [code, status, end] = ends[how]
    const rig = new RunRig()
    const run = errorOf(rig.run('a'))
    expect(rig.load).toEqual({ inFlight: 0, queued: 1 })
    end(rig)
    expect(await run).toMatchObject({ code, started: false })
    expect(rig.told('run.settled')).toMatchObject([{ status, started: false }])
    expect(rig.load.queued).toBe(0)
    rig.ready()
    expect(rig.calls).toEqual([])
  },
)

test.each(['cancel', 'deadline'] as const)(
  'a %s ends a run in flight: with a receipt it had started, without one nobody knows',
  async (how) => {
    const [code, , end] = ends[how]
    for (const hasReceipt of [true, false]) {
      const rig = new RunRig()
      const process = rig.ready()
      const run = errorOf(rig.run('a'))
      if (hasReceipt) process.receipt('a')
      end(rig)
      expect(await run).toMatchObject({ code, started: hasReceipt || undefined })
      expect(rig.call().signal.aborted).toBe(true)
      expect(process.told).toEqual([{ type: 'cancel', run: 'a', attempt: 1, ...(hasReceipt && { started: true }) }])
      await settle()
      expect(rig.load).toEqual({ inFlight: 0, queued: 0 })
    }
  },
)

test.each(['cancel', 'deadline'] as const)('a %s while a lost connection is judged is the one answer', async (how) => {
  const [code, , end] = ends[how]
  const rig = new RunRig()
  const process = rig.ready()
  const run = errorOf(rig.run('a'))
  rig.call().fail(lost())
  await settle()
  end(rig)
  process.bury()
  expect(await run).toMatchObject({ code, started: undefined })
  await settle()
  expect(rig.told('run.settled')).toHaveLength(1)
  expect(rig.told('run.requeued')).toEqual([])
  expect(rig.clock.pending).toBe(0)
})

test('a run that was sent in vain and waits again has not started, whoever ends it', async () => {
  const rig = new RunRig()
  const process = rig.ready()
  const run = errorOf(rig.run('a'))
  rig.call().fail(lost())
  process.bury()
  await settle()
  rig.dispatcher.hear({ type: 'run.cancel', run: 'a' })
  expect(await run).toMatchObject({ code: 'RUN_CANCELLED', started: false, attempt: 2 })
})

test('a signal ends a run with its reason as the cause; afterwards nobody listens to it', async () => {
  const rig = new RunRig()
  rig.ready()
  const controller = new AbortController()
  const run = errorOf(rig.run('a', { signal: controller.signal }))
  const other = rig.run('b', { signal: controller.signal })
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(2)
  rig.call(1).succeed()
  await other
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1)
  controller.abort(new Error('enough'))
  expect((await run).cause).toMatchObject({ message: 'enough' })
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(0)
})

test('a signal that is aborted already: nothing is sent', async () => {
  const rig = new RunRig()
  rig.ready()
  const run = errorOf(rig.run('a', { signal: AbortSignal.abort() }))
  expect(await run).toMatchObject({ code: 'RUN_CANCELLED', started: false })
  expect(rig.calls).toEqual([])
  expect(rig.told('run.settled')).toHaveLength(1)
})

test('a refusal has the words of the agent, and says that the run had not started', async () => {
  const rig = new RunRig()
  rig.hear('agent.stopped')
  const error = await errorOf(rig.run('a'))
  expect(error).toBeInstanceOf(RunError)
  expect(error).toMatchObject({ code: 'AGENT_STOPPED', agent: 'writer', run: 'a', started: false, attempt: 1 })
  expect(rig.told('run.settled')).toMatchObject([{ status: 'failed', started: false }])
})
