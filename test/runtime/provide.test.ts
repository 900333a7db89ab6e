import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { type AxonEvent, createAxon } from '../../src/index.ts'
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
