/** supervisor_SUITE: a supervisor of many children costs what each child costs. The bounds are those of the original. */
import { expect } from 'vitest'
import { type AnyActorRef, fromTransition } from 'xstate'
import type { Supervisor } from '../../src/machines/supervision/index.ts'
import { conformanceCase } from './cases.ts'
import { countsOf, started, startedRig, twoAnHour } from './supervisor-rig.ts'

const same = { suite: 'supervisor_SUITE', verdict: 'same' } as const

const idle = fromTransition((state) => state, {})

/** Milliseconds of the processor that it takes: what else runs on the machine does not count. */
async function timed(act: () => Promise<void>): Promise<number> {
  const begun = process.cpuUsage()
  await act()
  const { user, system } = process.cpuUsage(begun)
  // As the original: no division by zero.
  return Math.max((user + system) / 1_000, 0.001)
}

async function startMany(supervisor: Supervisor, count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    await supervisor.startChild({ id: `child${index}`, logic: idle, shutdown: 1000 })
  }
}

async function stopMany(supervisor: Supervisor, count: number): Promise<void> {
  for (let index = 0; index < count; index++) await supervisor.terminateChild(`child${index}`)
}

conformanceCase(
  {
    ...same,
    name: 'scale_start_stop_many_children',
    holds: '1000 and 100 000 children start and stop within 10 times linear',
  },
  async () => {
    const [few, many] = [1000, 100_000]
    const measure = async (count: number) => {
      const { supervisor } = await startedRig(twoAnHour)
      const startMs = await timed(() => startMany(supervisor, count))
      expect(countsOf(supervisor)).toEqual([count, count, 0, count])
      const stopMs = await timed(() => stopMany(supervisor, count))
      expect(countsOf(supervisor)).toEqual([count, 0, 0, count])
      return { startMs, stopMs }
    }
    const first = await measure(few)
    const second = await measure(many)
    const limit = (many / few) * 10
    expect(second.startMs / first.startMs).toBeLessThanOrEqual(limit)
    expect(second.stopMs / first.stopMs).toBeLessThanOrEqual(limit)
  },
)

conformanceCase(
  {
    ...same,
    name: 'simple_one_for_one_scale_many_temporary_children',
    holds: '1000, then 10 000 dynamic children are terminated within 50 times',
  },
  async () => {
    const { supervisor } = await startedRig({
      ...twoAnHour,
      strategy: 'simple_one_for_one',
      child: { logic: idle, restart: 'temporary', shutdown: 1000 },
    })
    const terminate = async (count: number) => {
      const refs: AnyActorRef[] = []
      for (let index = 0; index < count; index++) refs.push(await started(supervisor, []))
      expect(countsOf(supervisor)).toEqual([1, count, 0, count])
      const ms = await timed(async () => {
        for (const ref of refs) await supervisor.terminateChild(ref)
      })
      expect(countsOf(supervisor)).toEqual([1, 0, 0, 0])
      return ms
    }
    const few = await terminate(1000)
    const many = await terminate(10_000)
    expect(many / few).toBeLessThanOrEqual(50)
  },
)
