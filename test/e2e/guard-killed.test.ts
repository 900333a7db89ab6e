import { existsSync } from 'node:fs'
import { expect, test, vi } from 'vitest'
import type { Axon } from '../../src/index.ts'
import { agent, newAxon, next, processesWith, quickly, slowly } from './axon.ts'
import { isRunning } from './victims.ts'

/** A ready agent with a daemon, and whoever watches over them. */
async function watched(start: 'warm' | 'cold', restart = quickly) {
  const axon = newAxon({ agents: { daemon: agent('leaves_daemon', { start, restart }) } })
  const host = next(axon, 'host.ready')
  await axon.start()
  const { pid, guard } = await host
  const { result: daemon } = await axon.agent('daemon').run<number>({ prompt: '' })
  const agentPid = axon.agent('daemon').snapshot()?.pid as number
  await marked(axon, [guard, pid, agentPid, daemon])
  return { axon, guard, host: pid, agentPid, daemon }
}

/**
 * These carry the system's mark, and no others but the process that the host keeps ahead. One that is just being executed shows
 * no environment.
 */
async function marked(axon: Axon, pids: (number | undefined)[]): Promise<void> {
  const all = pids.map(String)
  await vi.waitFor(
    () => {
      const found = processesWith(`AXON_SYSTEM=${axon.id}`)
      expect(found).toEqual(expect.arrayContaining(all))
      expect(found.length).toBeLessThanOrEqual(all.length + 1)
    },
    { timeout: 10_000, interval: 5 },
  )
}

const victims = [
  { who: 'the guard', start: 'warm', of: ['guard'] },
  { who: 'the guard', start: 'cold', of: ['guard'] },
  { who: 'the host', start: 'warm', of: ['host'] },
  { who: 'guard and host', start: 'warm', of: ['guard', 'host'] },
  { who: 'guard and host', start: 'cold', of: ['guard', 'host'] },
] as const

test.each(victims)(
  'SIGKILL of $who ($start) leaves nothing, no daemon either, and the agents come back',
  async ({ start, of }) => {
    const found = await watched(start)
    const { axon } = found
    const crashed = next(axon, 'agent.crashed')
    const ready = next(axon, 'agent.ready')
    const lost = next(axon, 'host.lost')
    const host = next(axon, 'host.ready')
    for (const who of of) process.kill(found[who], 'SIGKILL')
    expect((await crashed).crash).toMatchObject({ class: 'host_lost', error: { code: 'PROCESS_HOST_LOST' } })
    // What was lost is told when it is gone.
    for (const pid of [found.agentPid, found.daemon]) expect(isRunning(pid)).toBe(false)
    await lost
    expect((await ready).pid).not.toBe(found.agentPid)
    const { result } = await axon.agent('daemon').run<number>({ prompt: '' })
    // A new guard, host and agent, and a new daemon.
    const { pid, guard } = await host
    await marked(axon, [guard, pid, axon.agent('daemon').snapshot()?.pid, result])
  },
)

test('while a system has no host nobody would remove its sockets, so there are none; the next host gets new ones', async () => {
  const { axon, guard } = await watched('warm', { ...quickly, ...slowly })
  const before = axon.runtimeDir as string
  expect(existsSync(before)).toBe(true)
  const waiting = next(axon, 'agent.backoff')
  process.kill(guard, 'SIGKILL')
  await waiting
  expect([axon.runtimeDir, existsSync(before)]).toEqual([undefined, false])
  const ready = next(axon, 'agent.ready')
  axon.agent('daemon').send({ type: 'agent.start' })
  await ready
  expect(existsSync(axon.runtimeDir as string)).toBe(true)
  expect(axon.runtimeDir).not.toBe(before)
})
