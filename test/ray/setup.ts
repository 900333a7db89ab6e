/**
 * Owns the Ray head of a run of tests: started before the first test, ended after the last. Runs in namespaces of its own, which
 * scripts/ray.ts has made: every port is free, and nobody else is reached.
 */
import { execFileSync, spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { openSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import type { TestProject } from 'vitest/node'

export interface RayHead {
  /** Of the dashboard, which has the REST API. */
  address: string
  /** Of Serve's HTTP proxy. */
  proxy: string
  /** Ray's own, for the dashboard. */
  token: string
  /** The interpreter of Ray's environment. */
  python: string
  /** A directory for this run; Ray's lies in it as `ray`. */
  directory: string
}

declare module 'vitest' {
  interface ProvidedContext {
    ray: RayHead
  }
}

// SIOCSIFFLAGS with IFF_UP | IFF_RUNNING.
const loopbackUp = `
import fcntl, socket, struct
fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8914, struct.pack("16sH22x", b"lo", 0x41))
`

export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const python = variable('AXON_TEST_RAY_PYTHON')
  const directory = variable('AXON_TEST_RAY_DIR')
  const token = randomBytes(32).toString('hex')
  execFileSync(python, ['-c', loopbackUp])

  const output = join(directory, 'start.log')
  const log = openSync(output, 'w')
  const head = spawn(
    join(dirname(python), 'ray'),
    [
      ...['start', '--head', '--block', '--node-ip-address=127.0.0.1', '--dashboard-host=127.0.0.1'],
      // More than there are: a replica takes one, and waits otherwise.
      ...['--num-cpus=8', `--temp-dir=${join(directory, 'ray')}`, '--disable-usage-stats'],
    ],
    {
      stdio: ['ignore', log, log],
      env: {
        ...process.env,
        RAY_AUTH_MODE: 'token',
        RAY_AUTH_TOKEN: token,
        RAY_USAGE_STATS_ENABLED: '0',
        // Replicas listen at ports of their own, too.
        RAY_SERVE_THROUGHPUT_OPTIMIZED: '1',
        // 30 s otherwise, for every replica that goes.
        RAY_SERVE_DIRECT_INGRESS_MIN_DRAINING_PERIOD_S: '1',
      },
    },
  )
  const ended = once(head, 'exit')
  const address = 'http://127.0.0.1:8265'
  const authorization = `Bearer ${token}`
  while (!(await answers(`${address}/api/serve/applications/`, authorization))) {
    if (head.exitCode !== null) throw new Error(`Ray did not start:\n${readFileSync(output, 'utf8')}`)
    await setTimeout(250)
  }
  project.provide('ray', { address, proxy: 'http://127.0.0.1:8000', token, python, directory })
  return async () => {
    // It would end its children one after another, which takes half a minute; they end with the namespace.
    head.kill('SIGKILL')
    await ended
  }
}

async function answers(url: string, authorization: string): Promise<boolean> {
  return fetch(url, { headers: { authorization } }).then(
    ({ ok }) => ok,
    () => false,
  )
}

function variable(name: string): string {
  const value = process.env[name]
  if (value === undefined) throw new Error(`${name} is not set: run the tests by \`npm run test:ray\`.`)
  return value
}
