import { mkdir, readdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { acquireLock } from '../../../src/runtime/environment/lock.ts'
import { ownerName, thisOwner } from '../../../src/runtime/process/owner.ts'
import { temporaryDirectory } from './fixtures.ts'

test('one holds it at a time, also when many want it at once', async () => {
  const directory = join(await temporaryDirectory(), 'lock')
  let holders = 0
  let most = 0
  const work = async () => {
    const release = await acquireLock(directory)
    most = Math.max(most, ++holders)
    await readdir(directory)
    holders--
    await release()
  }
  await Promise.all(Array.from({ length: 12 }, work))
  expect(most).toBe(1)
  expect(await readdir(directory)).toHaveLength(1)
})

test('the lock of a dead process is taken over by exactly one', async () => {
  const directory = join(await temporaryDirectory(), 'lock')
  await mkdir(directory)
  // Our own pid with another start time: a process that is gone and whose pid was given away again.
  await writeFile(join(directory, '0'), ownerName({ ...thisOwner(), start: '1' }))
  let holders = 0
  let most = 0
  const releases = await Promise.all(
    Array.from({ length: 4 }, async () => {
      const release = await acquireLock(directory)
      most = Math.max(most, ++holders)
      await readdir(directory)
      holders--
      return release()
    }),
  )
  expect(releases).toHaveLength(4)
  expect(most).toBe(1)
})

test('a waiter hears who holds the lock, and leaves when aborted', async () => {
  const directory = join(await temporaryDirectory(), 'lock')
  const release = await acquireLock(directory)
  const controller = new AbortController()
  const waiting = acquireLock(directory, {
    signal: controller.signal,
    onWait: ({ pid }) => {
      expect(pid).toBe(process.pid)
      controller.abort()
    },
  })
  await expect(waiting).rejects.toThrow(/abort/i)
  await release()
  await (await acquireLock(directory))()
})
