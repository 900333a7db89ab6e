/** supervisor_SUITE: dynamic children of one template. */
import { expect } from 'vitest'
import { createSupervisor, exitReasonOf, type SupervisorOptions } from '../../src/machines/supervision/index.ts'
import { conformanceCase } from './cases.ts'
import { type FakeInput, fakeChild } from './fake-child.ts'
import {
  countsOf,
  crashes,
  exits,
  expectAlive,
  expectCode,
  expectExit,
  isRunning,
  started,
  startedRig,
  twoAnHour,
} from './supervisor-rig.ts'

const same = { suite: 'supervisor_SUITE', verdict: 'same' } as const

for (const { name, argument, holds } of [
  {
    name: 'simple_one_for_one',
    argument: undefined,
    holds: 'only the crashed child is replaced; the third crash in 3600 s ends the supervisor',
  },
  {
    name: 'simple_one_for_one_extra',
    argument: 'extra_info',
    holds: 'a child that is restarted gets what it was started with',
  },
] as const) {
  const verdict =
    argument === undefined
      ? ({ verdict: 'same' } as const)
      : ({
          verdict: 'adapted',
          reason:
            'A start returns the actor alone: what it has to say beside is in its snapshot, after each start and restart',
        } as const)
  conformanceCase({ suite: 'supervisor_SUITE', name, holds, ...verdict }, async () => {
    const { supervisor } = await startedRig({
      ...twoAnHour,
      strategy: 'simple_one_for_one',
      child: { logic: fakeChild, shutdown: 1000, input: (given: unknown): FakeInput => ({ argument: given }) },
    })
    const first = await started(supervisor, argument)
    const second = await started(supervisor, argument)
    await crashes(first)
    const refs = supervisor.whichChildren().map(({ ref }) => ref)
    expect(refs).toHaveLength(2)
    expect(refs).toContain(second)
    expect(refs).not.toContain(first)
    expect(refs.map((ref) => ref?.getSnapshot().context.argument)).toEqual([argument, argument])
    expect(countsOf(supervisor)).toEqual([1, 2, 0, 2])
    await crashes(second)
    expect(isRunning(supervisor)).toBe(true)
    const [child] = supervisor.whichChildren()
    if (child?.ref) await crashes(child.ref)
    await expectExit(supervisor)
  })
}

conformanceCase(
  {
    ...same,
    name: 'simple_one_for_one_escalation',
    holds: 'a dynamic child that cannot be started again uses up 4 restarts and takes its sibling down',
  },
  async () => {
    let attempts = 0
    const startsOnce = () => (attempts++ === 0 ? ('ok' as const) : { throws: new Error('function_clause') })
    const { supervisor } = await startedRig({
      strategy: 'simple_one_for_one',
      intensity: 4,
      periodMs: 3_600_000,
      child: {
        logic: fakeChild,
        shutdown: 1000,
        input: (kind: string): FakeInput => (kind === 'error' ? { starts: startsOnce } : {}),
      },
    })
    const first = await started(supervisor, 'error')
    const second = await started(supervisor, 'ok')
    await crashes(first)
    await expectExit(supervisor)
    expect(exitReasonOf(second)).toBe('shutdown')
    expect(attempts).toBe(1 + 4)
  },
)

conformanceCase(
  { ...same, name: 'simple_one_for_one_restart_ignore', holds: 'a dynamic child whose restart is ignored is removed' },
  async () => {
    let starts = 0
    const { supervisor } = await startedRig({
      ...twoAnHour,
      strategy: 'simple_one_for_one',
      child: {
        logic: fakeChild,
        input: (kind: string): FakeInput =>
          kind === 'ignored' ? { starts: () => (starts++ === 0 ? 'ok' : { exit: 'ignore' }) } : {},
      },
    })
    const first = await started(supervisor, 'ignored')
    const second = await started(supervisor, 'other')
    await crashes(first)
    expect(starts).toBe(2)
    expect(supervisor.whichChildren()).toMatchObject([{ ref: second, state: 'running' }])
    expect(countsOf(supervisor)).toEqual([1, 1, 0, 1])
    expectAlive(second)
    await supervisor.stop()
    await expectExit(supervisor)
  },
)

conformanceCase(
  {
    suite: 'supervisor_SUITE',
    name: 'significant_simple',
    verdict: 'adapted',
    reason: 'As in the newest OTP, auto_shutdown is refused for dynamic children; older ones end with them',
    holds: 'dynamic children are not significant, at the start nor by a change, and their exits end nobody',
  },
  async () => {
    const child = { logic: fakeChild, restart: 'temporary' } as const
    const reason = 'bad_combination'
    const { supervisor } = await startedRig({ strategy: 'simple_one_for_one', child })
    for (const autoShutdown of ['any_significant', 'all_significant'] as const) {
      const options = { strategy: 'simple_one_for_one', autoShutdown, child } as const
      await expectCode(start(options), 'SUPERVISOR_SPEC_INVALID', { reason })
      await expectCode(supervisor.change(options), 'SUPERVISOR_SPEC_INVALID', { reason })
    }
    const significant = { strategy: 'simple_one_for_one', child: { ...child, significant: true } } as const
    await expectCode(start(significant), 'SUPERVISOR_SPEC_INVALID', { reason })

    for (const ref of [await started(supervisor), await started(supervisor)]) await exits(ref, 'normal')
    expect(isRunning(supervisor)).toBe(true)
    expect(countsOf(supervisor)).toEqual([1, 0, 0, 0])
  },
)

async function start(options: SupervisorOptions): Promise<unknown> {
  return createSupervisor(options).start()
}
