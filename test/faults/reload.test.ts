import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Axon, RunError } from '../../src/index.ts'
import { agent, newAxon, next, rejection, scratch } from '../e2e/axon.ts'
import { Checker } from './checker.ts'
import { seed, seeded, sized } from './profile.ts'

const reloads = sized(30, 100)
const replicas = 2
const callers = 8
/** Again and again, with a wait between. */
const looping = { firstMs: 5, baseMs: 5, maxMs: 20, maxRestarts: 1_000_000 }

/** What the file of a configuration says at one time. */
function configuration(version: number, records: string, born: string) {
  const env = { VERSION: String(version), RECORDS: records }
  return {
    busy: agent('versioned', { env, replicas, concurrency: 4 }),
    loop: agent('versioned', { env: { ...env, RECORDS: born, LIVES: '0.05' }, restart: looping }),
  }
}

/** How many processes of each agent there were at once at most, those apart that had been let go. */
function census(axon: Axon): Map<string, number> {
  const serving = new Map<string, string>()
  const leaving = new Set<string>()
  const most = new Map<string, number>()
  axon.on('process.spawned', ({ agent, generation }) => {
    // A start that was given up may be told of when it is on its way out.
    if (leaving.has(generation)) return
    serving.set(generation, agent)
    const count = [...serving.values()].filter((other) => other === agent).length
    most.set(agent, Math.max(count, most.get(agent) ?? 0))
  })
  for (const end of ['process.exited', 'agent.draining', 'agent.stopping'] as const)
    axon.on(end, ({ generation }) => {
      serving.delete(generation)
      leaving.add(generation)
    })
  return most
}

const linesOf = (path: string) => readFileSync(path, 'utf8').trimEnd().split('\n')

test('under load and in a crash loop a configuration is applied again and again: no run is lost, no process is one too many, what is wrong is refused whole', {
  timeout: 60_000 + reloads * 10_000,
}, async () => {
  const random = seeded(seed)
  const because = `FAULTS_SEED=${seed}`
  const [records, born] = [join(scratch(), 'records'), join(scratch(), 'born')]
  const axon = newAxon({ agents: configuration(0, records, born) })
  const checker = new Checker(axon)
  const most = census(axon)

  /** The last one that `apply` has resolved for, and the last one that it was called with. */
  let [applied, asked] = [0, 0]
  /** Of each process of the loop, by its pid, what was applied when its start began. */
  const floors = new Map<number, number>()
  const begun = new Map<string, number>()
  axon.on('agent.provisioning', ({ generation }) => void begun.set(generation, applied))
  axon.on('process.spawned', ({ generation, pid }) => void floors.set(pid as number, begun.get(generation) as number))
  await axon.start()

  let isOver = false
  let runs = 0
  const failures: RunError[] = []
  const early: number[] = []
  const call = async () => {
    while (!isOver) {
      const run = `run-${runs++}`
      const least = applied
      const request = { prompt: run, metadata: { seconds: random() / 50 } }
      await axon
        .agent('busy')
        .run<number>(request, { run })
        .then(
          ({ result }) => (result < least || result > asked) && early.push(result),
          (error) => failures.push(error),
        )
    }
  }
  const calling = Array.from({ length: callers }, call)

  const refused = new Set<number>()
  const applying: Promise<void>[] = []
  for (let reload = 1; reload <= reloads; reload += 1) {
    await next(axon, 'run.settled')
    if (random() < 0.2) {
      refused.add(reload)
      const { busy, loop } = configuration(reload, records, born)
      const wrong = axon.apply({ agents: { busy, loop: { ...loop, concurrency: 0 } } })
      expect(await rejection(wrong), because).toMatchObject({ code: 'CONFIG_INVALID' })
      continue
    }
    asked = reload
    const done = axon.apply({ agents: configuration(reload, records, born) }).then(() => {
      applied = Math.max(applied, reload)
    })
    applying.push(done)
    // Some come while the one before is still being applied.
    if (random() < 0.7) await done
  }
  await Promise.all(applying)
  const last = asked
  expect(applied, because).toBe(last)
  for (let crash = 0; crash < 3; crash += 1) await next(axon, 'agent.crashed', ({ agent }) => agent === 'loop')
  isOver = true
  await Promise.all(calling)

  expect(failures, because).toEqual([])
  expect(early, because).toEqual([])
  const births = linesOf(born).map((line) => line.split(' ').map(Number) as [version: number, pid: number])
  expect(
    births.filter(([version, pid]) => refused.has(version) || !(version >= (floors.get(pid) ?? Number.NaN))),
    because,
  ).toEqual([])
  expect(births.at(-1)?.[0], because).toBe(last)
  // One more while a successor is started.
  expect(most.get('busy'), because).toBeLessThanOrEqual(replicas + 1)
  expect(most.get('loop'), because).toBeLessThanOrEqual(2)
  const executed = linesOf(records)
  expect(checker.compare({ executed }), because).toEqual([])
  expect(executed.length, because).toBeGreaterThan(reloads)
  expect(await axon.agent('busy').run({ prompt: 'on?' })).toMatchObject({ result: last })
})
