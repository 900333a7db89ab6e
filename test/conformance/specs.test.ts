/** supervisor_SUITE: which child specs and which options a supervisor takes, with what defaults, and how it refuses the others. */
import { expect } from 'vitest'
import { type ChildSpec, createSupervisor, type SupervisorOptions } from '../../src/machines/supervision/index.ts'
import { conformanceCase } from './cases.ts'
import { fake, fakeChild } from './fake-child.ts'
import { countsOf, expectCode, expectExit, started, startedRig, twoAnHour } from './supervisor-rig.ts'

const same = { suite: 'supervisor_SUITE', verdict: 'same' } as const

/** A spec with something wrong in it, which TypeScript would not let pass. */
type Faulty = Record<string, unknown> | string | undefined

/** Starts a supervisor of its own; whether the options are refused at once or at the start is the same. */
async function start(options: Record<string, unknown>): Promise<unknown> {
  return createSupervisor(options as SupervisorOptions).start()
}

const refusals: readonly [wrong: Record<string, unknown>, reason: string][] = [
  [{ logic: 'mfa' }, 'invalid_logic'],
  [{ restart: 'prmanent' }, 'invalid_restart'],
  [{ shutdown: -10 }, 'invalid_shutdown'],
  [{ type: 'wrker' }, 'invalid_type'],
]

conformanceCase(
  {
    ...same,
    name: 'sup_start_map',
    holds: 'defaults: permanent, 5000 ms, infinity for supervisors, worker; an unknown id has no spec',
  },
  async () => {
    const { supervisor } = await startedRig({
      children: [fake('child1'), fake('child2', { shutdown: 'brutal' }), fake('child3', { type: 'supervisor' })],
    })
    const defaults = { logic: fakeChild, restart: 'permanent', significant: false }
    expect(supervisor.getChildSpec('child1')).toMatchObject({
      ...defaults,
      id: 'child1',
      shutdown: 5000,
      type: 'worker',
    })
    expect(supervisor.getChildSpec('child2')).toMatchObject({
      ...defaults,
      id: 'child2',
      shutdown: 'brutal',
      type: 'worker',
    })
    expect(supervisor.getChildSpec('child3')).toMatchObject({
      ...defaults,
      id: 'child3',
      shutdown: 'infinity',
      type: 'supervisor',
    })
    expect(supervisor.getChildSpec('child4')).toBeUndefined()
    await supervisor.stop()
    await expectExit(supervisor)
  },
)

conformanceCase(
  {
    ...same,
    name: 'sup_start_map_simple',
    holds: 'every dynamic child has the spec of the template, with its defaults',
  },
  async () => {
    const { supervisor } = await startedRig({
      strategy: 'simple_one_for_one',
      child: { logic: fakeChild, restart: 'temporary' },
    })
    for (let count = 0; count < 3; count++) await started(supervisor, [])
    const spec = { logic: fakeChild, restart: 'temporary', type: 'worker', shutdown: 5000, significant: false }
    const specs = supervisor.whichChildren().map(({ id }) => supervisor.getChildSpec(id))
    expect(specs).toMatchObject([spec, spec, spec])
    expect(supervisor.getChildSpec('another')).toBeUndefined()
    await supervisor.stop()
    await expectExit(supervisor)
  },
)

conformanceCase(
  {
    ...same,
    name: 'sup_start_map_faulty_specs',
    holds: 'missing_id, missing_logic, invalid_child_spec; unknown keys are taken',
  },
  async () => {
    const refused = (child: Faulty, reason: string) =>
      expectCode(start({ children: [child] }), 'SUPERVISOR_SPEC_INVALID', { reason })
    await refused({ logic: fakeChild }, 'missing_id')
    await refused({ id: 'child2' }, 'missing_logic')
    await refused('child4', 'invalid_child_spec')
    const { supervisor } = await startedRig({ children: [{ ...fake('child3'), silly_flag: true } as ChildSpec] })
    expect(countsOf(supervisor)).toEqual([1, 1, 0, 1])
    await supervisor.stop()
    await expectExit(supervisor)
  },
)

conformanceCase(
  {
    suite: 'supervisor_SUITE',
    name: 'child_specs',
    verdict: 'adapted',
    reason: 'Specs are objects: the tuple form, its modules and check_childspecs do not exist, so each spec is started',
    holds:
      'each wrong field is refused with its name, when it is added and when a supervisor starts; every right combination is taken',
  },
  async () => {
    const { supervisor } = await startedRig(twoAnHour)
    await expectCode(supervisor.startChild('hej' as never), 'SUPERVISOR_SPEC_INVALID')
    for (const [wrong, reason] of refusals) {
      const spec = { ...fake('child'), ...wrong } as ChildSpec
      await expectCode(supervisor.startChild(spec), 'SUPERVISOR_SPEC_INVALID', { reason })
      await expectCode(start({ children: [spec] }), 'SUPERVISOR_SPEC_INVALID', { reason })
      await expectCode(
        start({ strategy: 'simple_one_for_one', child: { logic: fakeChild, ...wrong } }),
        'SUPERVISOR_SPEC_INVALID',
        { reason },
      )
    }
    expect(supervisor.whichChildren()).toEqual([])

    for (const restart of ['permanent', 'transient', 'temporary'] as const) {
      for (const shutdown of [0, 1000, 'infinity', 'brutal'] as const) {
        for (const type of ['supervisor', 'worker'] as const) {
          await started(supervisor, fake('child', { restart, shutdown, type }))
          expect(supervisor.getChildSpec('child')).toMatchObject({ restart, shutdown, type })
          await supervisor.terminateChild('child')
          if (restart !== 'temporary') await supervisor.deleteChild('child')
        }
      }
    }
    await supervisor.stop()

    const twice = [fake('child', { shutdown: 'infinity' }), fake('child', { shutdown: 1000 })]
    await expectCode(start({ children: twice }), 'SUPERVISOR_SPEC_INVALID', { reason: 'duplicate_child_name' })
    // simple_one_for_one has one template, and no list.
    await expectCode(start({ strategy: 'simple_one_for_one', children: twice }), 'SUPERVISOR_SPEC_INVALID')
  },
)

/** Every combination of these; `undefined` leaves the key out. */
const product = {
  restart: [undefined, 'permanent', 'transient', 'temporary'],
  shutdown: [undefined, 0, 1000, 'infinity', 'brutal'],
  type: [undefined, 'supervisor', 'worker'],
  significant: [undefined, true, false],
  dummy: [undefined, 'dummy'],
} as const

function combinations(): Record<string, unknown>[] {
  return Object.entries(product).reduce<Record<string, unknown>[]>(
    (sofar, [key, values]) =>
      sofar.flatMap((one) => values.map((value) => (value === undefined ? one : { ...one, [key]: value }))),
    [{}],
  )
}

conformanceCase(
  {
    ...same,
    name: 'child_specs_map',
    holds: 'of 4 × 360 combinations exactly those that are significant with permanent or never are refused',
  },
  async () => {
    const specs = combinations()
    expect(specs).toHaveLength(360)
    let refused = 0
    for (const autoShutdown of [undefined, 'never', 'any_significant', 'all_significant'] as const) {
      const { supervisor } = await startedRig(autoShutdown === undefined ? {} : { autoShutdown })
      for (const fields of specs) {
        const spec = { id: 'child', logic: fakeChild, ...fields } as ChildSpec
        const isPermanent = (fields.restart ?? 'permanent') === 'permanent'
        const isBad = fields.significant === true && (isPermanent || (autoShutdown ?? 'never') === 'never')
        if (isBad) {
          refused++
          await expectCode(supervisor.startChild(spec), 'SUPERVISOR_SPEC_INVALID', { reason: 'bad_combination' })
          continue
        }
        await started(supervisor, spec)
        await supervisor.terminateChild('child')
        if (fields.restart !== 'temporary') await supervisor.deleteChild('child')
      }
      expect(countsOf(supervisor)).toEqual([0, 0, 0, 0])
    }
    // Significant: 120 of each; all with never, half with the others.
    expect(refused).toBe(120 + 120 + 60 + 60)

    const { supervisor } = await startedRig()
    for (const [wrong, reason] of [...refusals, [{ significant: 'maybe' }, 'invalid_significant']] as const) {
      await expectCode(supervisor.startChild({ ...fake('child'), ...wrong } as ChildSpec), 'SUPERVISOR_SPEC_INVALID', {
        reason,
      })
    }
    await expectCode(supervisor.startChild({} as ChildSpec), 'SUPERVISOR_SPEC_INVALID', { reason: 'missing_id' })
    await expectCode(supervisor.startChild({ id: 'child' } as ChildSpec), 'SUPERVISOR_SPEC_INVALID', {
      reason: 'missing_logic',
    })
    const significant = { ...fake('child'), restart: 'transient', significant: true }
    const never = start({ autoShutdown: 'never', children: [significant] })
    await expectCode(never, 'SUPERVISOR_SPEC_INVALID', { reason: 'bad_combination' })
  },
)

conformanceCase(
  {
    ...same,
    name: 'sup_flags',
    holds: 'a wrong strategy, intensity, period, auto_shutdown or type is refused; an unknown flag is taken',
  },
  async () => {
    for (const [flags, reason] of [
      [{ strategy: 'none_for_one' }, 'invalid_strategy'],
      [{ intensity: 'infinity' }, 'invalid_intensity'],
      [{ intensity: -1 }, 'invalid_intensity'],
      [{ periodMs: 0 }, 'invalid_period'],
      [{ periodMs: 'infinity' }, 'invalid_period'],
      [{ autoShutdown: 'sometimes' }, 'invalid_auto_shutdown'],
      [{ children: 'none' }, 'invalid_children'],
    ] as const) {
      await expectCode(start(flags), 'SUPERVISOR_SPEC_INVALID', { reason })
    }
    const { supervisor } = await startedRig({ silly_flag: true } as SupervisorOptions)
    await supervisor.stop()
    await expectExit(supervisor)
  },
)
