/**
 * Stands in for `python -m axon_agent.host` in the tests of ports and hosts: starts fake agents by the real protocol. FAKE_HOST
 * says how it breaks it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'

const tell = (frame: object) => process.stdout.write(`${JSON.stringify(frame)}\n`)
const children = new Map<string, ChildProcess>()
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const open = JSON.parse((await lines.next()).value as string)

const ready = {
  pid: process.pid,
  guard: process.pid,
  python: '3.12.1',
  preloaded: [],
  canFork: true,
  why: null,
  readyMs: 1,
}
switch (process.env.AXON_FAKE_HOST ?? open.preload[0]) {
  case 'dies':
    process.stderr.write('ModuleNotFoundError: axon_agent\n', () => process.exit(3))
    break
  case 'hangs':
    break
  case 'garbage':
    process.stdout.write('no frame\n')
    break
  default:
    tell({ type: 'host.ready', ...ready })
}

for await (const line of { [Symbol.asyncIterator]: () => lines }) {
  const frame = JSON.parse(line as string)
  if (frame.type === 'spawn' && open.preload[0] === 'refuses') refuse(frame)
  else if (frame.type === 'spawn') start(frame)
  if (frame.type === 'signal') signal(frame.generation, frame.signal)
}
// Node is gone, or wants the end.
for (const generation of children.keys()) signal(generation, 'SIGKILL')
process.exit(0)

function start({ generation, nonce }: { generation: string; nonce: string }): void {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'fake-agent.ts')], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  child.once('error', ({ message }) => tell({ type: 'spawn.failed', generation, message }))
  if (child.pid === undefined) return
  const { pid } = child
  children.set(generation, child)
  const startTime = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]?.split(' ')[19]
  child.stdin?.end(`${JSON.stringify({ protocol: 1, socket: open.socket, generation, nonce })}\n`)
  child.once('exit', (code, name) => {
    signal(generation, 'SIGKILL')
    children.delete(generation)
    tell({ type: 'exited', generation, pid, code, signal: name, maxRssBytes: 1, cpuMs: 1 })
  })
  // As where the host is not scheduled after its fork, and the process is.
  const told = () => tell({ type: 'spawned', generation, pid, startTime, achieved: { memoryMb: 'watch' } })
  if (open.preload[0] === 'late') process.once('SIGUSR2', told)
  else told()
}

function refuse({ generation, limits }: { generation: string; limits: object }): void {
  const message = `${Object.keys(limits)} cannot be held. Ask for less.`
  tell({ type: 'spawn.failed', generation, code: 'PROCESS_LIMITS_UNAVAILABLE', message })
}

function signal(generation: string, name: NodeJS.Signals): void {
  const pid = children.get(generation)?.pid
  try {
    if (pid !== undefined) process.kill(-pid, name)
  } catch {
    // Its group has ended.
  }
}
