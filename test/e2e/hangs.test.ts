import { readFileSync } from 'node:fs'
import { constants } from 'node:os'
import { setImmediate } from 'node:timers/promises'
import { expect, test, vi } from 'vitest'
import type { AgentHandle } from '../../src/index.ts'
import { statOf } from '../../src/runtime/process/identity.ts'
import { SteppedClock } from '../machines/stepped-clock.ts'
import { agent, isAlive, newAxon, next, quickly, record } from './axon.ts'

/** No heartbeat for this long: suspect. For as much as the second longer: ended, by SIGKILL after the third. */
const [suspectMs, hungMs, graceMs] = [10_000, 20_000, 500]
/** Turns of the event loop in which what a process has said is heard. */
const hearingTurns = 20

/** An agent in a system whose time passes only when it is told to. Its heartbeats come in the kernel's. */
async function underClock(module: string) {
  const clock = new SteppedClock()
  const axon = await newAxon({ clock, agents: { one: agent(module, { restart: quickly }) } }).start()
  const one = axon.agent('one')
  /** Until it is suspect and stays so: a heartbeat from before its silence may be heard late. */
  const becomesSuspect = async () => {
    while (one.snapshot()?.state !== 'suspect') {
      for (let turn = 0; turn < hearingTurns; turn += 1) await setImmediate()
      clock.advance(suspectMs)
      for (let turn = 0; turn < hearingTurns; turn += 1) await setImmediate()
    }
  }
  /** A run that is under way in C code that holds the interpreter. */
  const holds = async (ms: number) => {
    const holding = next(axon, 'process.output', ({ line }) => line === 'holding')
    const outcome = one.run<number>({ prompt: String(ms) }).then(
      ({ result }) => result,
      (error: unknown) => error,
    )
    await holding
    // In an object: a promise would be waited for.
    return { outcome }
  }
  return { axon, clock, one, pid: pidOf(one), becomesSuspect, holds }
}

const pidOf = (handle: AgentHandle) => handle.snapshot()?.pid as number

async function stop(pid: number): Promise<void> {
  process.kill(pid, 'SIGSTOP')
  await vi.waitFor(() => expect(statOf(pid)?.state).toBe('T'), { timeout: 5_000, interval: 1 })
}

/** Whether the signal waits for the process: it is stopped, and takes none but SIGKILL. */
function isPending(pid: number, signal: NodeJS.Signals): boolean {
  const [, mask = '0'] = /^ShdPnd:\s*(\w+)$/m.exec(readFileSync(`/proc/${pid}/status`, 'latin1')) ?? []
  return ((BigInt(`0x${mask}`) >> BigInt(constants.signals[signal] - 1)) & 1n) === 1n
}

test('a process that is stopped is suspect after 10 s, gets nothing new, and is ended as a hang after 30 s: SIGABRT, then SIGKILL', async () => {
  const { axon, clock, one, pid, becomesSuspect } = await underClock('echo')
  await stop(pid)
  await becomesSuspect()
  const waiting = one.run<{ pid: number }>({ prompt: 'to whom?' })
  await setImmediate()
  expect(one.snapshot()).toMatchObject({ state: 'suspect', queued: 1, inFlight: 0, pid })

  const crashed = next(axon, 'agent.crashed')
  const exited = next(axon, 'process.exited')
  const backoff = next(axon, 'agent.backoff')
  clock.advance(hungMs)
  await vi.waitFor(() => expect(isPending(pid, 'SIGABRT')).toBe(true), { timeout: 5_000, interval: 1 })
  clock.advance(graceMs)
  expect((await exited).exit).toMatchObject({ pid, signal: 'SIGKILL', reason: 'hang' })
  expect((await crashed).crash).toMatchObject({ class: 'hang', error: { code: 'PROCESS_HUNG' } })
  await backoff
  clock.advance(1)
  const { result } = await waiting
  expect(result.pid).not.toBe(pid)
  expect(isAlive(pid)).toBe(false)
})

test('a process that is stopped and goes on in time is ready again: no restart, and what waited goes there', async () => {
  const { axon, clock, one, pid, becomesSuspect } = await underClock('echo')
  await stop(pid)
  await becomesSuspect()
  const events = record(axon)
  const waiting = one.run<{ pid: number }>({ prompt: 'to whom?' })
  clock.advance(hungMs / 2)
  expect(one.snapshot()).toMatchObject({ state: 'suspect', queued: 1 })
  const recovered = next(axon, 'agent.recovered')
  process.kill(pid, 'SIGCONT')
  await recovered
  expect((await waiting).result.pid).toBe(pid)
  expect(one.snapshot()).toMatchObject({ state: 'ready', restarts: 0 })
  expect(events.map(({ type }) => type)).not.toContain('process.exited')
})

test('a process that holds the interpreter is ended as a hang after 30 s, its last lines say where, and its run is interrupted', async () => {
  const { axon, clock, one, pid, becomesSuspect, holds } = await underClock('stuck')
  const { outcome } = await holds(600_000)
  await becomesSuspect()
  const crashed = next(axon, 'agent.crashed')
  const backoff = next(axon, 'agent.backoff')
  clock.advance(hungMs)
  const { crash } = await crashed
  expect(crash).toMatchObject({ class: 'hang', signal: 'SIGABRT' })
  expect(crash.lastLines.join('\n')).toMatch(/Fatal Python error: Aborted[\s\S]*stuck\.py/)
  expect(await outcome).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
  await backoff
  clock.advance(1)
  expect((await one.run({ prompt: '0' })).result).not.toBe(pid)
})

test('a process that holds the interpreter and lets go of it in time is ready again, and its run is answered', async () => {
  const { axon, one, pid, becomesSuspect, holds } = await underClock('stuck')
  const { outcome } = await holds(2_500)
  const recovered = next(axon, 'agent.recovered')
  await becomesSuspect()
  await recovered
  expect(await outcome).toBe(pid)
  expect(one.snapshot()).toMatchObject({ state: 'ready', restarts: 0, pid })
})
