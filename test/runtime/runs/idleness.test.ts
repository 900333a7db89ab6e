import { expect, test } from 'vitest'
import { ConnectionLost } from '../../../src/runtime/http/transport.ts'
import { RunRig, settle } from './rig.ts'

const idleAfterMs = 1_000

test('the first run to an agent that nobody has started asks for its start, and those after it do not', async () => {
  const rig = new RunRig()
  const runs = ['a', 'b'].map((id) => rig.run(id))
  expect(rig.asked).toEqual(['agent.start'])
  rig.hear('agent.provisioning')
  rig.ready()
  for (const call of rig.calls) call.succeed()
  await Promise.all(runs)
  expect(rig.asked).toEqual(['agent.start'])
})

test('a run that came while a process was let go starts the next, once the agent rests', async () => {
  const rig = new RunRig({ idleAfterMs })
  rig.ready()
  rig.clock.advance(idleAfterMs)
  rig.hear('agent.draining')
  const run = rig.run('a')
  expect(rig.asked).toEqual(['agent.quiet'])
  rig.hear('agent.idle')
  expect(rig.asked).toEqual(['agent.quiet', 'agent.start'])
  rig.ready(2)
  rig.call().succeed()
  await run
})

test('a full queue of an agent that rests wakes it all the same', async () => {
  const rig = new RunRig({ queue: 0 })
  await expect(rig.run('a')).rejects.toMatchObject({ code: 'RUN_REJECTED' })
  expect(rig.asked).toEqual(['agent.start'])
})

test('a process is let go when nothing has run for idleAfterMs, counted from the end of the last run', async () => {
  const rig = new RunRig({ idleAfterMs })
  rig.ready()
  rig.clock.advance(idleAfterMs - 1)
  const [first, second] = [rig.run('a'), rig.run('b')]
  rig.clock.advance(10 * idleAfterMs)
  rig.call(0).succeed()
  await first
  await settle()
  rig.clock.advance(10 * idleAfterMs)
  expect(rig.asked).toEqual([])
  rig.call(1).succeed()
  await second
  await settle()
  rig.clock.advance(idleAfterMs - 1)
  expect(rig.asked).toEqual([])
  rig.clock.advance(1)
  expect(rig.asked).toEqual(['agent.quiet'])
})

test('a run whose connection broke and that waits for the next process is no idleness', async () => {
  const rig = new RunRig({ idleAfterMs })
  const process = rig.ready()
  void rig.run('a').catch(() => {})
  rig.call().fail(new ConnectionLost('gone', { isWritten: true }))
  process.exit()
  process.bury()
  await settle()
  rig.hear('agent.provisioning')
  rig.clock.advance(10 * idleAfterMs)
  expect(rig.asked).toEqual([])
  rig.dispatcher.close()
})

test('a run that turns out not to have started when the agent rests already wakes it', async () => {
  const rig = new RunRig()
  const process = rig.ready()
  const run = rig.run('a')
  rig.hear('agent.idle')
  rig.call().fail(new ConnectionLost('gone', { isWritten: true }))
  process.exit()
  process.bury()
  await settle()
  expect(rig.asked).toEqual(['agent.start'])
  rig.ready(2)
  rig.call().succeed()
  await run
})

test.each(['agent.suspect', 'agent.draining', 'agent.provisioning', 'agent.stopped', 'agent.idle'] as const)(
  'from %s on nobody counts: no timer is left',
  (fact) => {
    const rig = new RunRig({ idleAfterMs })
    rig.ready()
    expect(rig.clock.pending).toBe(1)
    rig.hear(fact)
    expect(rig.clock.pending).toBe(0)
  },
)

test('without idleAfterMs no timer is made', () => {
  const rig = new RunRig()
  rig.ready()
  expect(rig.clock.pending).toBe(0)
})
