import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { startTimeOf } from '../../src/runtime/process/identity.ts'
import { agent, newAxon, next, processesWith, record, scratch } from './axon.ts'
import { isRunning, killAll, startVictim } from './victims.ts'

const agents = { echo: agent('echo') }

function records(stateDir: string): string[] {
  return readdirSync(join(stateDir, 'systems'))
}

test('a running system has a record that names it, and close() and destroy() remove it', async () => {
  const stateDir = scratch()
  for (const end of ['close', 'destroy'] as const) {
    const axon = newAxon({ stateDir, agents })
    const host = next(axon, 'host.ready')
    await axon.start()
    const [name = ''] = records(stateDir)
    const { guard } = await host
    const content = JSON.parse(readFileSync(join(stateDir, 'systems', name), 'utf8'))
    expect(content).toMatchObject({
      id: axon.id,
      pid: process.pid,
      startTime: startTimeOf(process.pid),
      runtimeDirs: expect.arrayContaining([axon.runtimeDir]),
      hosts: [{ pid: guard, startTime: startTimeOf(guard) }],
    })
    await axon[end]()
    expect(records(stateDir)).toEqual([])
  }
})

test('what Node, guard and host leave that are killed at once is swept by the next system, before its agents start', async () => {
  const stateDir = scratch()
  const victim = await startVictim(stateDir)
  await killAll(victim)
  // Nobody was left to do it. What the host kept ahead ends with it, a moment later.
  const marked = () => processesWith(`AXON_SYSTEM=${victim.system}`)
  await vi.waitFor(() => expect(marked()).toEqual(victim.daemons.map(String)), { timeout: 10_000 })
  expect(existsSync(victim.runtimeDir)).toBe(true)

  const axon = newAxon({ stateDir, agents })
  const events = record(axon)
  await axon.start()
  const { system, runtimeDir, node } = victim
  const swept = { system, pid: node.pid, processes: 1, directories: [runtimeDir], isReadable: true }
  expect(events.filter(({ type }) => type === 'system.swept')).toEqual([{ type: 'system.swept', ...swept }])
  const told = events.map(({ type }) => type)
  expect(told.indexOf('system.swept')).toBeLessThan(told.indexOf('process.spawned'))
  expect(victim.daemons.map(isRunning)).toEqual([false])
  expect(existsSync(victim.runtimeDir)).toBe(false)
  expect(records(stateDir)).toHaveLength(1)
})

test('systems on one stateDir run side by side, in one Node or several; each sweeps only the dead', async () => {
  const stateDir = scratch()
  const [living, dead] = [await startVictim(stateDir), await startVictim(stateDir)]
  const one = await newAxon({ stateDir, agents }).start()
  await killAll(dead)
  const [two, three] = [newAxon({ stateDir, agents }), newAxon({ stateDir, agents })]
  const swept: string[] = []
  for (const axon of [one, two, three]) axon.on('system.swept', ({ system }) => swept.push(system))
  await Promise.all([two.start(), three.start()])
  expect(swept).toEqual([dead.system])
  expect(dead.daemons.map(isRunning)).toEqual([false])
  // The living ones are untouched.
  expect([...living.guards, ...living.pids, ...living.daemons].map(isRunning)).not.toContain(false)
  expect(existsSync(living.runtimeDir)).toBe(true)
  for (const axon of [one, two, three]) {
    expect(await axon.agent('echo').run({ prompt: 'still there?' })).toMatchObject({
      result: { prompt: 'still there?' },
    })
  }
  expect(records(stateDir)).toHaveLength(4)
  living.node.stdin?.write('exit\n')
  await once(living.node, 'exit')
})

test('a system whose record cannot be written works, and says so once', async () => {
  const stateDir = join(scratch(), 'file')
  writeFileSync(stateDir, '')
  const axon = newAxon({ stateDir, agents })
  const events = record(axon)
  await axon.start()
  const unrecorded = {
    type: 'system.unrecorded',
    error: { code: 'CONFIG_INVALID', message: expect.stringContaining(stateDir) },
  }
  expect(events.filter(({ type }) => type === 'system.unrecorded')).toMatchObject([unrecorded])
  expect(await axon.agent('echo').run({ prompt: 'well?' })).toMatchObject({ result: { prompt: 'well?' } })
})
