import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { RunError } from '../../src/index.ts'
import { agent, newAxon, next, quickly, rejection, scratch } from './axon.ts'

interface Outcome {
  run: string
  /** `ok`, or what the caller was told of the start. */
  started: 'ok' | boolean | undefined
}

const rounds = 20
const runsPerRound = 12

test('under SIGKILL nothing runs twice, and nothing that ran is reported as not started', {
  timeout: 120_000,
}, async () => {
  const records = join(scratch(), 'records')
  const definition = agent('records', { env: { RECORDS: records }, concurrency: 4, restart: quickly })
  // Two at a time, each with half of the rounds.
  const axon = await newAxon({ agents: { one: definition, two: definition } }).start()
  const outcomes = (await Promise.all(['one', 'two'].map((name) => killed(name, rounds / 2)))).flat()

  const executed = new Map<string, number>()
  for (const run of readFileSync(records, 'utf8').split('\n').filter(Boolean)) {
    executed.set(run, (executed.get(run) ?? 0) + 1)
  }
  expect(outcomes).toHaveLength(rounds * runsPerRound)
  expect([...executed].filter(([, times]) => times > 1)).toEqual([])
  expect(outcomes.filter(({ run, started }) => started === false && executed.has(run))).toEqual([])
  expect(outcomes.filter(({ run, started }) => started === 'ok' && !executed.has(run))).toEqual([])
  // Neither all nor none: the kills fell into the middle, and most runs came through.
  const interrupted = outcomes.filter(({ started }) => started === true)
  expect(interrupted.length).toBeGreaterThan(0)
  expect(outcomes.filter(({ started }) => started === 'ok').length).toBeGreaterThan(rounds * 2)

  async function killed(name: string, times: number): Promise<Outcome[]> {
    const found: Outcome[] = []
    for (let round = 0; round < times; round++) {
      await axon.agent(name).ready()
      const pid = axon.agent(name).snapshot()?.pid as number
      const exited = next(axon, 'process.exited', ({ exit }) => exit.pid === pid)
      let receipts = 0
      // Each round another moment: before the first receipt, at it, at the second …
      const kill = () => process.kill(pid, 'SIGKILL')
      const off = axon.on('run.started', (event) => {
        if (event.agent === name && ++receipts === round) kill()
      })
      const runs = Array.from({ length: runsPerRound }, (_, index) => outcome(name, `${name}-${round}-${index}`))
      if (round === 0) setImmediate(kill)
      found.push(...(await Promise.all(runs)))
      off()
      expect((await exited).exit.signal).toBe('SIGKILL')
    }
    return found
  }

  async function outcome(name: string, run: string): Promise<Outcome> {
    try {
      await axon.agent(name).run({ prompt: run }, { run })
      return { run, started: 'ok' }
    } catch (error) {
      expect(error).toBeInstanceOf(RunError)
      expect(error).toMatchObject({ code: 'RUN_INTERRUPTED', run })
      return { run, started: (error as RunError).started }
    }
  }
})

test('what was queued for a process that died before it began goes to the next one', async () => {
  const records = join(scratch(), 'records')
  const definition = agent('records', { env: { RECORDS: records }, concurrency: 1, restart: quickly })
  const axon = await newAxon({ agents: { one: definition } }).start()
  const one = axon.agent('one')
  process.kill(one.snapshot()?.pid as number, 'SIGKILL')
  // Node has not seen the exit yet: the first of them is written to a process that is dead.
  const runs = await Promise.all(['a', 'b', 'c'].map((prompt) => one.run({ prompt })))
  expect(runs.map(({ result }) => result)).toEqual(['a', 'b', 'c'])
  expect(readFileSync(records, 'utf8').trim().split('\n').sort()).toEqual(['a', 'b', 'c'])
})

test('300 processes are killed right after the receipt, and 300 receipts are read', { timeout: 120_000 }, async () => {
  const [agents, rounds] = [6, 50]
  const names = Array.from({ length: agents }, (_, index) => `one-${index}`)
  const definition = agent('kills_itself', { restart: quickly })
  const axon = await newAxon({ agents: Object.fromEntries(names.map((name) => [name, definition])) }).start()
  const receipts: string[] = []
  axon.on('run.started', ({ generation }) => receipts.push(generation))
  await Promise.all(names.map(killed))
  expect(new Set(receipts).size).toBe(agents * rounds)
  expect(receipts).toHaveLength(agents * rounds)

  async function killed(name: string): Promise<void> {
    for (let round = 0; round < rounds; round += 1) {
      await axon.agent(name).ready()
      const exited = next(axon, 'process.exited', (event) => event.agent === name)
      const ready = next(axon, 'agent.ready', (event) => event.agent === name)
      const outcome = await rejection(axon.agent(name).run({ prompt: '' }))
      expect(outcome).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
      expect((await exited).exit.signal).toBe('SIGKILL')
      await ready
    }
  }
})
