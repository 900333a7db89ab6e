/**
 * Owns the talk with the dashboard of a Ray cluster: its REST API, typed as far as Axon reads it, and its refusals as Axon's
 * errors. What is asked, and when, belongs to the others of this folder.
 *
 * 1. It never sends DELETE: on the collection of applications that ends all of Serve, everybody's.
 * 2. It looks like no browser: to those Ray shows environment variables with their values hidden, and takes nothing from them.
 */
import { Pool } from 'undici'
import * as z from 'zod'
import { AxonError } from '../../../errors.ts'

/** One application of the set that Serve is given, as whoever wrote it wrote it. */
export type ApplicationConfig = { name: string } & Record<string, unknown>

const told = z.string().nullish()

const replica = z.looseObject({
  replica_id: told,
  state: told,
  node_ip: told,
  pid: z.int().nullish(),
  actor_id: told,
})

const deployment = z.looseObject({
  status: told,
  message: told,
  replicas: z.array(replica).nullish(),
})

const application = z.looseObject({
  status: z.string(),
  message: told,
  /** Null where it was deployed by a program, with serve.run: such a one is no part of the set. */
  deployed_app_config: z.looseObject({ name: z.string() }).nullish(),
  deployments: z.record(z.string(), deployment).nullish(),
})
export type Application = z.infer<typeof application>

const details = z.looseObject({
  applications: z.record(z.string(), application),
  proxies: z.record(z.string(), z.unknown()).nullish(),
  proxy_location: z.unknown().optional(),
  http_options: z.unknown().optional(),
  grpc_options: z.unknown().optional(),
  target_capacity: z.unknown().optional(),
  target_groups: z
    .array(
      z.looseObject({
        route_prefix: told,
        protocol: told,
        targets: z.array(z.looseObject({ ip: z.string(), port: z.int(), name: told })).nullish(),
      }),
    )
    .nullish(),
})
/** What the dashboard tells of Serve. */
export type Details = z.infer<typeof details>

const version = z.looseObject({ ray_version: z.string() })

/** The first word after the boot of a head takes 4.5 s. */
const answerMs = 15_000
const uploadMs = 120_000

interface Ask {
  method?: 'GET' | 'PUT'
  body?: string | Buffer
  limitMs?: number
  signal?: AbortSignal
}

export class Dashboard {
  readonly address: string
  readonly #token: string | undefined
  readonly #pool: Pool

  constructor(address: string, token: string | undefined) {
    this.address = address
    this.#token = token
    this.#pool = new Pool(address, { connections: 4, keepAliveTimeout: 4_000, connect: { timeout: 5_000 } })
  }

  /** Ray's version: whether there is a dashboard, and it takes the token. */
  async version(): Promise<string> {
    return this.#read(version, await this.#ask('/api/version')).ray_version
  }

  async details(): Promise<Details> {
    return this.#read(details, await this.#ask('/api/serve/applications/'))
  }

  /** Gives Serve its whole set of applications: what is not in it is deleted. */
  async put(set: Record<string, unknown>): Promise<void> {
    await this.#ask('/api/serve/applications/', { method: 'PUT', body: JSON.stringify(set) })
  }

  /** Whether the cluster has the package; it then keeps it for ten minutes more. */
  async has(name: string): Promise<boolean> {
    return (await this.#ask(packagePath(name), {}, [404])).status === 200
  }

  async upload(name: string, bytes: Buffer): Promise<void> {
    await this.#ask(packagePath(name), { method: 'PUT', body: bytes, limitMs: uploadMs })
  }

  /** The last lines that an actor has written to a stream, its end included; none where its node does not tell them. */
  async lastLines(actor: string, stream: 'out' | 'err', count: number, signal: AbortSignal): Promise<string[]> {
    const path = `/api/v0/logs/file?actor_id=${encodeURIComponent(actor)}&suffix=${stream}&lines=${count}`
    const { status, text } = await this.#ask(path, { signal }, [404, 500])
    // Ray's own marks of whose lines follow.
    return status === 200 ? text.split('\n').filter((line) => line !== '' && !/^:[a-z]+_(id|name):/.test(line)) : []
  }

  async close(): Promise<void> {
    await this.#pool.destroy()
  }

  async #ask(path: string, ask: Ask = {}, others: readonly number[] = []) {
    const { method = 'GET', body, limitMs = answerMs } = ask
    const headers = {
      'user-agent': 'axon',
      ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
      ...(body !== undefined && {
        'content-type': typeof body === 'string' ? 'application/json' : 'application/octet-stream',
      }),
    }
    const limit = AbortSignal.timeout(limitMs)
    const signal = ask.signal ? AbortSignal.any([ask.signal, limit]) : limit
    const answer = await this.#pool
      .request({ path, method, headers, body: body ?? null, signal, headersTimeout: limitMs, bodyTimeout: limitMs })
      .then(async ({ statusCode, body }) => ({ status: statusCode, text: await body.text() }))
      .catch((cause) => {
        throw this.#unreachable((cause as Error).message, cause)
      })
    const { status, text } = answer
    if (status === 200 || others.includes(status)) return answer
    if (status >= 500) throw this.#unreachable(`it answered ${status}: ${lastLine(text)}`)
    if (status === 401 || status === 403)
      throw this.#refused(`takes no token, or another one (${status}). Set placement.ray.token`)
    throw this.#refused(`refused ${method} ${path} (${status}): ${text.slice(0, 2_000)}`)
  }

  #read<Schema extends z.ZodType>(schema: Schema, { text }: { text: string }): z.output<Schema> {
    try {
      return schema.parse(JSON.parse(text))
    } catch (cause) {
      throw this.#refused('answers as no dashboard of Ray 2 does. Correct placement.ray.address', cause)
    }
  }

  #unreachable(why: string, cause?: unknown): AxonError {
    const message = `Ray's dashboard at ${this.address} could not be asked: ${why}. Look whether the cluster is up, and whether Node reaches that address.`
    return new AxonError('RAY_UNREACHABLE', message, { context: { address: this.address }, cause })
  }

  #refused(what: string, cause?: unknown): AxonError {
    const message = `Ray's dashboard at ${this.address} ${what}.`
    return new AxonError('RAY_REFUSED', message, { context: { address: this.address }, cause })
  }
}

function packagePath(name: string): string {
  return `/api/packages/gcs/${encodeURIComponent(name)}`
}

/** Of a traceback: what was raised. */
function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1)?.slice(0, 500) ?? ''
}
