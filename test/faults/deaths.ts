/**
 * Owns the death of a Node: a system that goes through its states for ever is killed at a random moment in one of them, and what is
 * left of it is counted until it is nothing. The benchmark of orphans kills by it too.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout } from 'node:timers/promises'

/** An agent of test/fixtures/restless.ts, and how long after it has come to the state Node is killed, at most. */
export interface Moment {
  agent: string
  state: string
  withinMs: number
}

export const moments: readonly Moment[] = [
  { agent: 'ready', state: 'starting', withinMs: 400 },
  { agent: 'ready', state: 'ready', withinMs: 100 },
  { agent: 'running', state: 'in-a-run', withinMs: 80 },
  { agent: 'crashing', state: 'backoff', withinMs: 40 },
  { agent: 'draining', state: 'draining', withinMs: 60 },
  { agent: 'ready', state: 'provisioning', withinMs: 1_500 },
]

const kinds = ['processes', 'sockets', 'directories', 'staging'] as const
/** How many were left; `staging` are half-made environments. */
export type Left = Record<(typeof kinds)[number], number>

export interface Death {
  /** After `boundMs`, or nothing. */
  left: Left
  goneMs: number
  /** What the agent had last said. */
  state: string
  /** Records of systems in `directory/state`, for the next boot to sweep. */
  records: number
}

export interface Place {
  /** The victim's own; `cache` in it is its cache where it is to make an environment. */
  directory: string
  cacheDir: string
  uv: string
}

/** Kills one Node, and looks until nothing is left of it, `boundMs` at most. */
export async function die(moment: Moment, place: Place, random: () => number, boundMs: number): Promise<Death> {
  const { directory, cacheDir, uv } = place
  // One start in four by exec.
  const victim = startVictim([cacheDir, uv, directory, ...(random() < 0.25 ? ['cold'] : [])])
  await victim.reached(moment)
  await setTimeout(random() * moment.withinMs)
  const killedAt = performance.now()
  const { system, state } = await victim.kill(moment.agent)
  for (;;) {
    const left = leftOf(system, directory)
    const goneMs = performance.now() - killedAt
    if (kinds.every((kind) => left[kind] === 0) || goneMs > boundMs) {
      return { left, goneMs, state, records: entries(join(directory, 'state/systems')) }
    }
    await setTimeout(2)
  }
}

/** What is left of a system that had its places in a directory. */
export function leftOf(system: string, directory: string): Left {
  return {
    processes: alive(system, directory),
    sockets: sockets(directory),
    directories: entries(join(directory, 'run')),
    staging: staging(join(directory, 'cache')),
  }
}

export function entries(directory: string): number {
  return existsSync(directory) ? readdirSync(directory).length : 0
}

function startVictim(args: readonly string[]) {
  const program = join(import.meta.dirname, '../fixtures/restless.ts')
  const node = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const states = new Map<string, string>()
  const lines = createInterface({ input: node.stdout })
  const ended = once(node, 'close')
  lines.on('line', (line) => {
    const [agent = '', state = ''] = line.split(' ')
    states.set(agent, state)
  })
  return {
    async reached({ agent, state }: Moment) {
      while (!states.has('system') || states.get(agent) !== state) {
        await Promise.race([
          once(lines, 'line'),
          ended.then(() => {
            throw new Error('The victim died by itself.')
          }),
        ])
      }
    },
    async kill(agent: string) {
      node.kill('SIGKILL')
      await ended
      return { system: states.get('system') ?? '', state: states.get(agent) ?? 'none' }
    },
  }
}

/** Processes that carry the mark of a system, or work in its directory. */
function alive(system: string, directory: string): number {
  return readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false
    const says = (file: string, text: string) => readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(text)
    try {
      return says('environ', `AXON_SYSTEM=${system}`) || says('cmdline', `${directory}/`)
    } catch {
      return false
    }
  }).length
}

/** Sockets that somebody still listens on. */
function sockets(directory: string): number {
  return readFileSync('/proc/net/unix', 'latin1')
    .split('\n')
    .filter((line) => line.includes(`${directory}/`)).length
}

/** Builds that no complete.json names. */
function staging(cacheDir: string): number {
  const environments = join(cacheDir, 'environments')
  if (!existsSync(environments)) return 0
  return readdirSync(environments).filter((name) => !existsSync(join(environments, name, 'complete.json'))).length
}
