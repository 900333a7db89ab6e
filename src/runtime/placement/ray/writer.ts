/**
 * Owns the writing of the set of applications, which is Serve's only as a whole: whoever writes it writes everybody's.
 *
 * 1. In one process there is one writer of a dashboard at a time.
 * 2. Of others' applications each is written as it was read; those that programs deployed are no part of the set, and stay.
 * 3. After a write it is looked at whether it stands: another process may have read the set before, and written it after.
 */
import { isDeepStrictEqual } from 'node:util'
import { AxonError } from '../../../errors.ts'
import type { ApplicationConfig, Dashboard, Details } from './dashboard.ts'

/** The applications of the set by name, of which `edit` makes the next set. */
export type Edit = (set: Map<string, ApplicationConfig>, details: Details) => void

const maxTries = 5
/** By address: the end of the last write that was asked for. */
const turns = new Map<string, Promise<unknown>>()

export class Writer {
  readonly #dashboard: Dashboard
  /** The bytes of a package of Axon's own. */
  readonly #bytesOf: (name: string) => Buffer | undefined

  /** What Serve is started with where it does not run yet. */
  readonly #httpOptions: { port: number }

  constructor(dashboard: Dashboard, httpOptions: { port: number }, bytesOf: (name: string) => Buffer | undefined) {
    this.#dashboard = dashboard
    this.#httpOptions = httpOptions
    this.#bytesOf = bytesOf
  }

  /**
   * Changes the set; `edit` may be called again, with the set as it is then. Nothing is written where it changes nothing.
   * @throws AxonError RAY_UNREACHABLE, RAY_REFUSED
   */
  async change(edit: Edit): Promise<void> {
    const { address } = this.#dashboard
    const turn = (turns.get(address) ?? Promise.resolve()).then(() => this.#change(edit))
    const ended = turn.catch(() => {})
    turns.set(address, ended)
    try {
      await turn
    } finally {
      if (turns.get(address) === ended) turns.delete(address)
    }
  }

  async #change(edit: Edit): Promise<void> {
    let details = await this.#dashboard.details()
    for (let tries = 0; tries < maxTries; tries += 1) {
      const before = setOf(details)
      const after = new Map(before)
      edit(after, details)
      if (isDeepStrictEqual(before, after)) return
      demandReadable(after, this.#dashboard.address)
      for (const name of packagesOf(after)) await this.#renew(name)
      await this.#dashboard.put(bodyOf(details, after, this.#httpOptions))
      details = await this.#dashboard.details()
      if (stands(setOf(details), before, after)) return
    }
    const message = `What Axon wrote to Ray at ${this.#dashboard.address} was overwritten ${maxTries} times. Give the cluster one writer, or let the others read before they write.`
    throw new AxonError('RAY_UNREACHABLE', message, { context: { address: this.#dashboard.address } })
  }

  /** Packages that nothing alive refers to are gone after ten minutes. */
  async #renew(name: string): Promise<void> {
    if (await this.#dashboard.has(name)) return
    const bytes = this.#bytesOf(name)
    // That of another's application: what runs of it has it already.
    if (bytes) await this.#dashboard.upload(name, bytes)
  }
}

function setOf({ applications }: Details): Map<string, ApplicationConfig> {
  const living = Object.entries(applications).filter(([, { status }]) => status !== 'DELETING')
  return new Map(living.flatMap(([name, { deployed_app_config: config }]) => (config ? [[name, config]] : [])))
}

/** What the set does not say is kept: without its own capacity Serve would have all of it again. */
function bodyOf(
  details: Details,
  set: Map<string, ApplicationConfig>,
  httpOptions: { port: number },
): Record<string, unknown> {
  const { proxies, http_options, grpc_options, proxy_location, target_capacity } = details
  const isRunning = Object.keys(proxies ?? {}).length > 0
  const kept = isRunning ? { http_options, grpc_options, proxy_location } : { http_options: httpOptions }
  const body = { ...kept, target_capacity, applications: [...set.values()] }
  return Object.fromEntries(Object.entries(body).filter(([, value]) => value !== undefined && value !== null))
}

/** Every package that an application of the set refers to. */
function packagesOf(set: Map<string, ApplicationConfig>): Set<string> {
  const names = new Set<string>()
  for (const { runtime_env: given } of set.values()) {
    const { working_dir, py_modules } = (given ?? {}) as { working_dir?: unknown; py_modules?: unknown }
    for (const uri of [working_dir, ...(Array.isArray(py_modules) ? py_modules : [])])
      if (typeof uri === 'string' && uri.startsWith('gcs://')) names.add(uri.slice('gcs://'.length))
  }
  return names
}

/** What is changed by the edit is as it was wanted. What others have changed meanwhile is theirs. */
function stands(
  now: Map<string, ApplicationConfig>,
  before: Map<string, ApplicationConfig>,
  after: Map<string, ApplicationConfig>,
): boolean {
  const names = new Set([...before.keys(), ...after.keys()])
  for (const name of names) {
    const [was, wanted] = [before.get(name), after.get(name)]
    if (isDeepStrictEqual(was, wanted)) continue
    if ((wanted === undefined) !== !now.has(name)) return false
    if (wanted && !covers(now.get(name), wanted)) return false
  }
  return true
}

/** Ray tells a configuration as it was written, and may fill in what was left out. */
function covers(told: unknown, written: unknown): boolean {
  if (typeof written !== 'object' || written === null) return told === written
  if (typeof told !== 'object' || told === null) return false
  if (Array.isArray(written) && (told as unknown[]).length !== written.length) return false
  return Object.entries(written).every(([key, value]) => covers((told as Record<string, unknown>)[key], value))
}

/** Written back, what Ray hides would be what it says. */
function demandReadable(set: Map<string, ApplicationConfig>, address: string): void {
  for (const { name, runtime_env } of set.values()) {
    if (runtime_env === undefined || !JSON.stringify(runtime_env).includes('"<redacted>"')) continue
    const message = `Ray's dashboard at ${address} hides environment variables of application ${name}, and Axon would overwrite them. Ask it without a proxy that makes a request a browser's.`
    throw new AxonError('RAY_REFUSED', message, { context: { address, application: name } })
  }
}
