import { expect, test, vi } from 'vitest'
import { AxonError } from '../../src/index.ts'
import { agent, newAxon, rejection } from './axon.ts'

// A machine on which no directory can be written to, not even /tmp.
vi.mock(import('../../src/runtime/directories.ts'), async (original) => ({
  ...(await original()),
  nameRuntimeDirs: () => {
    throw new AxonError('CONFIG_INVALID', 'No directory for sockets can be made: none is large enough. Set runtimeDir.')
  },
}))

test('a system that finds no place for its sockets says so instead of waiting for ever', async () => {
  const axon = newAxon({ agents: { echo: agent('echo') } })
  expect(await rejection(axon.start())).toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('runtimeDir'),
  })
  await axon.close()
  expect(axon.runtimeDir).toBeUndefined()
})
