/**
 * Owns the bench of delivery: an agent of some replicas that writes down what it executes, each behind a proxy, and runs that go to
 * a replica of which the test knows.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { type AgentOptions, type Axon, RunError, type RunOptions, type RunResponse } from '../../src/index.ts'
import { agent, newAxon, next, quickly, scratch } from '../e2e/axon.ts'
import { type FaultProxy, proxied } from './proxy.ts'

/** Runs with this key go to one replica, while it takes any. */
const affinity = 'target'

export interface Answer {
  prompt: string
  pid: number
}

export interface Pool {
  axon: Axon
  /** That of the agent `one`. */
  definition: AgentOptions
  proxies: Map<string, FaultProxy>
  /** The proxy of the replica to which the next run goes, once all of them are ready. */
  aim: () => Promise<FaultProxy>
  directory: string
  run: (prompt: string, metadata?: object, options?: RunOptions) => Promise<RunResponse<Answer>>
  /** The prompts that were executed, in their order. */
  executed: () => string[]
  /** How often each was sent; set when it has settled. */
  attempts: Map<string, number>
}

export async function startPool(options: Partial<AgentOptions> & { replicas?: number } = {}): Promise<Pool> {
  const { replicas = 2 } = options
  const directory = scratch()
  const records = join(directory, 'records')
  const definition = agent('delivered', { env: { RECORDS: records }, restart: quickly, ...options, replicas })
  const axon = newAxon({ agents: { one: definition } })
  const proxies = proxied(axon)
  await axon.start()
  const attempts = new Map<string, number>()
  axon.on('run.settled', ({ run, attempt }) => attempts.set(run, attempt))
  const run: Pool['run'] = (prompt, metadata = {}, own = {}) =>
    axon.agent('one').run<Answer>({ prompt, metadata: { ...metadata } }, { run: prompt, affinity, ...own })
  const executed = () =>
    readFileSync(records, 'utf8')
      .split('\n')
      .filter((line) => line && !line.startsWith('probe-'))
  let probes = 0
  const aim = async () => {
    while (proxies.size < replicas) await next(axon, 'agent.ready')
    probes += 1
    const { pid } = (await run(`probe-${probes}`)).result
    return [...proxies.values()].find((proxy) => proxy.pid === pid) as FaultProxy
  }
  return { axon, definition, proxies, aim, directory, run, executed, attempts }
}

/** What a caller was told: that all went well, or of the start. */
export type Told = 'ok' | boolean | undefined

export async function told(run: Promise<unknown>): Promise<Told> {
  try {
    await run
    return 'ok'
  } catch (error) {
    if (error instanceof RunError) return error.started
    throw error
  }
}
