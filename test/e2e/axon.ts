/**
 * Owns what every end-to-end test stands on: systems that are ended and counted after each test, one cache of environments for
 * all of them, and waits that are events rather than time.
 */
import { mkdtempSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeAll, expect } from 'vitest'
import {
  type AgentOptions,
  type Axon,
  type AxonEvent,
  type AxonEventName,
  type AxonEventOf,
  type AxonOptions,
  createAxon,
  ensureEnvironment,
} from '../../src/index.ts'
import { Checker } from '../faults/checker.ts'
import { isAlive, leftBehind, processesWith, recordsOf } from './left-behind.ts'
import { cacheDir, fixtures, root } from './places.ts'

export { appears } from './appears.ts'
export { cacheDir, fixtures, isAlive, leftBehind, processesWith, root }

export const pydanticAi = ['pydantic-ai-slim']

const systems = new Map<Axon, Checker>()
const scratches = new Set<string>()

beforeAll(() => makeEnvironment([]))

afterEach(async () => {
  const ended = [...systems]
  systems.clear()
  await Promise.all(ended.map(([axon]) => axon.destroy()))
  for (const [axon, checker] of ended) {
    expect(checker.findings()).toEqual([])
    expect(leftBehind(axon)).toEqual({ processes: [], directories: [] })
    // Of a system that has no stateDir of its own.
    expect(recordsOf(axon, join(process.env.XDG_STATE_HOME ?? '', 'axon'))).toEqual([])
  }
  for (const directory of scratches) await rm(directory, { recursive: true, force: true })
  scratches.clear()
})

/** Makes an environment before the first test needs it, however long that takes. */
export async function makeEnvironment(dependencies: string[]): Promise<void> {
  await ensureEnvironment({ cwd: fixtures, dependencies }, { cacheDir })
}

/** A system that is destroyed after the test, which fails where anything of it is left, a run has no end, or a state is none of the design's. */
export function newAxon(options: AxonOptions = {}): Axon {
  const axon = createAxon({ cacheDir, ...options })
  systems.set(axon, new Checker(axon))
  return axon
}

/** What looks at that system. */
export function checkerOf(axon: Axon): Checker {
  return systems.get(axon) as Checker
}

/** The definition of an agent in test/fixtures/agents that needs no packages. */
export function agent(module: string, options: Partial<AgentOptions> = {}): AgentOptions {
  return { module: `agents.${module}`, cwd: fixtures, dependencies: [], ...options }
}

/** Restarts that cost no time: a process that was ready starts again at once, however often. */
export const quickly = { stableMs: 0, baseMs: 1, maxMs: 1, maxRestarts: 1_000 }
/** After a crash the agent waits until somebody acts. */
export const slowly = { firstMs: 600_000 }

/** A directory of the test's own; removed after it. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'axon-e2e-'))
  scratches.add(directory)
  return directory
}

/** The next event of that name, told after this call. */
export function next<Name extends AxonEventName>(
  axon: Axon,
  name: Name,
  matches: (event: AxonEventOf<Name>) => boolean = () => true,
): Promise<AxonEventOf<Name>> {
  return new Promise((resolve) => {
    const off = axon.on('*', (event) => {
      if (event.type !== name || !matches(event as AxonEventOf<Name>)) return
      off()
      resolve(event as AxonEventOf<Name>)
    })
  })
}

/** Everything that is told from now on but heartbeats, which come by the clock. */
export function record(axon: Axon): AxonEvent[] {
  const events: AxonEvent[] = []
  axon.on('*', (event) => {
    if (event.type !== 'process.heartbeat') events.push(event)
  })
  return events
}

/** The error that a promise is rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => expect.fail(`It was resolved, with ${JSON.stringify(value)}`),
    (error) => error,
  )
}
