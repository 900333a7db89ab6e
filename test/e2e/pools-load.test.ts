import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Axon, RunError } from '../../src/index.ts'
import { agent, newAxon, next, quickly, scratch } from './axon.ts'

interface Outcome {
  run: string
  error: RunError | undefined
}

/** Keeps so many runs under way until it is ended. */
function load(axon: Axon, callers: number): { end: () => Promise<Outcome[]> } {
  const outcomes: Outcome[] = []
  let isEnding = false
  let count = 0
  const calling = Array.from({ length: callers }, async () => {
    while (!isEnding) {
      const run = `run-${count++}`
      const error = await axon
        .agent('records')
        .run({ prompt: run }, { run })
        .then(
          () => undefined,
          (error) => error as RunError,
        )
      outcomes.push({ run, error })
    }
  })
  return {
    end: async () => {
      isEnding = true
      await Promise.all(calling)
      return outcomes
    },
  }
}

/** Each run that ran, with how often. */
function executions(path: string): Map<string, number> {
  const executed = new Map<string, number>()
  for (const run of readFileSync(path, 'utf8').split('\n').filter(Boolean)) {
    executed.set(run, (executed.get(run) ?? 0) + 1)
  }
  return executed
}

const failed = (outcomes: readonly Outcome[]) => outcomes.filter(({ error }) => error !== undefined)
const twice = (executed: Map<string, number>) => [...executed].filter(([, times]) => times > 1)

test('no run fails and none runs twice while all processes of a pool are replaced again and again', async () => {
  const records = join(scratch(), 'records')
  const definition = agent('records', { env: { RECORDS: records }, replicas: 2, concurrency: 4 })
  const axon = await newAxon({ agents: { records: definition } }).start()
  const under = load(axon, 8)
  const replaced = new Set<string>()
  for (let rollout = 0; rollout < 20; rollout += 1) {
    await next(axon, 'run.settled')
    const completed = next(axon, 'rollout.completed')
    axon.agent('records').send({ type: 'agent.restart' })
    await completed
    for (const { generation } of axon.agent('records').snapshot()?.replicas ?? []) replaced.add(generation)
  }
  const outcomes = await under.end()
  const executed = executions(records)
  expect(failed(outcomes)).toEqual([])
  expect(twice(executed)).toEqual([])
  expect(executed.size).toBe(outcomes.length)
  expect(outcomes.length).toBeGreaterThan(100)
  expect(replaced.size).toBe(40)
})

test('of a pool of four, one killed after the other, only what had begun on the dead is interrupted; nothing runs twice', async () => {
  const records = join(scratch(), 'records')
  const definition = agent('records', { env: { RECORDS: records }, replicas: 4, concurrency: 4, restart: quickly })
  const axon = await newAxon({ agents: { records: definition } }).start()
  const under = load(axon, 12)
  const killed = new Set<string>()
  /** Runs that go to a second process: one that met a second kill too would be given up. */
  const requeued = new Set<string>()
  axon.on('run.requeued', ({ run }) => requeued.add(run))
  axon.on('run.settled', ({ run }) => requeued.delete(run))
  for (let kill = 0; kill < 60; kill += 1) {
    const ready =
      axon
        .agent('records')
        .snapshot()
        ?.replicas.filter(({ state }) => state === 'ready') ?? []
    const victim = ready[kill % ready.length]
    if (victim?.pid === undefined) throw new Error('None is ready.')
    killed.add(victim.generation)
    const replica = victim.generation.split('#')[0]
    const back = next(axon, 'agent.ready', ({ generation }) => generation.startsWith(`${replica}#`))
    process.kill(victim.pid, 'SIGKILL')
    await back
    // It has served, so that there is something to lose at the next.
    await next(axon, 'run.started', ({ generation }) => generation.startsWith(`${replica}#`))
    while (requeued.size > 0) await next(axon, 'run.settled')
  }
  const outcomes = await under.end()
  const executed = executions(records)
  expect(twice(executed)).toEqual([])
  expect(outcomes.filter(({ run, error }) => error === undefined && !executed.has(run))).toEqual([])
  const interrupted = failed(outcomes)
  for (const { error } of interrupted) expect(error).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
  const where = interrupted.map(({ error }) => String(error?.context.generation))
  expect(where.filter((generation) => !killed.has(generation))).toEqual([])
  // The kills fell into the middle, and most runs came through.
  expect(interrupted.length).toBeGreaterThan(10)
  expect(outcomes.length).toBeGreaterThan(interrupted.length * 4)
})
