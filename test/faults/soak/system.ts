/** Owns the system of a soak: four agents of two replicas each, a proxy before every process, and chance. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type AgentOptions, type AxonEventOf, createAxon } from '../../../src/index.ts'
import { fixtures } from '../../e2e/places.ts'
import { Checker } from '../checker.ts'
import { seeded } from '../profile.ts'
import { type FaultProxy, proxied } from '../proxy.ts'

/** Those that faults are aimed at; `calm` is aimed at by none, but lives in the same host. */
export const victims = ['one', 'two', 'three'] as const
export const agents = [...victims, 'calm'] as const
export type Agent = (typeof agents)[number]

export const runMs = 15_000

const base = {
  cwd: fixtures,
  dependencies: [],
  module: 'agents.soaked',
  replicas: 2,
  cancelGraceMs: 500,
  shutdownMs: 2_000,
  timeouts: { runMs },
  restart: { firstMs: 0, baseMs: 50, maxMs: 500, stableMs: 1_000, maxRestarts: 1_000_000 },
} satisfies AgentOptions

export interface Process {
  agent: Agent
  generation: string
  pid: number
  proxy: FaultProxy | undefined
}

export function newSoakSystem(seed: number, cacheDir: string) {
  const directory = mkdtempSync(join(tmpdir(), 'axon-soak-'))
  const records = join(directory, 'records')
  const definitions = (version: number): Record<Agent, AgentOptions> => {
    const common = { ...base, env: { RECORDS: records } }
    return {
      one: { ...common, env: { ...common.env, VERSION: `${version}` } },
      two: { ...common, idempotency: { keepMs: 5_000, maxKeys: 100 } },
      three: { ...common, limits: { memoryMb: 250 } },
      calm: common,
    }
  }
  const axon = createAxon({ cacheDir, stateDir: join(directory, 'state'), agents: definitions(0) })
  const checker = new Checker(axon)
  const proxies = proxied(axon)
  const ready = new Map<string, Process>()
  let host: AxonEventOf<'host.ready'> | undefined
  axon.on('host.ready', (event) => {
    host = event
  })
  axon.on('host.lost', () => {
    host = undefined
  })
  axon.on('agent.ready', ({ agent, generation, pid }) => {
    ready.set(generation, { agent: agent as Agent, generation, pid: pid as number, proxy: proxies.get(generation) })
  })
  axon.on('process.exited', ({ generation }) => ready.delete(generation))
  const random = seeded(seed)
  const later = new Set<Promise<void>>()

  return {
    axon,
    checker,
    directory,
    definitions,
    random,
    upTo: (limit: number) => Math.floor(random() * limit),
    pick: <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T,
    /** A process of one of the victims that serves; undefined where none does. */
    victim(): Process | undefined {
      const living = [...ready.values()].filter(({ agent }) => agent !== 'calm')
      return living[Math.floor(random() * living.length)]
    },
    processes: () => [...ready.values()],
    /** To a process that is there still: its id may name another by now. */
    signal({ generation, pid }: Process, name: NodeJS.Signals): void {
      if (ready.has(generation)) process.kill(pid, name)
    },
    host: () => host,
    /** Done after so many milliseconds, and before the soak is over. */
    after(ms: number, act: () => unknown): void {
      const done = setTimeout(ms)
        .then(act)
        .then(() => void later.delete(done))
      later.add(done)
    },
    /** Resolves when nothing is to be done any more. */
    async quiet(): Promise<void> {
      while (later.size > 0) await Promise.all(later)
    },
    /** What the proxies still hold, broken as they were made to break it: connections that are not Axon's any more. */
    closeProxies(): void {
      for (const proxy of proxies.values()) proxy.closeAll()
    },
    executed: () => readFileSync(records, 'utf8').trimEnd().split('\n'),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

export type SoakSystem = ReturnType<typeof newSoakSystem>
