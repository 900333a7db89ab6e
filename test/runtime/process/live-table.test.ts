import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startTimeOf } from '../../../src/runtime/process/identity.ts'
import { LiveTable } from '../../../src/runtime/process/live-table.ts'
import { died } from './port-rig.ts'

/** A process that leads a group of its own, as it stands in a table. */
function sleeper(generation: string) {
  const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' }) as ChildProcess & { pid: number }
  onTestFinished(() => void child.kill('SIGKILL'))
  return { child, live: { generation, pid: child.pid, startTime: startTimeOf(child.pid) as string } }
}

test('a process that was reaped, or whose number belongs to another by now, is never signalled', () => {
  const { child, live } = sleeper('writer/0#1')
  const table = new LiveTable()
  table.add(live)
  table.remove(live.generation)
  table.sweep()
  table.add({ ...live, startTime: '1' })
  table.sweep()
  table.remove(live.generation)
  expect(child.kill(0)).toBe(true)
})

test('a sweep ends all that is left', async () => {
  const sleepers = [sleeper('writer/0#1'), sleeper('reader/0#1')]
  const table = new LiveTable()
  for (const { live } of sleepers) table.add(live)
  expect(table.size).toBe(2)
  const exits = sleepers.map(({ child }) => once(child, 'exit'))
  table.sweep()
  expect(await Promise.all(exits)).toEqual([
    [null, 'SIGKILL'],
    [null, 'SIGKILL'],
  ])
  for (const { live } of sleepers) table.remove(live.generation)
})

test('a table listens for the end of Node only while something lives', () => {
  const before = process.listenerCount('exit')
  const table = new LiveTable()
  const [first, second] = [sleeper('writer/0#1').live, sleeper('writer/0#2').live]
  table.add(first)
  table.add(second)
  expect(process.listenerCount('exit')).toBe(before + 1)
  table.remove(first.generation)
  table.remove(first.generation)
  expect(process.listenerCount('exit')).toBe(before + 1)
  table.remove(second.generation)
  expect(process.listenerCount('exit')).toBe(before)
})

test('when Node exits, living processes end, and the children of those that have just died', async () => {
  const from = (file: string) => JSON.stringify(join(import.meta.dirname, '../../../src/runtime/process', file))
  // The second leader is dead and not reaped when the sweep comes: its child is found by the group.
  const script = `
    import { spawn } from 'node:child_process'
    import { once } from 'node:events'
    import { readFileSync } from 'node:fs'
    import { startTimeOf } from ${from('identity.ts')}
    import { LiveTable } from ${from('live-table.ts')}
    const table = new LiveTable()
    const options = { detached: true, stdio: ['ignore', 'pipe', 'ignore'] }
    const living = spawn('sh', ['-c', 'echo $$; exec sleep 60'], options)
    const dying = spawn('sh', ['-c', 'sleep 60 & echo $!; read line'], { ...options, stdio: ['pipe', 'pipe', 'ignore'] })
    const pids = await Promise.all([living, dying].map(async (child) => String(await once(child.stdout, 'data')).trim()))
    for (const { pid } of [living, dying]) table.add({ generation: String(pid), pid, startTime: startTimeOf(pid) })
    process.stdout.write(pids.join(' '))
    process.kill(dying.pid, 'SIGKILL')
    while (!readFileSync('/proc/' + dying.pid + '/stat', 'latin1').includes(') Z ')) {}
    process.exit(0)`
  const { stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' })
  expect(stderr.replaceAll(/\(node:.*\n?/g, '')).not.toContain('Error')
  const pids = stdout.split(' ').map(Number)
  expect(pids).toHaveLength(2)
  for (const pid of pids) await died(pid)
})
