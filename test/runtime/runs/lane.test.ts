import { expect, test } from 'vitest'
import { ConnectionLost } from '../../../src/runtime/http/transport.ts'
import { definitionOf } from '../../machines/samples.ts'
import { RunRig, response, settle } from './rig.ts'

const lost = () => new ConnectionLost('socket hang up', { isWritten: true })
const quiet = (run: Promise<unknown>) => run.catch((error) => error)

test('runs go to the process in their order, no more at once than concurrency', async () => {
  const rig = new RunRig({ concurrency: 2 })
  const runs = ['a', 'b', 'c', 'd'].map((id) => rig.run(id))
  rig.ready()
  expect(rig.sent).toEqual(['a', 'b'])
  expect(rig.load).toEqual({ inFlight: 2, queued: 2 })
  rig.call(1).succeed()
  await settle()
  expect(rig.sent).toEqual(['a', 'b', 'c'])
  for (let at = 0; at < 4; at += 1) {
    rig.call(at)?.succeed()
    await settle()
  }
  expect(await Promise.all(runs)).toEqual([response, response, response, response])
  expect(rig.load).toEqual({ inFlight: 0, queued: 0 })
})

test('a run that finds the queue full is rejected at once, and says when to try again', async () => {
  const rig = new RunRig({ concurrency: 1, queue: 2 })
  rig.ready()
  const runs = ['a', 'b', 'c'].map((id) => quiet(rig.run(id)))
  await expect(rig.run('d')).rejects.toMatchObject({
    code: 'RUN_REJECTED',
    retryable: true,
    context: { run: 'd', retryAfterMs: 1_000 },
  })
  expect(rig.load).toEqual({ inFlight: 1, queued: 2 })
  rig.dispatcher.close()
  await Promise.all(runs)
})

test('a queue of 0 takes what a process can take at once, and nothing else', async () => {
  const rig = new RunRig({ concurrency: 1, queue: 0 })
  await expect(rig.run('a')).rejects.toMatchObject({ code: 'RUN_REJECTED' })
  rig.ready()
  const run = rig.run('b')
  await expect(rig.run('c')).rejects.toMatchObject({ code: 'RUN_REJECTED' })
  rig.call().succeed()
  await run
})

test('a run that gives up its place makes room in the queue', async () => {
  const rig = new RunRig({ queue: 1 })
  const run = quiet(rig.run('a'))
  rig.dispatcher.hear({ type: 'run.cancel', run: 'a' })
  await run
  const next = quiet(rig.run('b'))
  expect(rig.load.queued).toBe(1)
  rig.dispatcher.close()
  expect(await next).toMatchObject({ code: 'RUN_CANCELLED' })
})

test('runs that were sent in vain go before those that wait, in the order in which they came', async () => {
  const rig = new RunRig({ concurrency: 3 })
  const process = rig.ready(1)
  const runs = ['a', 'b', 'c', 'd', 'e'].map((id) => rig.run(id))
  for (const call of [...rig.calls]) call.fail(lost())
  process.exit()
  process.bury()
  await settle()
  expect(rig.load).toEqual({ inFlight: 0, queued: 5 })
  rig.ready(2)
  expect(rig.sent).toEqual(['a', 'b', 'c', 'a', 'b', 'c'])
  for (let at = 3; at < 8; at += 1) {
    rig.call(at).succeed()
    await settle()
  }
  await Promise.all(runs)
  expect(rig.sent.slice(6)).toEqual(['d', 'e'])
})

test('nothing is sent to a process whose exit was seen, though the machine has not said so yet', () => {
  const rig = new RunRig()
  const process = rig.ready()
  process.exit()
  void quiet(rig.run('a'))
  expect(rig.calls).toEqual([])
  expect(rig.load.queued).toBe(1)
  rig.dispatcher.close()
})

test.each(['agent.suspect', 'agent.draining', 'agent.stopping', 'agent.provisioning'] as const)(
  'from %s on runs wait, and those in flight go on',
  async (fact) => {
    const rig = new RunRig()
    const process = rig.ready()
    const first = rig.run('a')
    rig.hear(fact)
    const second = rig.run('b')
    expect(rig.sent).toEqual(['a'])
    process.receipt('a')
    rig.call().succeed()
    expect(await first).toBe(response)
    expect(rig.told('run.started')).toHaveLength(1)
    rig.ready(2)
    expect(rig.sent).toEqual(['a', 'b'])
    rig.call().succeed()
    expect(await second).toBe(response)
  },
)

test('an id that is free again after a cancel names the new run: its receipt is kept, and it is not sent twice', async () => {
  const rig = new RunRig()
  const process = rig.ready()
  const first = quiet(rig.run('a'))
  const old = rig.call()
  old.isDeaf = true
  rig.dispatcher.hear({ type: 'run.cancel', run: 'a' })
  await first
  await settle()
  const second = quiet(rig.run('a'))
  old.fail(new Error('aborted'))
  await settle()
  process.receipt('a')
  rig.call().fail(lost())
  process.bury()
  expect(await second).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
})

test('a change of the definition counts from the next run on', async () => {
  const rig = new RunRig({ concurrency: 1 })
  rig.ready()
  const first = rig.run('a')
  rig.definitions.set('writer', definitionOf('writer', { concurrency: 2 }))
  const second = rig.run('b')
  expect(rig.sent).toEqual(['a', 'b'])
  for (const call of rig.calls) call.succeed()
  await Promise.all([first, second])
})
