/**
 * Owns the commands that tests send signals to: `axon serve` and `axon dev` of a configuration whose systems have all their places
 * in one directory, so that what is left of them can be counted.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { expect, onTestFinished, vi } from 'vitest'
import { parseRecordName, type RecordName, recordsOf } from '../../src/runtime/state/record.ts'
import { cacheDir, fixtures, root, scratch } from '../e2e/axon.ts'
import { leftOf } from './deaths.ts'

export const axonBin = join(root, 'bin/axon.js')

export type Line = Record<string, unknown>

export interface Project {
  directory: string
  /** Replaces the configuration. */
  configure: (agents: Record<string, object>) => void
  /** Which process the system of the project runs in, while it has a host. */
  find: () => number
  /** Resolves when nothing is left of the system that was found. */
  gone: () => Promise<void>
}

export interface Command extends Project {
  kill: (signal: NodeJS.Signals) => void
  /** The first line of output, there or to come, that matches. */
  says: (matches: (line: Line) => boolean) => Promise<Line>
  /** Resolves with the exit code and the signal. */
  exited: Promise<[number | null, NodeJS.Signals | null]>
}

/** A directory with a configuration of these agents of test/fixtures/agents. */
export function project(agents: Record<string, object>): Project {
  const directory = scratch()
  const path = join(directory, 'axon.config.json')
  const stateDir = join(directory, 'state')
  const configure: Project['configure'] = (agents) => {
    const placed = Object.entries(agents).map(([name, agent]) => [name, { cwd: fixtures, dependencies: [], ...agent }])
    const places = { cacheDir, stateDir, runtimeDir: join(directory, 'run') }
    writeFileSync(path, JSON.stringify({ ...places, logLevel: 'debug', agents: Object.fromEntries(placed) }))
  }
  configure(agents)
  let system: RecordName | undefined
  const find: Project['find'] = () => {
    system ??= readdirSync(recordsOf(stateDir)).flatMap((name) => parseRecordName(name) ?? [])[0]
    if (system === undefined) throw new Error('No system has a host.')
    return system.owner.pid
  }
  const gone: Project['gone'] = async () => {
    const { id = '' } = system ?? {}
    const nothing = { processes: 0, sockets: 0, directories: 0, staging: 0 }
    await vi.waitFor(() => expect(leftOf(id, directory)).toEqual(nothing), { timeout: 20_000, interval: 5 })
  }
  return { directory, configure, find, gone }
}

/** Starts `axon serve` or `axon dev` with `--json`; what it says is standard output and the log. */
export function startCommand(name: 'serve' | 'dev', agents: Record<string, object>, args: string[] = []): Command {
  const own = project(agents)
  const node = spawn(process.execPath, [axonBin, name, '--json', ...args], { cwd: own.directory })
  const exited = once(node, 'close') as Command['exited']
  onTestFinished(() => void node.kill('SIGKILL'))
  const said: Line[] = []
  const text: string[] = []
  const waiting = new Set<() => void>()
  for (const stream of [node.stdout, node.stderr]) {
    createInterface({ input: stream }).on('line', (line) => {
      text.push(line)
      if (line.startsWith('{')) said.push(JSON.parse(line))
      for (const look of waiting) look()
    })
  }
  const says: Command['says'] = (matches) => {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = said.find(matches)
        if (found === undefined) return
        waiting.delete(look)
        resolve(found)
      }
      waiting.add(look)
      look()
      void exited.then(() => reject(new Error(`It ended, and had said:\n${text.join('\n')}`)))
    })
  }
  const kill: Command['kill'] = (signal) => void process.kill(own.find(), signal)
  return { ...own, says, exited, kill }
}
