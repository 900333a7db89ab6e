import { expect, test, vi } from 'vitest'
import { statOf } from '../../src/runtime/process/identity.ts'
import { agent, newAxon, next, quickly as restart } from './axon.ts'

/** Not a second, because a daemon may hold a port, a lock or a file that the next process needs. */
const goneMs = 100

test.each([
  ['stopped', 'that has its environment', ''],
  ['killed', 'that has its environment', ''],
  ['stopped', 'that has none', 'bare'],
  ['killed', 'that has none', 'bare'],
])(
  'when an agent is %s, a daemon of its own %s is gone within 100 ms, and those of others live',
  async (how, _, prompt) => {
    const agents = { one: agent('leaves_daemon', { restart }), other: agent('leaves_daemon') }
    const axon = await newAxon({ agents }).start()
    const [one, other] = [axon.agent('one'), axon.agent('other')]
    const { result: daemon } = await one.run<number>({ prompt })
    const { result: kept } = await other.run<number>({ prompt })
    expect([daemon, kept].map(isRunning)).toEqual([true, true])
    const exited = next(axon, 'process.exited')
    if (how === 'killed') process.kill(one.snapshot()?.pid as number, 'SIGKILL')
    else one.send({ type: 'agent.stop' })
    await exited
    // Nobody is told of the end of processes that are not one's own.
    await vi.waitFor(() => expect(isRunning(daemon)).toBe(false), { timeout: goneMs, interval: 1 })
    expect(isRunning(kept)).toBe(true)
    await axon.close()
    expect(isRunning(kept)).toBe(false)
  },
)

function isRunning(pid: number): boolean {
  const state = statOf(pid)?.state
  return state !== undefined && state !== 'Z' && state !== 'X'
}
