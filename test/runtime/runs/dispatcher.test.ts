import { expect, test } from 'vitest'
import { AxonError } from '../../../src/errors.ts'
import { ConnectionLost } from '../../../src/runtime/http/transport.ts'
import { RunRig, response, settle } from './rig.ts'

const cause = new AxonError('PROCESS_EXITED', 'writer/0#1 ended with exit code 1.', { agent: 'writer' })
const crashed = { agent: 'writer', generation: 'writer/0#1', error: cause } as const

test('an agent that nobody knows is AGENT_UNKNOWN', () => {
  expect(() => new RunRig().dispatcher.run('reader', { prompt: 'hi' })).toThrow(
    expect.objectContaining({ code: 'AGENT_UNKNOWN' }),
  )
})

const requests: [string, unknown, string][] = [
  ['no prompt', {}, 'prompt'],
  ['an unknown field', { prompt: 'hi', promt: 'x' }, 'promt'],
  ['an unknown part', { prompt: [{ type: 'audio' }] }, 'prompt'],
  ['no part', { prompt: [] }, 'prompt'],
  ['a number JSON cannot hold', { prompt: 'hi', deps: 1n }, 'JSON'],
]

test.each(requests)('a request with %s is refused before there is a run', (_, request, message) => {
  const rig = new RunRig()
  expect(() => rig.dispatcher.run('writer', request as never)).toThrow(
    expect.objectContaining({ code: 'RUN_REQUEST_INVALID', message: expect.stringContaining(message) }),
  )
  expect(rig.facts).toEqual([])
})

test.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])(
  'runMs of %s is refused: no timer can wait for it',
  (runMs) => {
    const rig = new RunRig()
    expect(() => rig.dispatcher.run('writer', { prompt: 'hi' }, { runMs })).toThrow(/runMs/)
    expect(rig.clock.pending).toBe(0)
  },
)

test.each(['', 'a b', 'a\r\nx-evil: 1', 'ż', 'x'.repeat(201)])(
  'the id %j is refused: it cannot travel in a header',
  (run) => {
    expect(() => new RunRig().dispatcher.run('writer', { prompt: 'hi' }, { run })).toThrow(/its id/)
  },
)

test('an id names one run at a time', async () => {
  const rig = new RunRig()
  rig.ready()
  const first = rig.run('a')
  expect(() => rig.run('a')).toThrow(/under way/)
  rig.call().succeed()
  await first
  await settle()
  const second = rig.run('a')
  rig.call().succeed()
  expect(await second).toBe(response)
})

test('the time that is left travels with the call; a call of its own overrides the definition', async () => {
  const rig = new RunRig()
  rig.ready()
  const run = rig.run('a', { runMs: 1_000 }).catch((error) => error)
  expect(rig.call().call.deadlineMs).toBeLessThanOrEqual(1_000)
  expect(rig.call().call.body).toBe('{"prompt":"hi"}')
  rig.clock.advance(1_000)
  expect(await run).toMatchObject({ code: 'RUN_TIMEOUT' })
})

test('a backoff answers those who wait and those who come, with the time that is left', async () => {
  const rig = new RunRig()
  const waiting = rig.run('a').catch((error) => error)
  rig.dispatcher.hear({ type: 'agent.backoff', delayMs: 5_000, ...crashed })
  const error = await waiting
  expect(error).toMatchObject({ code: 'AGENT_BACKOFF', retryable: true, agent: 'writer', cause })
  expect(error.context.retryAfterMs).toBeGreaterThan(4_000)
  await expect(rig.run('b')).rejects.toMatchObject({ code: 'AGENT_BACKOFF' })
  rig.hear('agent.provisioning')
  const next = rig.run('c')
  rig.ready(2)
  rig.call().succeed()
  expect(await next).toBe(response)
})

test('a restart at once answers nobody: they wait', async () => {
  const rig = new RunRig()
  const run = rig.run('a')
  rig.dispatcher.hear({ type: 'agent.backoff', delayMs: 0, ...crashed })
  rig.ready(2)
  rig.call().succeed()
  expect(await run).toBe(response)
})

test.each([
  [
    'agent.failed',
    'AGENT_FAILED',
    (rig: RunRig) => rig.dispatcher.hear({ type: 'agent.failed', why: 'hopeless', ...crashed }),
  ],
  ['agent.stopped', 'AGENT_STOPPED', (rig: RunRig) => rig.hear('agent.stopped')],
  ['agent.retired', 'AGENT_STOPPED', (rig: RunRig) => rig.dispatcher.hear({ type: 'agent.retired', agent: 'writer' })],
] as const)('at %s those who wait are answered with %s', async (_, code, hear) => {
  const rig = new RunRig()
  const run = rig.run('a')
  hear(rig)
  await expect(run).rejects.toMatchObject({ code })
  expect(rig.load).toEqual({ inFlight: 0, queued: 0 })
})

test('a run that is proved not to have started when its agent has failed is answered, not kept', async () => {
  const rig = new RunRig()
  const process = rig.ready()
  const run = rig.run('a')
  rig.call().fail(new ConnectionLost('gone', { isWritten: true }))
  rig.dispatcher.hear({ type: 'agent.failed', why: 'intensity', ...crashed })
  process.bury()
  await expect(run).rejects.toMatchObject({ code: 'AGENT_FAILED' })
})

test('run.start by an event tells its end; a request that is no request too', async () => {
  const rig = new RunRig()
  rig.ready()
  rig.dispatcher.hear({ type: 'run.start', agent: 'writer', run: 'a', request: { prompt: 'hi' } })
  rig.call().succeed()
  await settle()
  rig.dispatcher.hear({ type: 'run.start', agent: 'writer', run: 'b', request: {} as never })
  rig.dispatcher.hear({ type: 'run.start', agent: 'reader', run: 'c', request: { prompt: 'hi' } })
  rig.dispatcher.hear({ type: 'run.cancel', run: 'nobody' })
  const settled = rig.told('run.settled').map(({ run, status, error }) => [run, status, error?.code])
  expect(settled).toEqual([
    ['a', 'succeeded', undefined],
    ['b', 'failed', 'RUN_REQUEST_INVALID'],
    ['c', 'failed', 'AGENT_UNKNOWN'],
  ])
})

test('close answers everybody, takes no more, and leaves neither timers nor runs', async () => {
  const rig = new RunRig({ concurrency: 1 })
  rig.ready()
  const runs = ['a', 'b'].map((id) => rig.run(id).catch((error) => error))
  rig.dispatcher.close()
  const closed = { code: 'RUN_CANCELLED', cause: expect.objectContaining({ code: 'SUPERVISOR_CLOSED' }) }
  expect(await Promise.all(runs)).toMatchObject([
    { ...closed, started: undefined },
    { ...closed, started: false },
  ])
  expect(() => rig.run('c')).toThrow(expect.objectContaining({ code: 'SUPERVISOR_CLOSED' }))
  await settle()
  expect(rig.calls).toHaveLength(1)
  expect(rig.clock.pending).toBe(0)
})

test('a thousand runs that have settled, each in its own way, leave nothing', async () => {
  const rig = new RunRig({ concurrency: 1_000, queue: 1_000 })
  const process = rig.ready()
  const runs = Array.from({ length: 1_000 }, (_, at) => rig.run(`r-${at}`).catch((error) => error))
  for (const [at, call] of rig.calls.entries()) {
    if (at % 4 === 0) call.succeed()
    else if (at % 4 === 1) call.fail(new TypeError('oops'))
    else if (at % 4 === 2) rig.dispatcher.hear({ type: 'run.cancel', run: call.run })
    else call.fail(new ConnectionLost('gone', { isWritten: true }))
  }
  process.bury()
  await settle()
  expect(rig.load).toEqual({ inFlight: 0, queued: 250 })
  rig.hear('agent.stopped')
  await Promise.all(runs)
  await settle()
  expect(rig.load).toEqual({ inFlight: 0, queued: 0 })
  expect(rig.clock.pending).toBe(0)
  expect(rig.told('run.settled')).toHaveLength(1_000)
  // Every id is free again.
  for (const { run } of rig.told('run.settled')) rig.run(run).catch(() => {})
})
