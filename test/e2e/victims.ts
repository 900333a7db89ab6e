/**
 * Owns the systems of end-to-end tests that live in a Node of their own, so that it can be killed.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { onTestFinished, vi } from 'vitest'
import { statOf } from '../../src/runtime/process/identity.ts'
import { cacheDir, fixtures } from './axon.ts'

/** What test/fixtures/killed.ts says of itself. */
export interface Victim {
  node: ChildProcess & { pid: number }
  /** What Node has written to standard error. */
  errors: () => string
  system: string
  runtimeDir: string
  /** The guard and the host. */
  guards: number[]
  pids: number[]
  /** One for each prompt. */
  daemons: number[]
}

/** `prompts` are those of test/fixtures/agents/leaves_daemon.py. */
export async function startVictim(stateDir: string, prompts = [''], nodeArgs: string[] = []): Promise<Victim> {
  const program = join(fixtures, 'killed.ts')
  const node = spawn(process.execPath, [...nodeArgs, program, cacheDir, fixtures, stateDir, ...prompts])
  onTestFinished(() => void node.kill('SIGKILL'))
  let errors = ''
  node.stderr.on('data', (data) => {
    errors += data
  })
  const died = once(node, 'close').then(() => Promise.reject(new Error(`The victim died by itself: ${errors}`)))
  const [line] = (await Promise.race([once(node.stdout, 'data'), died])) as [Buffer]
  return { node: node as unknown as Victim['node'], errors: () => errors, ...JSON.parse(String(line)) }
}

/** Kills Node, guard and host, none of which has time to do anything about the others. */
export async function killAll({ node, guards, pids }: Victim): Promise<void> {
  const exited = once(node, 'exit')
  for (const signal of ['SIGSTOP', 'SIGKILL'] as const)
    for (const pid of [node.pid, ...guards]) process.kill(pid, signal)
  await exited
  // The agents die with their host.
  await gone([...guards, ...pids])
}

/** Nobody is told of the end of processes that are not one's own. */
export async function gone(pids: readonly number[]): Promise<void> {
  const living = () => pids.filter(isRunning)
  await vi.waitFor(
    () => {
      if (living().length > 0) throw new Error(`There are still ${living()}`)
    },
    { timeout: 10_000, interval: 5 },
  )
}

/** Of those who are no children of ours: they may have ended long before somebody reaps them. */
export function isRunning(pid: number): boolean {
  const stat = statOf(pid)
  return stat !== undefined && stat.state !== 'Z' && stat.state !== 'X'
}
