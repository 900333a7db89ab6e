/** Owns one victim of the benchmark of orphans: a Node that says which states its agents reach, until it is killed. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

export interface Moment {
  agent: string
  state: string
  withinMs: number
}

/** What the benchmark does with one; `state` is what the agent had last said when Node died. */
export interface Victim {
  reached(moment: Moment): Promise<void>
  kill(agent: string): Promise<{ system: string; state: string }>
}

export function startVictim(args: readonly string[]): Victim {
  const program = join(import.meta.dirname, 'victim.ts')
  const node = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const states = new Map<string, string>()
  const lines = createInterface({ input: node.stdout })
  const ended = once(node, 'close')
  lines.on('line', (line) => {
    const [agent = '', state = ''] = line.split(' ')
    states.set(agent, state)
  })
  return {
    async reached({ agent, state }) {
      while (!states.has('system') || states.get(agent) !== state) {
        await Promise.race([
          once(lines, 'line'),
          ended.then(() => {
            throw new Error('The victim died by itself.')
          }),
        ])
      }
    },
    async kill(agent) {
      node.kill('SIGKILL')
      await ended
      return { system: states.get('system') ?? '', state: states.get(agent) ?? 'none' }
    },
  }
}
