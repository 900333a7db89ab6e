import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Axon, AxonEventOf } from '../../src/index.ts'
import { agent, leave, system } from './system.ts'

describe.each([true, false])('replicas, reached by their own ports: %s', (direct) => {
  let axon: Axon
  const said: AxonEventOf<'process.output'>[] = []

  beforeAll(async () => {
    axon = system({ says: agent('says', { replicas: 2 }) }, { direct })
    axon.on('process.output', (event) => event.replica && said.push(event))
    await axon.start()
  })

  afterAll(leave)

  it('tell what they use', async () => {
    const told = () => axon.agent('says').snapshot()?.application?.replicas ?? []
    await expect
      .poll(() => told().filter(({ rss = 0, cpu = 0 }) => rss > 10_000_000 && cpu > 0), { timeout: 120_000 })
      .toHaveLength(2)
    for (const replica of told())
      expect(replica).toMatchObject({ state: 'RUNNING', node: '127.0.0.1', pid: expect.any(Number), inFlight: 0 })
  })

  it('tell what they say, in the order in which it was said, once', async () => {
    await axon.agent('says').run({ prompt: 'hello' })
    await expect
      .poll(() => said.map(({ stream, line }) => [stream, line]).filter(([, line]) => line?.includes('hello')), {
        timeout: 120_000,
      })
      .toEqual([
        ['stdout', 'printed hello'],
        ['stderr', 'on standard error hello'],
        ['stderr', expect.stringContaining('"message": "logged hello"')],
      ])
  })

  it('have last words, which Ray has kept', async () => {
    await expect(axon.agent('says').run({ prompt: 'die' })).rejects.toMatchObject({ code: 'RUN_OUTCOME_UNKNOWN' })
    await expect
      .poll(() => said.map(({ line }) => line), { timeout: 120_000 })
      .toContain('Fatal Python error: Segmentation fault')
  })
})
