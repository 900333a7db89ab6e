import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agent, cacheDir, newAxon, scratch } from '../e2e/axon.ts'
import { die, entries, type Moment, moments } from './deaths.ts'
import { seed, seeded, sized } from './profile.ts'

const loops = sized(25, 1_000)
/** Far above the second that is promised: how long it took is printed, and a machine with other work is not judged. */
const boundMs = 20_000

test('of a Node that is killed at any moment of any state nothing is left, and the next boot sweeps its record', {
  timeout: loops * 30_000,
}, async ({ annotate }) => {
  const random = seeded(seed)
  const own = join(cacheDir, 'tools/uv/bin/uv')
  const uv = existsSync(own) ? own : 'uv'
  const tookMs: number[] = []
  for (let loop = 0; loop < loops; loop += 1) {
    const moment = moments[loop % moments.length] as Moment
    const directory = scratch()
    const cache = moment.state === 'provisioning' ? join(directory, 'cache') : cacheDir
    const { left, goneMs, records } = await die(moment, { directory, cacheDir: cache, uv }, random, boundMs)
    const because = `FAULTS_SEED=${seed}, loop ${loop}, ${moment.state}`
    expect(left, because).toEqual({ processes: 0, sockets: 0, directories: 0, staging: 0 })
    tookMs.push(goneMs)
    // The next one finds nothing but the record, which there is since the first host.
    if (loop % 10 === 0) {
      const stateDir = join(directory, 'state')
      const axon = newAxon({ stateDir, agents: { echo: agent('echo') } })
      const swept: object[] = []
      axon.on('system.swept', ({ processes, directories }) => swept.push({ processes, directories }))
      await axon.start()
      expect(swept, because).toEqual(Array.from({ length: records }, () => ({ processes: 0, directories: [] })))
      expect(await axon.agent('echo').run({ prompt: 'on?' })).toMatchObject({ result: { prompt: 'on?' } })
      await axon.close()
      expect(entries(join(stateDir, 'systems')), because).toBe(0)
    }
  }
  await annotate(
    `${loops} Nodes were killed; what they had was gone after at most ${Math.ceil(Math.max(...tookMs))} ms.`,
  )
})
