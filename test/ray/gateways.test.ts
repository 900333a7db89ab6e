import { afterEach, expect, it } from 'vitest'
import type { Axon } from '../../src/index.ts'
import { running, served } from './cluster.ts'
import { agent, ask, leave, system } from './system.ts'

afterEach(leave)

/** One of several systems that face the cluster with an agent that needs little. */
async function facing(direct: boolean, colour: string): Promise<Axon> {
  const echo = agent('echo', { env: { COLOUR: colour }, replicas: 2 })
  return await system({ echo }, { direct, onClose: 'keep', resources: { cpus: 0.1 } }).start()
}

it.each([true, false])(
  'share an application, and go on with its successor, with no run lost (direct: %s)',
  async (direct) => {
    const [first, second] = [await facing(direct, 'blue'), await facing(direct, 'blue')]
    const pids = (await running('axon-echo', 2)).map(({ pid }) => pid)
    const crashes: unknown[] = []
    for (const axon of [first, second]) {
      axon.on('agent.crashed', (event) => crashes.push(event))
      expect(pids).toContain((await axon.agent('echo').run<{ pid: number }>({ prompt: '' })).result.pid)
    }

    const asked = [ask(first.agent('echo')), ask(second.agent('echo'))]
    const third = await facing(direct, 'red')
    for (const axon of [first, second, third])
      await expect.poll(() => axon.agent('echo').snapshot()?.application?.name, { timeout: 60_000 }).toBe('axon-echo.1')
    await expect
      .poll(async () => Object.keys((await served()).applications), { timeout: 60_000 })
      .toEqual(['axon-echo.1'])
    for (const { stop } of asked) expect(await stop()).toBeGreaterThan(10)
    expect(crashes).toEqual([])

    // Whoever closes with `keep` takes nothing from the others.
    await third.close()
    expect((await first.agent('echo').run({ prompt: 'still' })).result).toMatchObject({ prompt: 'still' })
  },
)
