import { expect, test } from 'vitest'
import { RunError } from '../../../src/errors.ts'
import { ConnectionLost } from '../../../src/runtime/http/transport.ts'
import { KeptAnswers } from '../../../src/runtime/runs/kept-answers.ts'
import { RunRig, response, settle } from './rig.ts'

const lost = () => new ConnectionLost('socket hang up', { isWritten: true })

test('a hundred calls with one key are one run, in flight and after it', async () => {
  const rig = new RunRig()
  rig.ready()
  const asked = Array.from({ length: 100 }, () => rig.ask('k'))
  await settle()
  expect(rig.calls).toHaveLength(1)
  rig.call().succeed()
  expect(new Set(await Promise.all(asked))).toEqual(new Set([response]))
  expect(await rig.ask('k')).toBe(response)
  expect(rig.calls).toHaveLength(1)
  expect(rig.told('run.accepted')).toHaveLength(1)
})

test('one key with another request is refused, in flight and after it, and names the run', async () => {
  const rig = new RunRig()
  rig.ready()
  const first = rig.ask('k', 'hi', { run: 'a' })
  const reused = { code: 'RUN_KEY_REUSED', retryable: false, agent: 'writer', context: { run: 'a' } }
  await expect(rig.ask('k', 'ho')).rejects.toMatchObject(reused)
  rig.call().succeed()
  await first
  await expect(rig.ask('k', 'ho')).rejects.toMatchObject(reused)
  expect(rig.calls).toHaveLength(1)
})

test('keys of two agents, and two keys of one, have nothing to do with each other', async () => {
  const rig = new RunRig()
  rig.ready()
  const asked = [rig.ask('k'), rig.ask('l')]
  await settle()
  expect(rig.calls).toHaveLength(2)
  for (const call of rig.calls) call.succeed()
  await Promise.all(asked)
})

test('what began and was interrupted is answered again with its error, and not run again', async () => {
  const rig = new RunRig()
  const process = rig.ready()
  const first = rig.ask('k').catch((error) => error)
  await settle()
  process.receipt(rig.call().run)
  rig.call().fail(lost())
  process.bury()
  const error = await first
  expect(error).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
  rig.ready(2)
  expect(await rig.ask('k').catch((again) => again)).toBe(error)
  expect(rig.calls).toHaveLength(1)
})

test('what never began leaves its key free', async () => {
  const rig = new RunRig()
  rig.hear('agent.stopped')
  await expect(rig.ask('k')).rejects.toMatchObject({ code: 'AGENT_STOPPED', started: false })
  rig.ready()
  const next = rig.ask('k', 'another request')
  await settle()
  rig.call().succeed()
  expect(await next).toBe(response)
})

test('a caller who gives up leaves the run to the others; with the last of them it is cancelled', async () => {
  const rig = new RunRig()
  const process = rig.ready()
  const [one, two] = [new AbortController(), new AbortController()]
  const first = rig.ask('k', 'hi', { signal: one.signal }).catch((error) => error)
  const second = rig.ask('k', 'hi', { signal: two.signal }).catch((error) => error)
  await settle()
  one.abort(new Error('enough'))
  expect(await first).toMatchObject({ code: 'RUN_CANCELLED', started: undefined, cause: { message: 'enough' } })
  expect(process.told).toEqual([])
  process.receipt(rig.call().run)
  two.abort()
  expect(await second).toMatchObject({ code: 'RUN_CANCELLED', started: true })
  expect(process.told).toMatchObject([{ type: 'cancel' }])
})

test('a caller who had given up before he called starts nothing', async () => {
  const rig = new RunRig()
  rig.ready()
  await expect(rig.ask('k', 'hi', { signal: AbortSignal.abort() })).rejects.toMatchObject({
    code: 'RUN_CANCELLED',
    started: false,
  })
  expect(rig.calls).toEqual([])
})

test.each([
  ['', 'is empty'],
  ['x'.repeat(256), 'is longer than 255'],
])('the key %j is refused', async (key, why) => {
  await expect(new RunRig().ask(key)).rejects.toMatchObject({
    code: 'RUN_REQUEST_INVALID',
    message: expect.stringContaining(why),
  })
})

test('a stream takes no key', () => {
  expect(() => new RunRig().dispatcher.stream('writer', { prompt: 'hi' }, { idempotencyKey: 'k' })).toThrow(/takes no/)
})

test('answers are forgotten after their time, and the oldest when there are too many', () => {
  const time = { ms: 0 }
  const answers = new KeptAnswers(() => time.ms)
  const answer = { run: 'a', fingerprint: 'f', outcome: { response } }
  const policy = { keepMs: 1_000, maxKeys: 2 }
  const found = () => ['a', 'b', 'c'].filter((key) => answers.find('writer', key))
  for (const key of ['a', 'b', 'c']) answers.keep('writer', key, answer, policy)
  expect(found()).toEqual(['b', 'c'])
  expect(answers.find('reader', 'b')).toBeUndefined()
  answers.keep('writer', 'b', { ...answer, run: 'again' }, policy)
  expect(answers.find('writer', 'b')?.run).toBe('again')
  answers.keep('writer', 'a', answer, policy)
  expect(found()).toEqual(['a', 'b'])
  time.ms += 1_000
  expect(found()).toEqual([])
})

test('an error of a run is kept whole', async () => {
  const rig = new RunRig()
  rig.ready()
  const first = rig.ask('k').catch((error) => error)
  await settle()
  const raised = new RunError('AGENT_RAISED', 'no', {
    run: rig.call().run,
    agent: 'writer',
    started: true,
    attempt: 1,
    kind: 'ValueError',
  })
  rig.call().fail(raised)
  expect(await first).toBe(raised)
  expect(await rig.ask('k').catch((error) => error)).toBe(raised)
})
