import { type ChildProcess, spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { startTimeOf } from '../../../src/runtime/process/identity.ts'
import { type Owner, ownerName, thisOwner } from '../../../src/runtime/process/owner.ts'
import { type RecordContent, recordsOf } from '../../../src/runtime/state/record.ts'
import { type Swept, sweepDead } from '../../../src/runtime/state/sweep.ts'
import { scratch } from '../scratch.ts'

/** No process has this id. */
const noPid = 2 ** 22 + 1
const dead: Owner = { ...thisOwner(), pid: noPid, start: '1' }

/** A state directory, and a record in it for each call. */
class Bench {
  readonly root = scratch()
  readonly told: Swept[] = []

  record(owner: Owner, content: Partial<RecordContent> | string = {}): { id: string; path: string } {
    const id = randomUUID()
    const directory = recordsOf(this.root)
    mkdirSync(directory, { recursive: true, mode: 0o700 })
    const path = join(directory, `${ownerName(owner)}-${id}.json`)
    const whole = { format: 1, id, pid: owner.pid, startTime: owner.start, runtimeDirs: [], hosts: [] }
    writeFileSync(path, typeof content === 'string' ? content : JSON.stringify({ ...whole, ...content }))
    return { id, path }
  }

  runtimeDir(name = 'axon-made', mode = 0o700): string {
    const path = join(this.root, name)
    mkdirSync(path, { mode })
    writeFileSync(join(path, 'axon.sock'), '')
    return path
  }

  sweep(): Promise<void> {
    return sweepDead(this.root, (swept) => this.told.push(swept))
  }

  get left(): string[] {
    return readdirSync(recordsOf(this.root))
  }
}

/** A process with that system's mark. What it says it says after it was executed: in the middle of that it shows no mark. */
async function marked(id: string, ...command: string[]): Promise<ChildProcess & { pid: number }> {
  const [file = 'cat', ...args] = command
  const child = spawn(file, args, { env: { ...process.env, AXON_SYSTEM: id } })
  child.stdin.write('\n')
  await once(child.stdout, 'data')
  onTestFinished(() => void child.kill('SIGKILL'))
  return child as ChildProcess & { pid: number }
}

test('of a dead system, processes, sockets and record are removed, and told once', async () => {
  const bench = new Bench()
  const runtimeDir = bench.runtimeDir()
  const { id } = bench.record(dead, { runtimeDirs: ['/nowhere/axon-x', runtimeDir] })
  const [child, stranger] = [await marked(id), await marked(randomUUID())]
  const exit = once(child, 'exit')
  await bench.sweep()
  expect(await exit).toEqual([null, 'SIGKILL'])
  expect(existsSync(runtimeDir)).toBe(false)
  expect(bench.left).toEqual([])
  expect(bench.told).toEqual([{ system: id, pid: noPid, processes: 1, directories: [runtimeDir], isReadable: true }])
  expect(startTimeOf(stranger.pid)).toBeDefined()
})

test('a process that has the id of the dead Node but another start time does not make it alive', async () => {
  const bench = new Bench()
  const child = await marked(randomUUID())
  bench.record({ ...thisOwner(), pid: child.pid, start: '1' })
  await bench.sweep()
  expect(bench.told).toMatchObject([{ pid: child.pid, processes: 0 }])
  expect(startTimeOf(child.pid)).toBeDefined()
})

test('a Node that has ended and is not reaped is dead', async () => {
  const bench = new Bench()
  const parent = spawn('sh', ['-c', 'sleep 60 & echo $!; exec sleep 60'])
  onTestFinished(() => void parent.kill('SIGKILL'))
  const pid = Number(String(await once(parent.stdout, 'data')))
  // From now on it reaps nobody.
  await vi.waitFor(() => expect(readFileSync(`/proc/${parent.pid}/comm`, 'utf8')).toBe('sleep\n'), {
    timeout: 10_000,
    interval: 5,
  })
  process.kill(pid, 'SIGKILL')
  bench.record({ ...thisOwner(), pid, start: startTimeOf(pid) ?? '' })
  await vi.waitFor(
    async () => {
      await bench.sweep()
      expect(bench.told).toMatchObject([{ pid, processes: 0 }])
    },
    { timeout: 10_000 },
  )
  expect(startTimeOf(pid)).toBeDefined()
})

test('a living system is left alone, whatever its record says', async () => {
  const bench = new Bench()
  const runtimeDir = bench.runtimeDir()
  const { id } = bench.record(thisOwner(), { runtimeDirs: [runtimeDir] })
  bench.record(thisOwner(), 'no JSON')
  const child = await marked(id)
  await bench.sweep()
  expect(bench.left).toHaveLength(2)
  expect(existsSync(runtimeDir)).toBe(true)
  expect(startTimeOf(child.pid)).toBeDefined()
  expect(bench.told).toEqual([])
})

test('directories that Axon did not make are left alone, also where a record names them', async () => {
  const bench = new Bench()
  const others = [bench.runtimeDir('mine'), bench.runtimeDir('axon-open', 0o755)]
  const link = join(bench.root, 'axon-link')
  symlinkSync(bench.runtimeDir('there'), link)
  bench.record(dead, { runtimeDirs: [...others, link, 'axon-relative', '/', join(bench.root, 'axon-open/..')] })
  await bench.sweep()
  expect(bench.told).toMatchObject([{ directories: [], isReadable: true }])
  for (const path of [...others, link, join(bench.root, 'there/axon.sock')]) expect(existsSync(path)).toBe(true)
  expect(bench.left).toEqual([])
})

test.each(['', '{"format":1,"id":', '{"format":2}', 'null', JSON.stringify({ format: 1, id: randomUUID(), pid: 1 })])(
  'a record that cannot be read is judged by its name, and told as such: %s',
  async (text) => {
    const bench = new Bench()
    const { id } = bench.record(dead, text)
    const exit = once(await marked(id), 'exit')
    await bench.sweep()
    expect(await exit).toEqual([null, 'SIGKILL'])
    expect(bench.told).toEqual([{ system: id, pid: noPid, processes: 1, directories: [], isReadable: false }])
    expect(bench.left).toEqual([])
  },
)

test('a record of another machine is removed after a week, and nothing that it names', async () => {
  const bench = new Bench()
  const runtimeDir = bench.runtimeDir()
  const elsewhere = { ...dead, machine: '00000000' }
  const fresh = bench.record(elsewhere, { runtimeDirs: [runtimeDir] })
  const old = bench.record(elsewhere, { runtimeDirs: [runtimeDir] })
  const child = await marked(old.id)
  const eightDaysAgo = Date.now() / 1000 - 8 * 24 * 60 * 60
  utimesSync(old.path, eightDaysAgo, eightDaysAgo)
  await bench.sweep()
  expect([existsSync(fresh.path), existsSync(old.path), existsSync(runtimeDir)]).toEqual([true, false, true])
  expect(startTimeOf(child.pid)).toBeDefined()
  expect(bench.told).toEqual([])
})

test('a draft of a dead writer is removed and not told; other files are left alone', async () => {
  const bench = new Bench()
  const { path } = bench.record(dead)
  const directory = recordsOf(bench.root)
  writeFileSync(join(directory, `.${ownerName(dead)}-${randomUUID()}.json`), '{"form')
  writeFileSync(join(directory, 'notes.txt'), '')
  await bench.sweep()
  expect(bench.told).toHaveLength(1)
  expect(existsSync(path)).toBe(false)
  expect(bench.left).toEqual(['notes.txt'])
})

test('several who sweep the same record do it together, and one tells', async () => {
  const bench = new Bench()
  const runtimeDir = bench.runtimeDir()
  const { id } = bench.record(dead, { runtimeDirs: [runtimeDir] })
  const exit = once(await marked(id), 'exit')
  await Promise.all(Array.from({ length: 5 }, () => bench.sweep()))
  expect(await exit).toEqual([null, 'SIGKILL'])
  expect(bench.told).toHaveLength(1)
  expect(bench.left).toEqual([])
})

test('a guard that still lives may finish: nothing is ended before it', async () => {
  const bench = new Bench()
  // It has something left to do.
  const script = 'trap "sleep 0.2; exit" TERM; echo; while :; do sleep 0.01; done'
  const guard = await marked(randomUUID(), 'sh', '-c', script)
  const hosts = [{ root: '/env', pid: guard.pid, startTime: startTimeOf(guard.pid) ?? '' }]
  const { id } = bench.record(dead, { hosts })
  const child = await marked(id)
  const order: string[] = []
  const exits = [
    once(guard, 'exit').then(() => order.push('guard')),
    once(child, 'exit').then(() => order.push('child')),
  ]
  const sweeping = bench.sweep()
  guard.kill('SIGTERM')
  await Promise.all([sweeping, ...exits])
  expect(order).toEqual(['guard', 'child'])
})

test('a state directory that is not there is nothing to sweep', async () => {
  const told: Swept[] = []
  await sweepDead(join(scratch(), 'none'), (swept) => told.push(swept))
  expect(told).toEqual([])
})
