/**
 * Owns a stand-in for the head of a Ray cluster, on loopback: the dashboard's REST API as Ray 2.60 was seen to behave, Serve's
 * proxy, and the replicas' own ports. The agents behind it answer by a function of the test's.
 */
import { createHash } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

export type Config = { name: string } & Record<string, unknown>

interface FakeReplica {
  replica_id: string
  state: string
  actor_id?: string
  node_ip?: string
  pid?: number
}

interface FakeApplication {
  status: string
  message: string
  deployed_app_config: Config | null
  deployments: Record<string, { status: string; message: string; replicas: FakeReplica[] }>
}

/** Answers a run. By default with its prompt. */
export type Answer = (request: IncomingMessage, response: ServerResponse, body: { prompt: unknown }) => void

const facts = { name: 'echo', framework: 'function', python: '3.13.1', axonAgent: '0.1.0' }

export class FakeRay {
  /** Undefined: it asks for none. */
  token: string | undefined = 'ray-token'
  readonly applications = new Map<string, FakeApplication>()
  readonly packages = new Map<string, Buffer>()
  /** Every set that was written, in order. */
  readonly puts: { applications: Config[]; [key: string]: unknown }[] = []
  /** Methods and paths that the dashboard was asked for. */
  readonly asked: string[] = []
  /** Where each run came in: `proxy`, or the name of a replica's port. */
  readonly runs: string[] = []
  /** What becomes of an application that is written. */
  outcome: { status: string; message?: string; deployment?: string } = { status: 'RUNNING' }
  answer: Answer = (_, response, { prompt }) => json(response, 200, answerOf(prompt))
  /** Called after a set was written, before it is read again: another writer. */
  afterPut: (() => void) | undefined
  isUp = true
  /** What each replica has said, by its id: behind the proxy answers `proxy`. */
  readonly said = new Map<string, string[]>()
  /** By actor, what Ray has of its standard error. */
  readonly logs = new Map<string, string>()
  /** Of each application's replicas: name to port. */
  readonly replicas = new Map<string, number>()
  address = ''
  proxy = ''
  readonly #servers: Server[] = []

  static async open(): Promise<FakeRay> {
    const ray = new FakeRay()
    ray.address = `http://127.0.0.1:${await ray.#listen((...exchange) => ray.#dashboard(...exchange))}`
    ray.proxy = `http://127.0.0.1:${await ray.#listen((...exchange) => ray.#serve('proxy', ...exchange))}`
    onTestFinished(() => ray.close())
    return ray
  }

  get placement() {
    const { address, proxy, token } = this
    return { ray: { address, proxy, ...(token !== undefined && { token }) } }
  }

  /** The names of the applications that there are. */
  get names(): string[] {
    return [...this.applications.keys()].sort()
  }

  /** A replica has a port of its own. */
  async addReplica(name: string): Promise<void> {
    this.replicas.set(name, await this.#listen((...exchange) => this.#serve(name, ...exchange)))
  }

  async close(): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    }
    this.#servers.length = 0
  }

  async #listen(handler: (request: IncomingMessage, response: ServerResponse, body: Buffer) => void): Promise<number> {
    const server = createServer(async (request, response) => {
      const chunks: Buffer[] = []
      for await (const chunk of request) chunks.push(chunk as Buffer)
      handler(request, response, Buffer.concat(chunks))
    })
    this.#servers.push(server)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    return (server.address() as AddressInfo).port
  }

  #dashboard(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const { method, url = '', headers } = request
    this.asked.push(`${method} ${url}`)
    if (!this.isUp) return void request.socket.destroy()
    if (this.token !== undefined && headers.authorization !== `Bearer ${this.token}`)
      return text(response, 401, 'Unauthorized')
    // As Ray does with whatever looks like a browser.
    if (headers['sec-fetch-mode'] !== undefined) return text(response, 405, 'not allowed for browser traffic')
    if (url === '/api/version') return json(response, 200, { version: '4', ray_version: '2.60.0' })
    const name = /^\/api\/packages\/gcs\/([^/]+)$/.exec(url)?.[1]
    if (name !== undefined) {
      if (method === 'PUT') this.packages.set(name, body)
      return text(response, this.packages.has(name) ? 200 : 404, '')
    }
    const actor = /^\/api\/v0\/logs\/file\?actor_id=([^&]+)&suffix=err/.exec(url)?.[1]
    if (actor !== undefined) return text(response, 200, this.logs.get(actor) ?? '')
    if (url !== '/api/serve/applications/') return text(response, 404, 'no such route')
    if (method === 'GET') return json(response, 200, this.#details())
    const set = JSON.parse(body.toString()) as { applications: Config[] }
    if (set.applications.some((config) => config.route_prefix === undefined)) return text(response, 400, 'bad schema')
    this.puts.push(set)
    this.#apply(set.applications)
    this.afterPut?.()
    return text(response, 200, '')
  }

  #apply(configs: Config[]): void {
    const wanted = new Map(configs.map((config) => [config.name, config]))
    for (const [name, { deployed_app_config }] of this.applications)
      if (deployed_app_config !== null && !wanted.has(name)) this.applications.delete(name)
    for (const [name, config] of wanted) {
      const old = this.applications.get(name)?.deployed_app_config
      // One that is written as it is stays as it is.
      if (JSON.stringify(old) === JSON.stringify(config)) continue
      const { status, message = '', deployment = '' } = this.outcome
      const state = status === 'RUNNING' ? status : 'STARTING'
      const agent = {
        status,
        message: deployment,
        replicas: [{ replica_id: 'proxy', state, pid: 7, node_ip: '10.0.0.2' }],
      }
      this.applications.set(name, { status, message, deployed_app_config: config, deployments: { agent } })
    }
  }

  #details() {
    const targets = [...this.replicas].map(([name, port]) => ({ ip: '127.0.0.1', port, instance_id: '', name }))
    return {
      controller_info: {},
      http_options: { host: '127.0.0.1', port: 8000 },
      proxy_location: 'HeadOnly',
      proxies: this.applications.size > 0 ? { node: { status: 'HEALTHY' } } : {},
      applications: Object.fromEntries(this.applications),
      target_capacity: null,
      target_groups: this.names.map((name) => ({
        route_prefix: `/${name}`,
        protocol: 'HTTP',
        app_name: name,
        targets,
      })),
    }
  }

  /** As a replica that has said these lines. */
  #report(at: string, response: ServerResponse, { after }: { after: Record<string, number> }): void {
    const replica = at.split('#').at(-1) ?? at
    const said = this.said.get(replica) ?? []
    const lines = said.slice(after[replica] ?? 0).map((line) => ['stdout', line])
    const output = { end: said.length, dropped: 0, lines }
    json(response, 200, { replica, pid: 1, rss: 87_000_000, cpu: 0.5, in_flight: 1, output })
  }

  #serve(at: string, request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const [, name = '', ...path] = (request.url ?? '').split('/')
    const application = this.applications.get(name)
    if (application === undefined)
      return text(response, 404, `Path '${request.url}' not found. Ping http://.../-/routes`)
    const bearer = request.headers.authorization?.replace('Bearer ', '') ?? ''
    const { agent, token_sha256 } = (application.deployed_app_config?.args ?? {}) as Record<string, string>
    if (createHash('sha256').update(bearer).digest('hex') !== token_sha256)
      return json(response, 401, { error: { code: 'PROTOCOL_UNAUTHORIZED', message: 'wrong token', started: false } })
    if (path[0] === 'health') return json(response, 200, { status: 'ok', agent, generation: at, in_flight: 0, facts })
    if (path.at(-1) === 'report') return this.#report(at, response, JSON.parse(body.toString()))
    this.runs.push(at)
    this.answer(request, response, JSON.parse(body.toString()))
  }
}

/** An application that runs; null where a program has deployed it. */
export function runningOf(config: Config | null): FakeApplication {
  return { status: 'RUNNING', message: '', deployed_app_config: config, deployments: {} }
}

export function answerOf(result: unknown) {
  return { result, messages: [], usage: { total_tokens: 0 } }
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

export function text(response: ServerResponse, status: number, body: string): void {
  response.writeHead(status, { 'content-type': 'text/plain' }).end(body)
}
