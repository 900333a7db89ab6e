import { expect, test } from 'vitest'
import { agent, newAxon, next } from '../e2e/axon.ts'

test('an agent that keeps every descriptor that it may have gets a successor before it goes', async () => {
  const agents = { hoards: agent('hoards', { concurrency: 8 }), echo: agent('echo') }
  const axon = await newAxon({ agents }).start()
  const hoards = axon.agent('hoards')
  const pid = hoards.snapshot()?.pid
  const replaced = next(axon, 'rollout.started')
  const done = next(axon, 'rollout.completed')
  expect((await hoards.run({ prompt: 'hoard' })).result).toBe('Too many open files')

  // It can take one connection at a time, and closes the others unread: those runs are known not to have begun.
  const asked = await Promise.allSettled(Array.from({ length: 8 }, () => hoards.run<number>({ prompt: 'who' })))
  for (const one of asked) {
    if (one.status === 'fulfilled') expect(one.value.result).toBe(pid)
    else expect(one.reason).toMatchObject({ code: 'RUN_INTERRUPTED', started: false })
  }
  expect((await axon.agent('echo').run({ prompt: 'on' })).result).toMatchObject({ prompt: 'on' })

  expect(await replaced).toMatchObject({ agent: 'hoards', why: 'files' })
  await done
  expect((await hoards.run({ prompt: 'who' })).result).not.toBe(pid)
  expect(hoards.snapshot()).toMatchObject({ state: 'ready', restarts: 0 })
})
