/**
 * Owns the process managers that Axon is measured against: installs each into a directory of its own, runs the same agent under
 * it, and ends it.
 */
import { execFile, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ensureEnvironment } from 'axon-runtime'
import { Agent, request } from 'undici'
import { benchRoot } from './environment.ts'
import { freePort } from './ports.ts'

const run = promisify(execFile)
const answerMs = 60_000
const betweenTriesMs = 2

/** An agent that a peer keeps alive. */
export interface Peer {
  /** The process that answers next, other than `not`. */
  answer: (not?: number) => Promise<number>
  stop: () => Promise<void>
}

export async function startPm2(python: string): Promise<Peer> {
  const directory = mkdtempSync(join(tmpdir(), 'axon-bench-pm2-'))
  writeFileSync(join(directory, 'package.json'), '{ "private": true }')
  const npm = ['install', '--no-audit', '--no-fund', '--loglevel=error', 'pm2@^7 || ^6']
  execFileSync('npm', npm, { cwd: directory, stdio: ['ignore', 2, 2] })
  const env = { ...process.env, PM2_HOME: join(directory, 'home'), PYTHONPATH: benchRoot }
  const pm2 = (...args: string[]) =>
    run(process.execPath, [join(directory, 'node_modules/pm2/bin/pm2'), ...args], { cwd: benchRoot, env })
  const port = await freePort()
  await pm2('start', 'agents/peer_app.py', '--interpreter', python, '--name', 'peer', '--', String(port))
  return {
    answer: (not) => answer(port, not),
    stop: async () => {
      await pm2('kill')
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

export async function startSupervisord(python: string): Promise<Peer> {
  const directory = mkdtempSync(join(tmpdir(), 'axon-bench-supervisord-'))
  mkdirSync(join(directory, 'log'))
  const environment = await ensureEnvironment({ cwd: directory, dependencies: ['supervisor', 'setuptools<81'] })
  const port = await freePort()
  const configuration = `[supervisord]
nodaemon=true
logfile=${directory}/log/supervisord.log
pidfile=${directory}/supervisord.pid
childlogdir=${directory}/log
[program:peer]
command=${python} agents/peer_app.py ${port}
directory=${benchRoot}
environment=PYTHONPATH="${benchRoot}"
autorestart=true
startretries=100
`
  writeFileSync(join(directory, 'supervisord.conf'), configuration)
  const command = join(environment.root, 'bin/supervisord')
  const child = spawn(command, ['-n', '-c', join(directory, 'supervisord.conf')], { stdio: 'ignore' })
  return {
    answer: (not) => answer(port, not),
    stop: async () => {
      const exited = once(child, 'exit')
      child.kill('SIGTERM')
      await exited
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

async function answer(port: number, not?: number): Promise<number> {
  const dispatcher = new Agent({ keepAliveTimeout: 1 })
  const deadline = performance.now() + answerMs
  try {
    while (performance.now() < deadline) {
      try {
        const { body } = await request(`http://127.0.0.1:${port}/run`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: '{"prompt":"Are you there?"}',
          dispatcher,
        })
        const { pid } = (await body.json()) as { pid: number }
        if (pid !== not) return pid
      } catch {
        await new Promise((resolve) => setTimeout(resolve, betweenTriesMs))
      }
    }
    throw new Error(`Nobody answered on port ${port} within ${answerMs} ms.`)
  } finally {
    await dispatcher.destroy()
  }
}
