/** supervisor_SUITE: whom the strategies replace, in which order, and when a supervisor gives up. */
import { expect } from 'vitest'
import type { AnyActorRef } from 'xstate'
import { exitReasonOf } from '../../src/machines/supervision/index.ts'
import { conformanceCase } from './cases.ts'
import { fake, isAlive, type Start } from './fake-child.ts'
import {
  countsOf,
  crashes,
  expectAlive,
  expectExit,
  idsOf,
  isRunning,
  orderOfExits,
  refOf,
  settle,
  started,
  startedRig,
  twoAnHour,
} from './supervisor-rig.ts'

const same = { suite: 'supervisor_SUITE', verdict: 'same' } as const

/** Starts once, and never again. */
function startsOnce(): () => Start {
  let starts = 0
  return () => (starts++ === 0 ? 'ok' : { throws: new Error('function_clause') })
}

conformanceCase(
  {
    ...same,
    name: 'one_for_one',
    holds: 'only the crashed child is replaced; with 2 in 3600 s the third crash ends the supervisor',
  },
  async () => {
    const { supervisor } = await startedRig(twoAnHour)
    const first = await started(supervisor, fake('child1', { shutdown: 1000 }))
    const second = await started(supervisor, fake('child2', { shutdown: 1000 }))
    await crashes(first)
    expect(idsOf(supervisor)).toHaveLength(2)
    expect(refOf(supervisor, 'child2')).toBe(second)
    expect(refOf(supervisor, 'child1')).not.toBe(first)
    expect(countsOf(supervisor)).toEqual([2, 2, 0, 2])
    await crashes(second)
    expect(isRunning(supervisor)).toBe(true)
    const bystander = refOf(supervisor, 'child1')
    await crashes(refOf(supervisor, 'child2'))
    await expectExit(supervisor)
    expect(exitReasonOf(bystander)).toBe('shutdown')
  },
)

conformanceCase(
  { ...same, name: 'one_for_all', holds: 'all are replaced; with 2 in 3600 s the third crash ends the supervisor' },
  async () => {
    const { supervisor } = await startedRig({ ...twoAnHour, strategy: 'one_for_all' })
    const first = await started(supervisor, fake('child1', { shutdown: 1000 }))
    const second = await started(supervisor, fake('child2', { shutdown: 1000 }))
    await crashes(first)
    expect(exitReasonOf(second)).toBe('shutdown')
    expect(idsOf(supervisor)).toEqual(['child1', 'child2'])
    const now = supervisor.whichChildren().map(({ ref }) => ref)
    expect(now).not.toContain(first)
    expect(now).not.toContain(second)
    expect(countsOf(supervisor)).toEqual([2, 2, 0, 2])
    await crashes(refOf(supervisor, 'child2'))
    expect(countsOf(supervisor)).toEqual([2, 2, 0, 2])
    await crashes(refOf(supervisor, 'child2'))
    await expectExit(supervisor)
  },
)

conformanceCase(
  {
    ...same,
    name: 'rest_for_one',
    holds: 'those that were started later are replaced too; with 2 in 3600 s the third crash ends the supervisor',
  },
  async () => {
    const { supervisor } = await startedRig({ ...twoAnHour, strategy: 'rest_for_one' })
    const first = await started(supervisor, fake('child1', { shutdown: 1000 }))
    const second = await started(supervisor, fake('child2', { shutdown: 1000 }))
    const third = await started(supervisor, fake('child3', { shutdown: 1000 }))
    expect(countsOf(supervisor)).toEqual([3, 3, 0, 3])
    await crashes(second)
    expect(exitReasonOf(third)).toBe('shutdown')
    expectAlive(first)
    expect(idsOf(supervisor)).toEqual(['child1', 'child2', 'child3'])
    const now = supervisor.whichChildren().map(({ ref }) => ref)
    expect(now[0]).toBe(first)
    expect(now).not.toContain(second)
    expect(now).not.toContain(third)
    expect(countsOf(supervisor)).toEqual([3, 3, 0, 3])
    await crashes(refOf(supervisor, 'child3'))
    expect(refOf(supervisor, 'child2')).toBe(now[1])
    await crashes(refOf(supervisor, 'child2'))
    await expectExit(supervisor)
    expect(exitReasonOf(first)).toBe('shutdown')
  },
)

for (const { strategy, failing } of [
  { strategy: 'one_for_one', failing: 'child1' },
  { strategy: 'one_for_all', failing: 'child2' },
  { strategy: 'rest_for_one', failing: 'child2' },
] as const) {
  conformanceCase(
    {
      ...same,
      name: `${strategy}_escalation`,
      holds: 'a child that cannot be started again uses up 4 restarts and takes the supervisor and its sibling down',
    },
    async () => {
      const { supervisor } = await startedRig({ strategy, intensity: 4, periodMs: 3_600_000 })
      let attempts = 0
      const starts = startsOnce()
      const counted = () => {
        attempts++
        return starts()
      }
      const refs: Record<string, AnyActorRef> = {}
      for (const id of ['child1', 'child2']) {
        refs[id] = await started(supervisor, fake(id, { shutdown: 1000, ...(id === failing && { starts: counted }) }))
      }
      await crashes(refs.child1 as AnyActorRef)
      await expectExit(supervisor)
      expect(exitReasonOf(refs.child2 as AnyActorRef)).toBe('shutdown')
      // The first start and four restarts: the fifth is one too many.
      expect(attempts).toBe(1 + 4)
    },
  )
}

/** Two children whose every start waits for the test's word. */
async function waitingPair(strategy: 'one_for_all' | 'rest_for_one') {
  const begun = { child1: [] as AnyActorRef[], child2: [] as AnyActorRef[] }
  type Id = keyof typeof begun
  const waiting = (id: Id) =>
    fake(id, {
      shutdown: 1000,
      ready: isAlive,
      startMs: 60_000,
      starts: (self) => {
        begun[id].push(self)
        return 'wait'
      },
    })
  const rig = await startedRig({ strategy, intensity: 3, periodMs: 3_600_000 })
  const { supervisor } = rig
  const startsOf = () => ({ child1: begun.child1.length, child2: begun.child2.length })
  const tell = async (id: Id, event: { type: string; reason?: unknown }) => {
    await settle()
    const ref = begun[id].at(-1) as AnyActorRef
    ref.send(event)
    await settle()
    return ref
  }
  const letStart = (id: Id) => tell(id, { type: 'fake.ready' })
  const letFail = (id: Id) => tell(id, { type: 'fake.exit', reason: 'normal' })
  for (const id of ['child1', 'child2'] as const) {
    const asked = supervisor.startChild(waiting(id))
    await letStart(id)
    await asked
  }
  return { ...rig, startsOf, letStart, letFail }
}

conformanceCase(
  {
    ...same,
    name: 'one_for_all_other_child_fails_restart',
    holds: 'the child that was started again is ended, and all start once more',
  },
  async () => {
    const { supervisor, startsOf, letStart, letFail } = await waitingPair('one_for_all')
    await crashes(refOf(supervisor, 'child1'))
    const restarted = await letStart('child1')
    expect(startsOf()).toEqual({ child1: 2, child2: 2 })
    await letFail('child2')
    expect(exitReasonOf(restarted)).toBe('shutdown')

    const last = [await letStart('child1'), await letStart('child2')]
    expect(startsOf()).toEqual({ child1: 3, child2: 3 })
    expectAlive(...last)
    expect(countsOf(supervisor)).toEqual([2, 2, 0, 2])
    expect(isRunning(supervisor)).toBe(true)
  },
)

conformanceCase(
  {
    ...same,
    name: 'rest_for_one_other_child_fails_restart',
    holds: 'the earlier child that was started again stays, the failed one starts once more',
  },
  async () => {
    const { supervisor, startsOf, letStart, letFail } = await waitingPair('rest_for_one')
    await crashes(refOf(supervisor, 'child1'))
    const restarted = await letStart('child1')
    expect(startsOf()).toEqual({ child1: 2, child2: 2 })
    await letFail('child2')

    const second = await letStart('child2')
    expect(startsOf()).toEqual({ child1: 2, child2: 3 })
    expectAlive(restarted, second)
    expect(refOf(supervisor, 'child1')).toBe(restarted)
    expect(countsOf(supervisor)).toEqual([2, 2, 0, 2])
  },
)

conformanceCase(
  {
    ...same,
    name: 'order_of_children',
    holds: 'five start in order; the third takes 5 and 4 with it, then 3, 4, 5 start; the end goes from 5 to 1',
  },
  async () => {
    const begun: string[] = []
    const ids = ['ch7', 'ch3', 'ch10', 'ch2', 'ch5']
    const child = (id: string) => {
      const starts = () => {
        begun.push(id)
        return 'ok' as const
      }
      return fake(id, { shutdown: 1000, starts })
    }
    const children = ids.map(child)
    const { supervisor } = await startedRig({ ...twoAnHour, strategy: 'rest_for_one', children })
    expect(begun).toEqual(ids)
    expect(idsOf(supervisor)).toEqual(ids)
    const refs = () => Object.fromEntries(ids.map((id) => [id, refOf(supervisor, id)]))

    const before = refs()
    const ended = orderOfExits(before)
    begun.length = 0
    await crashes(before.ch10 as AnyActorRef)
    expect(ended).toEqual(['ch10', 'ch5', 'ch2'])
    expect(begun).toEqual(['ch10', 'ch2', 'ch5'])
    const after = refs()
    expect(ids.filter((id) => after[id] === before[id])).toEqual(['ch7', 'ch3'])

    const endedLast = orderOfExits(after)
    await supervisor.stop()
    expect(endedLast).toEqual(ids.toReversed())
  },
)
