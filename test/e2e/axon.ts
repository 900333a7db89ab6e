/**
 * Owns what every end-to-end test stands on: systems that are ended and counted after each test, one cache of environments for
 * all of them, and waits that are events rather than time.
 */
import { existsSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs'
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

export { appears } from './appears.ts'

export const root = join(import.meta.dirname, '../..')
/** The working directory of the agents: `agents.echo` is test/fixtures/agents/echo.py. */
export const fixtures = join(root, 'test/fixtures')
/** Shared by all tests and kept between runs: environments are made once. */
export const cacheDir = join(root, 'node_modules/.cache/axon-e2e')
export const pydanticAi = ['pydantic-ai-slim']

const systems = new Set<Axon>()
const scratches = new Set<string>()

beforeAll(() => makeEnvironment([]))

afterEach(async () => {
  const ended = [...systems]
  systems.clear()
  await Promise.all(ended.map((axon) => axon.destroy()))
  for (const axon of ended) {
    expect(leftBehind(axon)).toEqual({ processes: [], directories: [] })
    expect(recordsOf(axon)).toEqual([])
  }
  for (const directory of scratches) await rm(directory, { recursive: true, force: true })
  scratches.clear()
})

/** Makes an environment before the first test needs it, however long that takes. */
export async function makeEnvironment(dependencies: string[]): Promise<void> {
  await ensureEnvironment({ cwd: fixtures, dependencies }, { cacheDir })
}

/** A system that is destroyed after the test; the test fails where anything of it is left. */
export function newAxon(options: AxonOptions = {}): Axon {
  const axon = createAxon({ cacheDir, ...options })
  systems.add(axon)
  return axon
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

export interface LeftBehind {
  /** Ids of processes that carry the system's mark. */
  processes: string[]
  /** The sockets' directory. */
  directories: string[]
}

/** What is left of a system; nothing of one that was never started. */
export function leftBehind(axon: Axon): LeftBehind {
  const found = identityOf(axon)
  if (found === undefined) return { processes: [], directories: [] }
  const directories = existsSync(found.runtimeDir) ? [found.runtimeDir] : []
  return { processes: processesWith(`AXON_SYSTEM=${found.id}`), directories }
}

/** Of a system that has no stateDir of its own. */
function recordsOf(axon: Axon): string[] {
  const systems = join(process.env.XDG_STATE_HOME ?? '', 'axon/systems')
  const id = identityOf(axon)?.id
  return id === undefined || !existsSync(systems) ? [] : readdirSync(systems).filter((name) => name.includes(id))
}

/** Ids of the living processes that have this variable in their environment. */
export function processesWith(variable: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid) || Number(pid) === process.pid) return false
    try {
      return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(variable)
    } catch {
      return false
    }
  })
}

export function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`)
}

/** The error that a promise is rejected with. */
export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    (value) => expect.fail(`It was resolved, with ${JSON.stringify(value)}`),
    (error) => error,
  )
}

function identityOf(axon: Axon): { id: string; runtimeDir: string } | undefined {
  try {
    return { id: axon.id, runtimeDir: axon.runtimeDir ?? '' }
  } catch {
    return undefined
  }
}
