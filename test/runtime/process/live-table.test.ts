import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { LiveTable } from '../../../src/runtime/process/live-table.ts'

/** A process that leads a group of its own. */
function sleeper(): ChildProcess & { pid: number } {
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' })
  onTestFinished(() => void child.kill('SIGKILL'))
  return child as ChildProcess & { pid: number }
}

test('a process that is not in the table is never signalled', async () => {
  const child = sleeper()
  const table = new LiveTable()
  expect(table.signal(child.pid, 'SIGKILL')).toBe(false)
  table.add('writer/0#1', child.pid)
  table.remove(child.pid)
  expect(table.signal(child.pid, 'SIGKILL')).toBe(false)
  table.sweep()
  expect(child.kill(0)).toBe(true)
})

test('a process in the table is signalled, with its group', async () => {
  const child = sleeper()
  const table = new LiveTable()
  table.add('writer/0#1', child.pid)
  const exit = once(child, 'exit')
  expect(table.signal(child.pid, 'SIGTERM')).toBe(true)
  expect(await exit).toEqual([null, 'SIGTERM'])
  expect(table.signal(child.pid, 'SIGTERM')).toBe(false)
  table.remove(child.pid)
})

test('a sweep ends all that is left', async () => {
  const children = [sleeper(), sleeper()]
  const table = new LiveTable()
  for (const { pid } of children) table.add('writer/0#1', pid)
  expect(table.size).toBe(2)
  const exits = children.map((child) => once(child, 'exit'))
  table.sweep()
  expect(await Promise.all(exits)).toEqual([
    [null, 'SIGKILL'],
    [null, 'SIGKILL'],
  ])
  for (const { pid } of children) table.remove(pid)
})

test('a table listens for the end of Node only while something lives', () => {
  const before = process.listenerCount('exit')
  const table = new LiveTable()
  const [first, second] = [sleeper(), sleeper()]
  table.add('writer/0#1', first.pid)
  table.add('writer/0#2', second.pid)
  expect(process.listenerCount('exit')).toBe(before + 1)
  table.remove(first.pid)
  table.remove(first.pid)
  expect(process.listenerCount('exit')).toBe(before + 1)
  table.remove(second.pid)
  expect(process.listenerCount('exit')).toBe(before)
})

test('when Node exits, living processes end, and the children of those that have just died', async () => {
  const module = join(import.meta.dirname, '../../../src/runtime/process/live-table.ts')
  // The second leader is dead and not reaped when the sweep comes: its child is found by the group.
  const script = `
    import { spawn } from 'node:child_process'
    import { once } from 'node:events'
    import { readFileSync } from 'node:fs'
    import { LiveTable } from ${JSON.stringify(module)}
    const table = new LiveTable()
    const options = { detached: true, stdio: ['ignore', 'pipe', 'ignore'] }
    const living = spawn('sh', ['-c', 'echo $$; exec sleep 60'], options)
    const dying = spawn('sh', ['-c', 'sleep 60 & echo $!; read line'], { ...options, stdio: ['pipe', 'pipe', 'ignore'] })
    const pids = await Promise.all([living, dying].map(async (child) => String(await once(child.stdout, 'data')).trim()))
    for (const { pid } of [living, dying]) table.add('writer/0#1', pid)
    process.stdout.write(pids.join(' '))
    process.kill(dying.pid, 'SIGKILL')
    while (!readFileSync('/proc/' + dying.pid + '/stat', 'latin1').includes(') Z ')) {}
    process.exit(0)`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(stderr.replaceAll(/\(node:.*\n?/g, '')).not.toContain('Error')
  const pids = stdout.split(' ').map(Number)
  expect(pids).toHaveLength(2)
  for (const pid of pids) await ended(pid)
})

/** Resolves when a process that is no child of ours is dead. Signals need a moment to be carried out. */
async function ended(pid: number): Promise<void> {
  const { readFileSync } = await import('node:fs')
  for (;;) {
    try {
      if (readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ')) return
    } catch {
      return
    }
    await new Promise((resolve) => setImmediate(resolve))
  }
}
