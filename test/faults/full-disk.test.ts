/** What is asked for while a disk is full is refused, and what was there before goes on. */
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { fixtures, scratch } from '../e2e/axon.ts'
import { sharedUv } from '../e2e/bad-input.ts'
import { demand, onSmallDisk, smallDisks } from './needs.ts'

for (const installer of ['uv', 'pip']) {
  test(`another environment on a full disk is refused by ${installer}; the one before it answers on, also after a boot, and with room all is well`, {
    timeout: 600_000,
  }, async (context) => {
    demand(context, smallDisks)
    const disk = scratch()
    const uv = installer === 'uv' ? (sharedUv().uv ?? 'uv') : ''
    const program = [process.execPath, join(fixtures, 'full-disk-change.ts'), disk, uv]
    const told = JSON.parse(await onSmallDisk(context, disk, '200m', program))
    expect(told).toMatchObject({
      error: { name: 'PythonEnvError', code: 'ENV_DISK_FULL', agent: 'echo', retryable: true },
      before: [expect.any(String), 'complete.json'],
      answeredByTheSame: true,
      roomAtBoot: 0,
    })
    expect(told.afterwards).toEqual(told.before)
    expect(told.made).toHaveLength(1)
  })
}
