/**
 * Owns what the tests against Ray say to it: Serve's REST API and the agents' own, by plain requests. Nothing of Axon's Node
 * side is used, so that what Ray itself does is seen.
 */
import { execFileSync } from 'node:child_process'
import { createHash, randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { request } from 'undici'
import { inject } from 'vitest'
import { defaultWheel } from '../../src/runtime/environment/wheel.ts'

export const ray = inject('ray')
/** The agents' own. */
export const token = 'a-token-of-the-tests'
const token_sha256 = createHash('sha256').update(token).digest('hex')
export const fixtures = join(import.meta.dirname, '../fixtures')
const applicationsUrl = `${ray.address}/api/serve/applications/`

export interface Replica {
  replica_id: string
  state: string
  pid: number | null
  node_ip: string | null
}

export interface Running extends Replica {
  pid: number
}

export interface Application {
  status: string
  message: string
  route_prefix: string
  deployed_app_config: { name: string; [key: string]: unknown }
  deployments: Record<string, { status: string; message: string; replicas: Replica[] }>
}

export interface Served {
  applications: Record<string, Application>
  target_groups: {
    targets: { ip: string; port: number; instance_id: string; name: string }[]
    route_prefix: string
    protocol: string
    app_name: string
  }[]
}

let packaged: Promise<{ working_dir: string; py_modules: string[] }> | undefined

/** Deploys an agent of test/fixtures/agents as the application `name`, beside those that there are. */
export async function deploy(
  name: string,
  module: string,
  deployment: Record<string, unknown> = {},
  { args, variables }: { args?: Record<string, unknown>; variables?: Record<string, string> } = {},
): Promise<void> {
  packaged ??= upload()
  const { applications } = await served()
  const others = Object.values(applications)
    .map(({ deployed_app_config }) => deployed_app_config)
    .filter((config) => config !== null && config.name !== name)
  const config = {
    name,
    route_prefix: `/${name}`,
    import_path: 'axon_agent.ray:application',
    args: { agent: name, module: `agents.${module}`, token_sha256, ...args },
    runtime_env: { ...(await packaged), env_vars: variables ?? {} },
    deployments: [{ name: 'agent', max_ongoing_requests: 16, max_queued_requests: 100, ...deployment }],
  }
  await put([...others, config])
}

/** Deletes every application, and waits until they are gone. */
export async function clear(): Promise<void> {
  await put([])
  await until(({ applications }) => (Object.keys(applications).length === 0 ? true : undefined))
}

/** Waits until the application has so many replicas, all of which run. */
export async function running(name: string, count = 1): Promise<[Running, ...Running[]]> {
  return until(({ applications: { [name]: application } }) => {
    if (application?.status === 'DEPLOY_FAILED') throw new Error(JSON.stringify(application))
    const replicas = application?.deployments.agent?.replicas ?? []
    const isSettled = application?.status === 'RUNNING' && replicas.length === count
    return isSettled && replicas.every(isRunning) ? (replicas as [Running, ...Running[]]) : undefined
  })
}

function isRunning(replica: Replica): replica is Running {
  return replica.state === 'RUNNING' && replica.pid !== null
}

/** Waits until Ray names the addresses at which these replicas listen themselves, and no others. */
export async function ports(name: string, replicas: readonly Running[]): Promise<string[]> {
  return until(({ target_groups }) => {
    const groups = target_groups.filter(({ app_name, protocol }) => app_name === name && protocol === 'HTTP')
    const targets = groups.flatMap((group) => group.targets)
    const found = replicas.map(({ replica_id }) => targets.find((target) => target.name.endsWith(`#${replica_id}`)))
    if (targets.length !== replicas.length || !found.every((target) => target !== undefined)) return undefined
    return found.map(({ ip, port }) => `http://${ip}:${port}`)
  })
}

/** The path of a gate that is shut; see test/fixtures/agents/gate.py. */
export function gate(): string {
  return join(ray.directory, `gate-${randomUUID()}`)
}

export async function served(): Promise<Served> {
  return JSON.parse(await rest('GET', applicationsUrl)) as Served
}

/** Asks until there is an answer; the test's own time ends it otherwise. */
export async function until<T>(answer: (served: Served) => T | undefined): Promise<T> {
  for (;;) {
    const found = answer(await served())
    if (found !== undefined) return found
    await setTimeout(100)
  }
}

/** A run of the application's agent, at the proxy unless a replica's own address is given. */
export function run(
  name: string,
  prompt: unknown,
  { at = ray.proxy, route = 'run_sync', bearer = token, signal, headers }: RunOptions = {},
): Promise<Response> {
  return fetch(`${at}/${name}/agents/${name}/${route}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', ...headers },
    body: JSON.stringify({ prompt }),
    signal: signal ?? null,
  })
}

/** Reads an answer until enough of it has come; then its caller goes away. */
export async function readUntil(answer: Response, isEnough: (read: string) => boolean): Promise<string> {
  let read = ''
  for await (const piece of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    read += piece
    if (isEnough(read)) break
  }
  return read
}

interface RunOptions {
  at?: string | undefined
  route?: 'run_sync' | 'run_stream'
  bearer?: string
  signal?: AbortSignal
  headers?: Record<string, string>
}

async function put(applications: unknown[]): Promise<void> {
  const body = {
    proxy_location: 'HeadOnly',
    // Replicas listen there, too, those of other nodes included. Nothing but loopback is here.
    http_options: { host: '0.0.0.0', port: 8000 },
    applications,
  }
  await rest('PUT', applicationsUrl, JSON.stringify(body), 'application/json')
}

/** The agents of the fixtures, and axon_agent. Its wheel goes as a zip, which Ray unpacks: a wheel it installs, by pip. */
async function upload(): Promise<{ working_dir: string; py_modules: string[] }> {
  const agents = join(ray.directory, 'agents.zip')
  execFileSync(ray.python, ['-m', 'zipfile', '-c', agents, 'agents'], { cwd: fixtures })
  return {
    working_dir: await uploaded('agents.zip', agents),
    py_modules: [await uploaded('axon_agent.zip', defaultWheel())],
  }
}

async function uploaded(name: string, path: string): Promise<string> {
  await rest('PUT', `${ray.address}/api/packages/gcs/${name}`, readFileSync(path), 'application/octet-stream')
  return `gcs://${name}`
}

/** Not `fetch`, whose own headers Ray takes for those of a browser, which may not change anything. */
async function rest(method: 'GET' | 'PUT', url: string, body?: string | Buffer, type = ''): Promise<string> {
  const headers = { authorization: `Bearer ${ray.token}`, ...(body === undefined ? {} : { 'content-type': type }) }
  const answer = await request(url, { method, headers, body: body ?? null })
  const text = await answer.body.text()
  if (answer.statusCode !== 200) throw new Error(`${method} ${url}: ${answer.statusCode} ${text}`)
  return text
}
