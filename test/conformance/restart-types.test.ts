/** supervisor_SUITE: permanent, transient and temporary children, and what each kind of exit means to them. */
import { expect } from 'vitest'
import { conformanceCase } from './cases.ts'
import { fake } from './fake-child.ts'
import {
  countsOf,
  crashes,
  exits,
  expectExit,
  idsOf,
  isRunning,
  type Rig,
  refOf,
  settle,
  started,
  startedRig,
  twoAnHour,
} from './supervisor-rig.ts'

const same = { suite: 'supervisor_SUITE', verdict: 'same' } as const

type Restart = 'permanent' | 'transient' | 'temporary'

async function withChild(restart: Restart): Promise<Rig> {
  const rig = await startedRig(twoAnHour)
  await rig.supervisor.startChild(fake('child1', { restart, shutdown: 1000 }))
  return rig
}

/** After the exit: a new actor, the spec alone, or nothing. */
function expectAfterwards(restart: 'replaced' | 'kept' | 'forgotten', { supervisor }: Rig, before: unknown): void {
  if (restart === 'forgotten') {
    expect(supervisor.whichChildren()).toEqual([])
    expect(countsOf(supervisor)).toEqual([0, 0, 0, 0])
    return
  }
  expect(idsOf(supervisor)).toEqual(['child1'])
  const ref = supervisor.getChild('child1')?.ref
  if (restart === 'replaced') {
    expect(ref?.getSnapshot().status).toBe('active')
    expect(ref).not.toBe(before)
  } else expect(ref).toBeUndefined()
  expect(countsOf(supervisor)).toEqual([1, restart === 'replaced' ? 1 : 0, 0, 1])
}

const afterNormal = { permanent: 'replaced', transient: 'kept', temporary: 'forgotten' } as const
const afterCrash = { permanent: 'replaced', transient: 'replaced', temporary: 'forgotten' } as const

for (const restart of ['permanent', 'transient', 'temporary'] as const) {
  conformanceCase(
    { ...same, name: `${restart}_normal`, holds: `a ${restart} child that is done is ${afterNormal[restart]}` },
    async () => {
      const rig = await withChild(restart)
      const child = refOf(rig.supervisor, 'child1')
      await exits(child, 'normal')
      expectAfterwards(afterNormal[restart], rig, child)
    },
  )

  conformanceCase(
    {
      ...same,
      name: `${restart}_shutdown`,
      holds: `a ${restart} child that exits with shutdown, or { shutdown: info }, is ${afterNormal[restart]}`,
    },
    async () => {
      const rig = await withChild(restart)
      const { supervisor } = rig
      const first = refOf(supervisor, 'child1')
      await exits(first, 'shutdown')
      expectAfterwards(afterNormal[restart], rig, first)

      if (restart === 'transient') await supervisor.restartChild('child1')
      if (restart === 'temporary') await supervisor.startChild(fake('child1', { restart, shutdown: 1000 }))
      const second = refOf(supervisor, 'child1')
      await exits(second, { shutdown: 'some_info' })
      expectAfterwards(afterNormal[restart], rig, second)
    },
  )

  conformanceCase(
    { ...same, name: `${restart}_abnormal`, holds: `a ${restart} child that crashes is ${afterCrash[restart]}` },
    async () => {
      const rig = await withChild(restart)
      const child = refOf(rig.supervisor, 'child1')
      await crashes(child)
      expectAfterwards(afterCrash[restart], rig, child)
    },
  )
}

conformanceCase(
  {
    ...same,
    name: 'temporary_bystander',
    holds: 'a temporary sibling that goes with the others is gone for good; the supervisor lives',
  },
  async () => {
    for (const strategy of ['one_for_all', 'rest_for_one'] as const) {
      const { supervisor, pass } = await startedRig({ strategy, intensity: 2, periodMs: 300_000 })
      const child1 = await started(supervisor, fake('child1', { shutdown: 100 }))
      const child2 = await started(supervisor, fake('child2', { restart: 'temporary', shutdown: 100 }))
      await exits(child1, 'normal')
      await pass(350)
      expect(isRunning(supervisor)).toBe(true)
      expect(child2.getSnapshot().status).not.toBe('active')
      expect(idsOf(supervisor)).toEqual(['child1'])
      expect(refOf(supervisor, 'child1')).not.toBe(child1)
    }
  },
)

conformanceCase(
  {
    ...same,
    name: 'multiple_restarts',
    holds: 'with intensity 1 and a period of 1 s, four crashes 2.1 s apart leave the supervisor alive',
  },
  async () => {
    const { supervisor, pass } = await startedRig({ intensity: 1, periodMs: 1000 })
    await supervisor.startChild(fake('child1', { shutdown: 'brutal' }))
    await crashes(refOf(supervisor, 'child1'))
    for (let crash = 1; crash <= 3; crash++) {
      await pass(2100)
      await crashes(refOf(supervisor, 'child1'))
    }
    expect(countsOf(supervisor)).toEqual([1, 1, 0, 1])
    await supervisor.terminateChild('child1')
    await supervisor.deleteChild('child1')
    expect(isRunning(supervisor)).toBe(true)

    // The same crashes within the period are one too many.
    await supervisor.startChild(fake('child1', { shutdown: 'brutal' }))
    await pass(2100)
    await crashes(refOf(supervisor, 'child1'))
    await crashes(refOf(supervisor, 'child1'))
    await settle()
    await expectExit(supervisor)
  },
)
