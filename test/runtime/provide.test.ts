import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { type AxonEvent, createAxon, provideRuntime } from '../../src/index.ts'
import { scratch } from './scratch.ts'

test('a run that waits when the system is destroyed is answered, and its end is told', async () => {
  const directory = scratch()
  const agents = { writer: { module: 'writer', dependencies: [], cwd: directory } }
  const axon = createAxon({ agents, cacheDir: join(directory, 'cache'), runtimeDir: directory })
  const events: AxonEvent[] = []
  axon.on('*', (event) => events.push(event))
  const started = axon.start().catch((error) => error)
  const run = axon
    .agent('writer')
    .run({ prompt: 'hi' })
    .catch((error) => error)
  await axon.destroy()
  expect(await run).toMatchObject({ code: 'RUN_CANCELLED', started: false })
  expect(await started).toMatchObject({ code: 'SUPERVISOR_CLOSED' })
  const settled = events.filter(({ type }) => type === 'run.settled')
  expect(settled).toMatchObject([{ agent: 'writer', status: 'cancelled', started: false }])
  expect(readdirSync(directory).filter((name) => name.startsWith('axon-'))).toEqual([])
  expect(existsSync(join(directory, 'axon.sock'))).toBe(false)
})

test('on Windows it says that Axon does not run there, and what does', () => {
  const platform = Object.getOwnPropertyDescriptor(process, 'platform') as PropertyDescriptor
  Object.defineProperty(process, 'platform', { ...platform, value: 'win32' })
  onTestFinished(() => void Object.defineProperty(process, 'platform', platform))
  expect(() => provideRuntime()).toThrow(/does not run on Windows.*WSL 2/)
  expect(() => createAxon()).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
})
