/**
 * The same echo and the same run of pydantic-ai's test model through Axon and through what else brings Python into a Node.js
 * program: plain FastAPI with undici, LitServe, Ray Serve, python-shell, pythonia. Each is installed here, and measured by turns
 * with Axon in one process, 16 calls at once and one alone.
 */
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { ensureEnvironment } from 'axon-runtime'
import { asRoot } from '../test/faults/needs.ts'
import { benchEnvironment, benchRoot } from './environment.ts'
import type { BenchResult } from './main.ts'
import type { Installed } from './peers/contenders.ts'

export async function peers(rounds = 3, seconds = 2): Promise<BenchResult> {
  const directory = mkdtempSync(join(tmpdir(), 'axon-bench-peers-'))
  try {
    return { figures: await measure({ installed: await install(directory), rounds, seconds }), targets: [] }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function install(directory: string): Promise<Installed> {
  process.stderr.write('installing python-shell, pythonia, LitServe, Ray\n')
  writeFileSync(join(directory, 'package.json'), '{ "private": true }')
  const npm = ['install', '--no-audit', '--no-fund', '--loglevel=error', 'python-shell@^5', 'pythonia@^1']
  execFileSync('npm', npm, { cwd: directory, stdio: ['ignore', 2, 2] })
  const [agents, litserve, ray] = await Promise.all([
    benchEnvironment(),
    ensureEnvironment({ cwd: directory, dependencies: ['pydantic-ai-slim', 'litserve'] }),
    ensureEnvironment({ cwd: directory, dependencies: ['pydantic-ai-slim', 'ray[serve]'] }),
  ])
  return { agents: agents.python, litserve: litserve.python, ray: ray.python, packages: directory }
}

/** In a namespace of the network that has loopback only. */
async function measure(task: object): Promise<BenchResult['figures']> {
  const program = [process.execPath, join(benchRoot, 'peers/measure.ts')]
  const child = spawn('unshare', [...asRoot, '--net', 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh', ...program], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  child.stdin.end(JSON.stringify(task))
  const [printed, [code]] = await Promise.all([text(child.stdout), once(child, 'exit')])
  if (code !== 0)
    throw new Error(
      'The peers could not be measured: see above. It needs unshare and ip, as in util-linux and iproute2.',
    )
  return JSON.parse(printed)
}
