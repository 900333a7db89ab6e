/**
 * Owns what Axon is measured against: other ways in which a Node.js program gets Python code to run. Each is started, does the same two
 * kinds of work, and is ended.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { createAxon } from 'axon-runtime'
import { Pool } from 'undici'
import { agentOptions, benchRoot } from '../environment.ts'
import { freePort } from '../ports.ts'

export type Work = 'echo' | 'model'

export interface Contender {
  /** Resolves to what the work answers. */
  call: (work: Work, prompt: string) => Promise<unknown>
  stop: () => Promise<unknown>
}

/** What was installed for them, by name: interpreters, and the directory with the npm packages. */
export interface Installed {
  agents: string
  litserve: string
  ray: string
  packages: string
}

const connections = 17
const readyMs = 120_000

export async function startAxon(): Promise<Contender> {
  const axon = await createAxon({
    agents: { echo: { ...agentOptions, module: 'agents.echo' }, model: agentOptions },
  }).start()
  return {
    call: async (work, prompt) => (await axon.agent(work).run({ prompt })).result,
    stop: () => axon.close(),
  }
}

/** By name; each takes a few seconds to start. */
export const contenders: Record<string, (installed: Installed) => Promise<Contender>> = {
  'FastAPI + undici': ({ agents }) => startServer([agents, 'peers/fastapi_app.py']),
  LitServe: ({ litserve }) => startServer([litserve, 'peers/litserve_app.py']),
  'Ray Serve': ({ ray }) => startServer([ray, 'peers/ray_app.py']),
  'python-shell': startPythonShell,
  pythonia: startPythonia,
}

/**
 * In a namespace of processes: some leave theirs behind when they are ended.
 * @param command serves /echo and /model on the port that is its last argument
 */
async function startServer(command: string[]): Promise<Contender> {
  const port = await freePort()
  const env = { ...process.env, PYTHONPATH: benchRoot, RAY_USAGE_STATS_ENABLED: '0' }
  const child = spawn('unshare', ['--pid', '--fork', '--kill-child', '--mount-proc', ...command, String(port)], {
    cwd: benchRoot,
    env,
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const pool = new Pool(`http://127.0.0.1:${port}`, { connections, pipelining: 1 })
  const call = async (work: Work, prompt: string) => {
    const headers = { 'content-type': 'application/json' }
    const { statusCode, body } = await pool.request({
      method: 'POST',
      path: `/${work}`,
      headers,
      body: JSON.stringify({ prompt }),
    })
    if (statusCode !== 200) throw new Error(`${statusCode} ${await body.text()}`)
    return ((await body.json()) as { output: unknown }).output
  }
  await untilAnswered(child, () => call('model', 'Are you there?'))
  return {
    call,
    stop: async () => {
      await pool.destroy()
      await end(child)
    },
  }
}

async function startPythonShell({ agents, packages }: Installed): Promise<Contender> {
  const { PythonShell } = await load(packages, 'python-shell')
  const env = { ...process.env, PYTHONPATH: benchRoot }
  const shell = new PythonShell('shell.py', {
    mode: 'json',
    pythonPath: agents,
    scriptPath: join(benchRoot, 'peers'),
    env,
    cwd: benchRoot,
  })
  const waiting = new Map<number, (output: unknown) => void>()
  let calls = 0
  shell.on('message', ({ id, output }: { id: number; output: unknown }) => {
    waiting.get(id)?.(output)
    waiting.delete(id)
  })
  return {
    call: (work, prompt) =>
      new Promise((resolve) => {
        calls += 1
        waiting.set(calls, resolve)
        shell.send({ id: calls, work, prompt })
      }),
    stop: () => new Promise((resolve) => shell.end(resolve)),
  }
}

async function startPythonia({ agents, packages }: Installed): Promise<Contender> {
  Object.assign(process.env, { PYTHON_BIN: agents, PYTHONPATH: benchRoot })
  const { python } = await load(packages, 'pythonia')
  const work = await python(join(benchRoot, 'peers/work.py'))
  return {
    call: (kind, prompt) => (kind === 'echo' ? work.echo(prompt) : work.model_sync(prompt)),
    stop: async () => python.exit(),
  }
}

async function load(packages: string, name: string) {
  const found = createRequire(join(packages, 'package.json')).resolve(name)
  return import(pathToFileURL(found).href)
}

async function untilAnswered(child: ChildProcess, call: () => Promise<unknown>): Promise<void> {
  const deadline = performance.now() + readyMs
  for (;;) {
    try {
      return void (await call())
    } catch (error) {
      if (child.exitCode !== null || performance.now() > deadline) throw error
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
  }
}

async function end(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  const force = setTimeout(() => child.kill('SIGKILL'), 5_000)
  await exited
  clearTimeout(force)
}
