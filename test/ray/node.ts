/** Owns how a node of Ray is started for the tests: with Ray's token, its usage statistics off, and ports for replicas. */
import { type ChildProcess, spawn } from 'node:child_process'
import { openSync } from 'node:fs'
import { dirname, join } from 'node:path'

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

/** `ray start` with these arguments; its output is `<name>.log` in the run's directory. */
export function startNode(
  { token, python, directory }: Pick<RayHead, 'token' | 'python' | 'directory'>,
  name: string,
  args: readonly string[],
): ChildProcess {
  const log = openSync(join(directory, `${name}.log`), 'w')
  return spawn(join(dirname(python), 'ray'), ['start', '--block', '--disable-usage-stats', ...args], {
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
  })
}
