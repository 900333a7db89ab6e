import { expect, test } from 'vitest'
import { ByteTimeout, ConnectionLost } from '../../../src/runtime/http/transport.ts'
import { RunRig, response, settle } from './rig.ts'

/** A run that its process has begun, and whose code does not end when it is cancelled. */
function stubborn() {
  const rig = new RunRig()
  const process = rig.ready()
  process.isStubborn = true
  const run = rig.run('a').catch((error) => error)
  process.receipt('a')
  return { rig, process, run, cancel: () => rig.dispatcher.hear({ type: 'run.cancel', run: 'a' }) }
}

test('a process that holds a cancelled run beyond its grace is to be replaced, and not a moment before', async () => {
  const { rig, run, cancel } = stubborn()
  cancel()
  expect(await run).toMatchObject({ code: 'RUN_CANCELLED' })
  rig.clock.advance(4_999)
  expect(rig.recycled).toEqual([])
  rig.clock.advance(1)
  expect(rig.recycled).toEqual(['writer/0#1 stuck'])
  expect(rig.told('run.abandoned')).toEqual([
    { type: 'run.abandoned', agent: 'writer', run: 'a', generation: 'writer/0#1' },
  ])
  expect(rig.clock.pending).toBe(0)
})

test('the grace is that of the definition as it is now', async () => {
  const { rig, cancel } = stubborn()
  rig.definitions.set('writer', { ...rig.definitions.get('writer'), cancelGraceMs: 10 } as never)
  void rig.run('b').catch(() => {})
  cancel()
  rig.clock.advance(10)
  expect(rig.recycled).toEqual(['writer/0#1 stuck'])
  rig.dispatcher.close()
})

test('code that ends within its grace keeps its process', async () => {
  const { rig, process, cancel } = stubborn()
  cancel()
  rig.clock.advance(4_000)
  process.settled('a')
  rig.clock.advance(60_000)
  expect(rig.recycled).toEqual([])
  expect(rig.clock.pending).toBe(0)
})

test('what has ended before it was cancelled is not waited for: the process answers the cancel', async () => {
  const rig = new RunRig()
  const process = rig.ready()
  const run = rig.run('a').catch((error) => error)
  process.receipt('a')
  process.settled('a')
  rig.dispatcher.hear({ type: 'run.cancel', run: 'a' })
  await run
  expect(process.told).toEqual([{ type: 'cancel', run: 'a', attempt: 1, started: true }])
  rig.clock.advance(60_000)
  expect(rig.recycled).toEqual([])
})

test('a process that ends takes its runs with it: nothing is waited for', async () => {
  const { rig, process, cancel } = stubborn()
  cancel()
  process.exit()
  process.bury()
  await settle()
  expect(rig.clock.pending).toBe(0)
  expect(rig.recycled).toEqual([])
})

test('a deadline is followed as a cancel is', async () => {
  const { rig, run } = stubborn()
  rig.clock.advance(60_000)
  expect(await run).toMatchObject({ code: 'RUN_TIMEOUT' })
  rig.clock.advance(5_000)
  expect(rig.recycled).toEqual(['writer/0#1 stuck'])
})

test('an attempt whose connection broke is followed as a cancelled one is, also where the run goes on elsewhere', async () => {
  const rig = new RunRig({ idempotent: true })
  const process = rig.ready(1, 0)
  process.isStubborn = true
  const run = rig.run('a')
  rig.ready(1, 1)
  process.receipt('a')
  rig.call().fail(new ConnectionLost('socket hang up', { isWritten: true }))
  await settle()
  expect(process.told).toEqual([{ type: 'revoke', run: 'a', attempt: 1 }])
  process.revoked('a', true)
  await settle()
  rig.call().succeed()
  expect(await run).toBe(response)
  rig.clock.advance(4_999)
  expect(rig.recycled).toEqual([])
  rig.clock.advance(1)
  expect(rig.recycled).toEqual(['writer/0#1 stuck'])
})

test('the end of one attempt says nothing of the code of another on the same process', async () => {
  const rig = new RunRig({ idempotent: true })
  const process = rig.ready()
  process.isStubborn = true
  const run = rig.run('a')
  process.receipt('a')
  rig.call().fail(new ByteTimeout('no byte'))
  await settle()
  rig.clock.advance(2_000)
  expect(rig.call().call).toMatchObject({ generation: 'writer/0#1', attempt: 2 })
  rig.call().succeed()
  expect(await run).toBe(response)
  process.settled('a', 2)
  rig.clock.advance(3_000)
  expect(rig.recycled).toEqual(['writer/0#1 stuck'])
})
