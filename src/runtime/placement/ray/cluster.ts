/**
 * Owns what one system holds of one cluster: the talk with its dashboard, which applications are this system's, and the packages
 * that were made for them. Opened when an agent first needs it, closed with the system.
 */
import type { RayPlacement } from '../../../machines/definition.ts'
import type { Provisions } from './application.ts'
import { type ApplicationConfig, Dashboard, type Details } from './dashboard.ts'
import { type Edit, Writer } from './writer.ts'

/** Of what Ray told so lately every agent may read. */
const freshMs = 200

export class Cluster {
  readonly dashboard: Dashboard
  /** Applications by name, each with the process for which it stands: `writer/0#3`. */
  readonly held = new Map<string, string>()
  /** By agent: what its application is to be made of. */
  readonly provisions = new Map<string, Provisions>()
  /** By revision of this system's own: what another system has put in its place. */
  readonly successors = new Map<string, ApplicationConfig>()
  readonly #writer: Writer
  #reading: { at: number; details: Promise<Details> } | undefined

  constructor({ address, proxy, token }: RayPlacement) {
    this.dashboard = new Dashboard(address, token)
    const { port, protocol } = new URL(proxy)
    const httpOptions = { port: Number(port) || (protocol === 'https:' ? 443 : 80) }
    this.#writer = new Writer(this.dashboard, httpOptions, (name) => this.#bytesOf(name))
  }

  /** How all applications stand: one question at a time for all agents. */
  details(): Promise<Details> {
    const now = performance.now()
    if (this.#reading === undefined || now - this.#reading.at > freshMs)
      this.#reading = { at: now, details: this.dashboard.details() }
    return this.#reading.details
  }

  /** Changes the set of applications: writer.ts. */
  async change(edit: Edit): Promise<void> {
    await this.#writer.change(edit)
    // What was asked before is older.
    this.#reading = undefined
  }

  /** What nothing alive refers to, a cluster forgets. */
  #bytesOf(name: string): Buffer | undefined {
    for (const { packages } of this.provisions.values())
      for (const each of [packages.directory, packages.wheel]) if (each.name === name) return each.bytes
    return undefined
  }
}

/** The clusters of one system. */
export class Clusters {
  readonly #clusters = new Map<string, Cluster>()

  of(placement: RayPlacement): Cluster {
    const { address, proxy, token } = placement
    const key = JSON.stringify([address, proxy, token])
    const cluster = this.#clusters.get(key) ?? new Cluster(placement)
    this.#clusters.set(key, cluster)
    return cluster
  }

  async close(): Promise<void> {
    await Promise.all([...this.#clusters.values()].map(({ dashboard }) => dashboard.close()))
    this.#clusters.clear()
  }
}
