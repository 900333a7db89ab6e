import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { agent, newAxon } from '../e2e/axon.ts'
import { seeded } from './profile.ts'
import { type FaultProxy, proxied } from './proxy.ts'

const parallel = 200
/** After which Node closes a connection that is idle, in milliseconds. */
const idleMs = 4_000

test('200 connections in parallel, each idle for gaps around the time at which it is closed: no error', async () => {
  const axon = newAxon({ agents: { echo: agent('echo', { concurrency: parallel, queue: parallel }) } })
  const proxies = proxied(axon)
  await axon.start()
  const requeued: string[] = []
  axon.on('run.requeued', ({ run }) => requeued.push(run))
  const echo = axon.agent('echo')
  // The gaps are real: both ends and the kernel keep this time, and no clock of ours.
  const answers = await Promise.all(
    Array.from({ length: parallel }, async (_, at) => {
      const said: string[] = []
      for (const gapMs of [0, idleMs - 100 + at, idleMs + 100 - at]) {
        await setTimeout(gapMs)
        const { result } = await echo.run<{ prompt: string }>({ prompt: `${at}` })
        said.push(result.prompt)
      }
      return said
    }),
  )
  expect(answers).toEqual(Array.from({ length: parallel }, (_, at) => [`${at}`, `${at}`, `${at}`]))
  const [proxy] = [...proxies.values()] as [FaultProxy]
  expect(proxy.connections).toBeGreaterThanOrEqual(parallel)
  expect(requeued).toEqual([])
})

test('a server that closes idle connections at random, just when the next requests are written: no error, nothing twice', async () => {
  const axon = newAxon({ agents: { echo: agent('echo', { concurrency: 50, replicas: 2 }) } })
  const proxies = proxied(axon)
  await axon.start()
  const random = seeded(7)
  const started: string[] = []
  const requeued: string[] = []
  axon.on('run.started', ({ run }) => started.push(run))
  axon.on('run.requeued', ({ run }) => requeued.push(run))
  for (let wave = 0; wave < 60; wave += 1) {
    const ids = Array.from({ length: 50 }, (_, at) => `${wave}-${at}`)
    const runs = ids.map((run) => axon.agent('echo').run<{ prompt: string }>({ prompt: run }, { run }))
    expect((await Promise.all(runs)).map(({ result }) => result.prompt)).toEqual(ids)
    for (const proxy of proxies.values()) proxy.closeSome(4, random)
  }
  expect(new Set(started).size).toBe(3_000)
  expect(started).toHaveLength(3_000)
  expect(requeued.length).toBeGreaterThan(0)
})
