import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { agent, newAxon, next } from '../e2e/axon.ts'
import { seed, seeded, sized } from './profile.ts'
import { type FaultProxy, proxied } from './proxy.ts'

/** Node closes a connection that was idle for 4 s: the gaps go from there to 6 s, evenly over all agents. */
const [shortestMs, longestMs] = [4_000, 6_000]
const gapsEach = sized(8, 25)
const names = Array.from({ length: 8 }, (_, at) => `echo-${at}`)
const parallel = 50

test('50 connections of each of 8 agents, idle again and again for gaps around the time at which they are closed, with a server that closes at random: no error, nothing twice', {
  timeout: 300_000,
}, async () => {
  const echo = agent('echo', { concurrency: parallel, queue: parallel })
  const axon = newAxon({ agents: Object.fromEntries(names.map((name) => [name, echo])) })
  const proxies = proxied(axon)
  const ofAgent = (name: string) =>
    [...proxies].find(([generation]) => generation.startsWith(`${name}/`))?.[1] as FaultProxy
  await axon.start()
  while (proxies.size < names.length) await next(axon, 'agent.ready')
  const random = seeded(seed)
  const started: string[] = []
  axon.on('run.started', ({ run }) => started.push(run))
  // The gaps are real: both ends and the kernel keep this time, and no clock of ours.
  await Promise.all(
    names.map(async (name, at) => {
      for (let wave = 0; wave <= gapsEach; wave += 1) {
        const ids = Array.from({ length: parallel }, (_, each) => `${name}-${wave}-${each}`)
        const runs = ids.map((run) => axon.agent(name).run<{ prompt: string }>({ prompt: run }, { run }))
        expect(
          (await Promise.all(runs)).map(({ result }) => result.prompt),
          `FAULTS_SEED=${seed}`,
        ).toEqual(ids)
        if (wave === gapsEach) break
        const share = (wave * names.length + at) / (gapsEach * names.length)
        await setTimeout(shortestMs - 100 + share * (longestMs - shortestMs))
        ofAgent(name).closeSome(3, random)
      }
    }),
  )
  const count = names.length * parallel * (gapsEach + 1)
  expect(new Set(started).size).toBe(count)
  expect(started).toHaveLength(count)
  for (const name of names) expect(ofAgent(name).connections).toBeGreaterThan(parallel)
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
