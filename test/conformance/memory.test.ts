/** supervisor_SUITE: what a supervisor does not keep of temporary children, in its table and in the heap. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { expect } from 'vitest'
import { fromTransition } from 'xstate'
import type { ChildSpec, Supervisor } from '../../src/machines/supervision/index.ts'
import { conformanceCase } from './cases.ts'
import { fake, isAlive } from './fake-child.ts'
import {
  crashes,
  exits,
  expectAlive,
  expectCode,
  expectExit,
  idsOf,
  refOf,
  settle,
  started,
  startedRig,
  twoAnHour,
} from './supervisor-rig.ts'

const same = { suite: 'supervisor_SUITE', verdict: 'same' } as const
const strategies = ['one_for_all', 'one_for_one', 'rest_for_one'] as const

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** How many of these are still held by anybody. */
async function held(refs: readonly WeakRef<object>[]): Promise<number> {
  // What a turn looked at is held until it is over.
  for (let turn = 0; turn < 5; turn++) {
    await settle()
    collectGarbage()
  }
  return refs.filter((ref) => ref.deref() !== undefined).length
}

/** A child that keeps nothing of what it is given. */
const forgetful = fromTransition((state) => state, {})

/** Starts `count` children, each with a large argument, and says how many of the arguments are held while they run. */
async function heldArguments(supervisor: Supervisor, count: number): Promise<number> {
  const refs: WeakRef<object>[] = []
  for (let child = 0; child < count; child++) {
    const argument = Array(1000).fill('Potentially large')
    refs.push(new WeakRef(argument))
    await started(supervisor, argument)
  }
  return held(refs)
}

/** The same with a predicate of the spec, of which only the supervisor knows: an actor of XState keeps its own input. */
async function heldSpecs(
  supervisor: Supervisor,
  restart: NonNullable<ChildSpec['restart']>,
  count: number,
): Promise<number> {
  const refs: WeakRef<object>[] = []
  for (let child = 0; child < count; child++) {
    const ready: NonNullable<ChildSpec['ready']> = (snapshot) => isAlive(snapshot)
    refs.push(new WeakRef(ready))
    await started(supervisor, fake(`${restart}${child}`, { restart, ready }))
  }
  return held(refs)
}

conformanceCase(
  {
    ...same,
    name: 'do_not_save_start_parameters_for_temporary_children',
    holds:
      'of 100 permanent, transient and temporary children each, what the temporary ones were started with is not kept',
  },
  async () => {
    for (const strategy of strategies) {
      const { supervisor } = await startedRig({ ...twoAnHour, strategy })
      expect(await heldSpecs(supervisor, 'permanent', 100)).toBe(100)
      expect(await heldSpecs(supervisor, 'transient', 100)).toBe(100)
      expect(await heldSpecs(supervisor, 'temporary', 100)).toBe(0)
      expect(supervisor.countChildren()).toMatchObject({ specs: 300, active: 300 })
      expect(supervisor.getChildSpec('permanent0')).toMatchObject({ input: {} })
      expect(supervisor.getChildSpec('temporary0')?.input).toBeUndefined()
      await supervisor.stop()
      await expectExit(supervisor)
    }
    for (const restart of ['permanent', 'transient', 'temporary'] as const) {
      const child = { logic: forgetful, restart, input: () => ({}) }
      const { supervisor } = await startedRig({ ...twoAnHour, strategy: 'simple_one_for_one', child })
      expect(await heldArguments(supervisor, 100)).toBe(restart === 'temporary' ? 0 : 100)
      expect(supervisor.countChildren()).toMatchObject({ specs: 1, active: 100 })
      await supervisor.stop()
      await expectExit(supervisor)
    }
  },
)

conformanceCase(
  {
    ...same,
    name: 'simple_one_for_one_corruption',
    holds: 'also after the first temporary child died, the argument of the next is not retained',
  },
  async () => {
    const { supervisor } = await startedRig({
      ...twoAnHour,
      strategy: 'simple_one_for_one',
      child: { ...fakeTemplate(), restart: 'temporary', shutdown: 1000, input: () => ({}) },
    })
    await crashes(await started(supervisor, []))
    const kept: WeakRef<object>[] = []
    const start = async () => {
      const bigData = { bytes: new Uint8Array(50_000) }
      kept.push(new WeakRef(bigData))
      return started(supervisor, bigData)
    }
    const second = await start()
    expect(await held(kept)).toBe(0)
    expectAlive(second)
    expect(supervisor.whichChildren()).toMatchObject([{ ref: second }])
    await crashes(second)
    expect(supervisor.whichChildren()).toEqual([])
  },
)

function fakeTemplate(): Omit<ChildSpec, 'id'> {
  const { id: _, ...template } = fake('template')
  return template
}

type How = 'killed' | 'normal' | 'abnormal' | 'supervisor'

/** Ends the child, itself or through the supervisor. */
async function end(supervisor: Supervisor, id: string, how: How): Promise<void> {
  if (how === 'supervisor') await supervisor.terminateChild(id)
  else await exits(refOf(supervisor, id), how)
}

conformanceCase(
  {
    ...same,
    name: 'do_not_save_child_specs_for_temporary_children',
    holds:
      'however a temporary child ends, the same id can be started again at once; the others are restarted, or present',
  },
  async () => {
    for (const strategy of strategies) {
      for (const how of ['killed', 'normal', 'abnormal', 'supervisor'] as const) {
        const { supervisor } = await startedRig({ ...twoAnHour, strategy })
        for (const restart of ['permanent', 'transient'] as const) {
          const spec = fake(restart, { restart, shutdown: 1000 })
          await started(supervisor, spec)
          await end(supervisor, restart, how)
          const isKept = how === 'supervisor' || (restart === 'transient' && how === 'normal')
          await expectCode(
            supervisor.startChild(spec),
            isKept ? 'SUPERVISOR_ALREADY_PRESENT' : 'SUPERVISOR_ALREADY_STARTED',
          )
          if (isKept) await supervisor.restartChild(restart)
        }
        const temporary = fake('temporary', { restart: 'temporary', shutdown: 1000 })
        const first = await started(supervisor, temporary)
        await end(supervisor, 'temporary', how)
        expect(idsOf(supervisor)).toEqual(['permanent', 'transient'])
        expect(await started(supervisor, temporary)).not.toBe(first)
        await supervisor.stop()
        await expectExit(supervisor)
      }
    }
  },
)
