/**
 * Owns the connections to one application: Serve's proxy, and the addresses that Ray lists for it, of which those are used that
 * answer for the agent. With none of them, everything goes by the proxy.
 */
import { Pool } from 'undici'
import * as z from 'zod'
import { type AgentEndpoint, agentFacts } from '../../../protocol/control.ts'
import { favourite } from '../../runs/rendezvous.ts'
import type { Address } from './application.ts'

const probeMs = 2_000

const health = z.looseObject({ agent: z.string(), facts: agentFacts.optional().catch(undefined) })
type Health = z.output<typeof health>

export interface EndpointsOptions {
  agent: string
  proxy: string
  connectMs: number
  /** Runs that one replica takes at a time. */
  concurrency: number
}

export class Endpoints {
  readonly #options: EndpointsOptions
  readonly #proxy: Pool
  /** By origin. */
  readonly #targets = new Map<string, Pool>()
  /** Let go, and not done yet. */
  readonly #leaving = new Set<Pool>()
  #address: Address
  #isClosed = false

  constructor(options: EndpointsOptions, address: Address) {
    this.#options = options
    this.#address = address
    this.#proxy = this.#connect(options.proxy)
  }

  get address(): Address {
    return this.#address
  }

  /** As it is told: the way that is there always. */
  get endpoint(): AgentEndpoint {
    return { kind: 'url', url: `${this.#options.proxy}${this.#address.prefix}` }
  }

  /** From now on it is another application. What is under way may end. */
  move(address: Address): void {
    this.#address = address
    for (const origin of this.#targets.keys()) this.#drop(origin)
  }

  /** The connections for one more request: those that `affinity` prefers and have a place, else where the fewest are under way. */
  choose(affinity?: string): Pool {
    if (affinity !== undefined) {
      const free = [...this.#targets].filter(([, pool]) => busy(pool) < this.#options.concurrency)
      const preferred = favourite(free, affinity, ([origin]) => origin)
      if (preferred) return preferred[1]
    }
    let best: Pool | undefined
    for (const pool of this.#targets.values()) if (best === undefined || busy(pool) < busy(best)) best = pool
    return best ?? this.#proxy
  }

  /** Where each replica that can be told apart is asked; else one that the proxy chooses. */
  get ways(): Pool[] {
    return this.#targets.size > 0 ? [...this.#targets.values()] : [this.#proxy]
  }

  get inFlight(): number {
    return [this.#proxy, ...this.#targets.values(), ...this.#leaving].reduce((sum, pool) => sum + busy(pool), 0)
  }

  /** What the agent says of itself over the proxy, or at one of the addresses. @throws Error where nobody answers for it */
  async health(): Promise<Health> {
    return await this.#ask(this.choose())
  }

  /** These are the addresses now. New ones are used once they have answered; what is listed no more ends what is under way there. */
  async update(origins: readonly string[]): Promise<void> {
    for (const origin of this.#targets.keys()) if (!origins.includes(origin)) this.#drop(origin)
    const unknown = origins.filter((origin) => origin !== this.#options.proxy && !this.#targets.has(origin))
    await Promise.all(unknown.map((origin) => this.#try(origin)))
  }

  async close(): Promise<void> {
    this.#isClosed = true
    const pools = [this.#proxy, ...this.#targets.values(), ...this.#leaving]
    this.#targets.clear()
    await Promise.all(pools.map((pool) => pool.destroy().catch(() => {})))
  }

  async #try(origin: string): Promise<void> {
    const pool = this.#connect(origin)
    try {
      await this.#ask(pool)
    } catch {
      // It is asked again when the list is next read.
      return void pool.destroy().catch(() => {})
    }
    if (this.#isClosed || this.#targets.has(origin)) return void pool.destroy().catch(() => {})
    this.#targets.set(origin, pool)
    pool.on('connectionError', () => this.#drop(origin))
  }

  /** What is under way there may end. */
  #drop(origin: string): void {
    const pool = this.#targets.get(origin)
    if (pool === undefined) return
    this.#targets.delete(origin)
    this.#leaving.add(pool)
    void pool.close().then(
      () => this.#leaving.delete(pool),
      () => this.#leaving.delete(pool),
    )
  }

  async #ask(pool: Pool): Promise<Health> {
    const { agent } = this.#options
    const { prefix, token } = this.#address
    const response = await pool.request({
      path: `${prefix}/health`,
      method: 'GET',
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(probeMs),
    })
    const text = await response.body.text()
    if (response.statusCode !== 200) throw new Error(`it answers ${response.statusCode}: ${text.slice(0, 200)}`)
    const told = health.parse(JSON.parse(text))
    if (told.agent !== agent) throw new Error(`agent ${told.agent} answers there`)
    return told
  }

  #connect(origin: string): Pool {
    const { connectMs } = this.#options
    // The lane bounds the runs, and with them the connections.
    return new Pool(origin, { pipelining: 1, keepAliveTimeout: 4_000, connect: { timeout: connectMs } })
  }
}

function busy({ stats }: Pool): number {
  return stats.size
}
