/**
 * Owns the hosts of a system: one for each environment and list of preloaded modules, started when it is first needed.
 */
import type { Resources } from '../resources.ts'
import type { RecordContent } from '../state/record.ts'
import { Host, type HostSpec } from './host.ts'

export class Hosts {
  #resources: Resources
  #hosts = new Map<string, Host>()

  constructor(resources: Resources) {
    this.#resources = resources
  }

  /** The host of that environment; a new one where it was lost. @throws AxonError SUPERVISOR_CLOSED */
  get(spec: HostSpec): Host {
    const key = JSON.stringify([spec.root, spec.python, spec.preload])
    const existing = this.#hosts.get(key)
    if (existing?.isOpen) return existing
    this.#resources.demandOpen()
    this.#resources.record()
    const host = new Host(spec, this.#resources)
    this.#hosts.set(key, host)
    this.#resources.record()
    return host
  }

  /** Those that are open, for the record. */
  get recorded(): RecordContent['hosts'] {
    return [...this.#hosts.values()].filter(({ isOpen }) => isOpen).map(({ recorded }) => recorded)
  }

  /** Those that are ready, as they have told. */
  get ready(): NonNullable<Host['facts']>[] {
    return [...this.#hosts.values()].flatMap(({ facts }) => facts ?? [])
  }

  /** Ends every host and everything they started. */
  async close(): Promise<void> {
    await Promise.all([...this.#hosts.values()].map((host) => host.close()))
  }
}
