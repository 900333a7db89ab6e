/** supervisor_SUITE: auto_shutdown is changed while children run. The change itself ends nobody; what exits later obeys the new mode. */
import { expect } from 'vitest'
import { exitReasonOf } from '../../src/machines/supervision/index.ts'
import { conformanceCase } from './cases.ts'
import { fake } from './fake-child.ts'
import {
  exits,
  expectAlive,
  expectCode,
  expectExit,
  isRunning,
  refOf,
  settle,
  started,
  startedRig,
} from './supervisor-rig.ts'

const same = { suite: 'supervisor_SUITE', verdict: 'same' } as const
const significant = (id: string) => fake(id, { restart: 'transient', significant: true })
const badCombination = { reason: 'bad_combination' }

const modes = { never: 'never', any: 'any_significant', all: 'all_significant' } as const
type Mode = keyof typeof modes

/** Whether the supervisor lives on, in the new mode, when the first of two significant children is done. */
const livesOnAfter: Record<Mode, boolean> = { never: true, any: false, all: true }

for (const [from, to] of [
  ['never', 'any'],
  ['never', 'all'],
] as const) {
  conformanceCase(
    {
      ...same,
      name: `significant_upgrade_${from}_${to}`,
      holds: 'significant children are refused before the change, and obey the new mode after it',
    },
    async () => {
      const { supervisor } = await startedRig({ autoShutdown: modes[from] })
      await expectCode(supervisor.startChild(significant('child1')), 'SUPERVISOR_SPEC_INVALID', badCombination)
      await supervisor.change({ autoShutdown: modes[to] })
      const first = await started(supervisor, significant('child1'))
      const second = await started(supervisor, significant('child2'))
      await exits(first, 'normal')
      expect(isRunning(supervisor)).toBe(livesOnAfter[to])
      if (to === 'all') {
        expectAlive(second)
        await exits(second, 'normal')
      } else expect(exitReasonOf(second)).toBe('shutdown')
      await expectExit(supervisor)
    },
  )
}

for (const [from, to] of [
  ['any', 'never'],
  ['all', 'never'],
] as const) {
  conformanceCase(
    {
      ...same,
      name: `significant_upgrade_${from}_${to}`,
      holds: 'the child lives on, new significant ones are refused, and its exit ends nobody',
    },
    async () => {
      const { supervisor } = await startedRig({ autoShutdown: modes[from] })
      const first = await started(supervisor, significant('child1'))
      await supervisor.change({ autoShutdown: modes[to] })
      await settle()
      expectAlive(first)
      expect(isRunning(supervisor)).toBe(true)
      await expectCode(supervisor.startChild(significant('child2')), 'SUPERVISOR_SPEC_INVALID', badCombination)
      await exits(first, 'normal')
      expect(isRunning(supervisor)).toBe(true)
      const again = await supervisor.restartChild('child1')
      await supervisor.stop()
      await expectExit(supervisor)
      expect(again && exitReasonOf(again)).toBe('shutdown')
    },
  )
}

for (const [from, to] of [
  ['any', 'all'],
  ['all', 'any'],
] as const) {
  conformanceCase(
    {
      ...same,
      name: `significant_upgrade_${from}_${to}`,
      holds: 'both children live on, and their exits obey the new mode',
    },
    async () => {
      const { supervisor } = await startedRig({ autoShutdown: modes[from] })
      const first = await started(supervisor, significant('child1'))
      const second = await started(supervisor, significant('child2'))
      await supervisor.change({ autoShutdown: modes[to] })
      await settle()
      expectAlive(first, second)
      expect(isRunning(supervisor)).toBe(true)
      await exits(first, 'normal')
      expect(isRunning(supervisor)).toBe(livesOnAfter[to])
      if (to === 'all') {
        expectAlive(second)
        await exits(second, 'normal')
      } else expect(exitReasonOf(second)).toBe('shutdown')
      await expectExit(supervisor)
    },
  )
}

conformanceCase(
  {
    ...same,
    name: 'significant_upgrade_child',
    holds: 'a child may become significant, or cease to be; not where auto_shutdown is never',
  },
  async () => {
    const plain = fake('child', { restart: 'transient', significant: false })

    const never = await startedRig({ autoShutdown: 'never', children: [plain] })
    const change = never.supervisor.change({ autoShutdown: 'never', children: [significant('child')] })
    await expectCode(change, 'SUPERVISOR_SPEC_INVALID', badCombination)
    const kept = refOf(never.supervisor, 'child')
    expectAlive(kept)
    expect(isRunning(never.supervisor)).toBe(true)
    await never.supervisor.stop()
    await expectExit(never.supervisor)
    expect(exitReasonOf(kept)).toBe('shutdown')

    for (const [before, now, livesOn] of [
      [plain, significant('child'), false],
      [significant('child'), plain, true],
    ] as const) {
      const { supervisor } = await startedRig({ autoShutdown: 'any_significant', children: [before] })
      const child = refOf(supervisor, 'child')
      await supervisor.change({ autoShutdown: 'any_significant', children: [now] })
      await settle()
      expectAlive(child)
      expect(isRunning(supervisor)).toBe(true)
      await exits(child, 'normal')
      expect(isRunning(supervisor)).toBe(livesOn)
      if (livesOn) await supervisor.stop()
      await expectExit(supervisor)
    }
  },
)
