/** Elixir's dynamic_supervisor_test: how the children of a DynamicSupervisor start, and when they are started again. */
import { expect } from 'vitest'
import { type AnyActorRef, fromCallback } from 'xstate'
import type { ChildSpec, SupervisorOptions } from '../../src/machines/supervision/index.ts'
import { conformanceCase } from './cases.ts'
import { type FakeInput, fake, fakeChild, type Start } from './fake-child.ts'
import {
  exits,
  expectCode,
  expectExit,
  isRunning,
  type Rig,
  started,
  startedInRealTime,
  startedRig,
} from './supervisor-rig.ts'

const suite = 'dynamic_supervisor_test'
const same = { suite, verdict: 'same' } as const

/** Each child brings its whole spec; Elixir's default is 3 restarts in 5 s. */
const defaults = { strategy: 'simple_one_for_one', intensity: 3, periodMs: 5000 } as const

function dynamic(options: SupervisorOptions = {}): Promise<Rig> {
  return startedRig({ ...defaults, ...options })
}

/** A child of this spec; its id is its own affair. */
function child(spec: Parameters<typeof fake>[1] = {}): Omit<ChildSpec, 'id'> {
  const { id: _, ...rest } = fake('child', spec)
  return rest
}

/** Starts well the first time, then as told. */
function thenStarts(later: Start): NonNullable<FakeInput['starts']> {
  let starts = 0
  return () => (starts++ === 0 ? 'ok' : later)
}

const fails: Start = { exit: 'found' }

function workersOf({ supervisor }: Pick<Rig, 'supervisor'>): [workers: number, active: number] {
  const { workers, active } = supervisor.countChildren()
  return [workers, active]
}

conformanceCase(
  { ...same, name: 'with max_children', holds: 'a supervisor that may have none starts none' },
  async () => {
    const rig = await dynamic({ maxChildren: 0 })
    await expectCode(rig.supervisor.startChild(child()), 'SUPERVISOR_MAX_CHILDREN')
    expect(workersOf(rig)).toEqual([0, 0])
  },
)

conformanceCase(
  {
    ...same,
    name: 'temporary child is not restarted regardless of reason',
    holds: 'neither after shutdown nor after any other reason',
  },
  async () => {
    const rig = await dynamic()
    for (const reason of ['shutdown', 'whatever']) {
      await exits(await started(rig.supervisor, child({ restart: 'temporary' })), reason)
      expect(workersOf(rig)).toEqual([0, 0])
    }
  },
)

conformanceCase(
  {
    ...same,
    name: 'transient child is restarted unless normal/shutdown/{shutdown, _}',
    holds: 'a child that ends in order is gone, another one is restarted',
  },
  async () => {
    const rig = await dynamic()
    for (const reason of ['normal', 'shutdown', { shutdown: 'signal' }]) {
      await exits(await started(rig.supervisor, child({ restart: 'transient' })), reason)
      expect(workersOf(rig)).toEqual([0, 0])
    }
    await exits(await started(rig.supervisor, child({ restart: 'transient' })), 'whatever')
    expect(workersOf(rig)).toEqual([1, 1])
  },
)

conformanceCase(
  {
    ...same,
    name: 'permanent child is restarted regardless of reason',
    holds: 'after shutdown, { shutdown: info } and any other reason',
  },
  async () => {
    const rig = await dynamic({ intensity: 100_000 })
    for (const [index, reason] of ['shutdown', { shutdown: 'signal' }, 'whatever'].entries()) {
      await exits(await started(rig.supervisor, child({ restart: 'permanent' })), reason)
      expect(workersOf(rig)).toEqual([index + 1, index + 1])
    }
  },
)

conformanceCase(
  {
    ...same,
    name: 'child is restarted with different values',
    holds: 'a restart that is ignored removes the child, one that fails leaves it restarting',
  },
  async () => {
    const supervisor = await startedInRealTime({ ...defaults, intensity: 100_000 })
    const statesOf = () => supervisor.whichChildren().map(({ state }) => state)
    for (const count of [1, 2]) {
      await exits(await started(supervisor, child({ starts: thenStarts('ok') })), 'shutdown')
      expect(workersOf({ supervisor })).toEqual([count, count])
    }
    await exits(await started(supervisor, child({ starts: thenStarts({ exit: 'ignore' }) })), 'shutdown')
    expect(workersOf({ supervisor })).toEqual([2, 2])
    expect(statesOf()).toEqual(['running', 'running'])

    await exits(await started(supervisor, child({ starts: thenStarts(fails) })), 'shutdown')
    expect(workersOf({ supervisor })).toEqual([3, 2])
    expect(statesOf()).toEqual(['running', 'running', 'restarting'])
    await exits(await started(supervisor, child({ starts: thenStarts({ throws: new Error('unknown') }) })), 'shutdown')
    expect(workersOf({ supervisor })).toEqual([4, 2])
    expect(statesOf()).toEqual(['running', 'running', 'restarting', 'restarting'])
  },
)

conformanceCase(
  {
    ...same,
    name: 'restarting on init children counted in max_children',
    holds: 'a child that cannot be started again keeps its place',
  },
  async () => {
    const supervisor = await startedInRealTime({ ...defaults, maxChildren: 1, intensity: 100_000 })
    await exits(await started(supervisor, child({ starts: thenStarts(fails) })), 'shutdown')
    expect(workersOf({ supervisor })).toEqual([1, 0])
    await expectCode(supervisor.startChild(child()), 'SUPERVISOR_MAX_CHILDREN')
  },
)

conformanceCase(
  {
    ...same,
    name: 'restarting on exit children counted in max_children',
    holds: 'a child that was started again keeps its place',
  },
  async () => {
    const rig = await dynamic({ maxChildren: 1, intensity: 100_000 })
    await exits(await started(rig.supervisor, child()), 'shutdown')
    expect(workersOf(rig)).toEqual([1, 1])
    await expectCode(rig.supervisor.startChild(child()), 'SUPERVISOR_MAX_CHILDREN')
  },
)

conformanceCase(
  {
    suite,
    verdict: 'adapted',
    name: 'restarting a child with extra_arguments successfully restarts child',
    reason: 'The arguments that all children share stand in the input function of the template',
    holds: 'a restart gets the shared arguments again',
  },
  async () => {
    const heard: unknown[] = []
    const template = {
      logic: fakeChild,
      restart: 'transient',
      input: (own: unknown): FakeInput => ({
        starts: () => {
          heard.push(['from_child', own])
          return 'ok'
        },
      }),
    } as const
    const rig = await dynamic({ child: template })
    const ref = await started(rig.supervisor, 'own')
    expect(heard).toEqual([['from_child', 'own']])
    expect(workersOf(rig)).toEqual([1, 1])
    await exits(ref, 'oops')
    expect(heard).toEqual([
      ['from_child', 'own'],
      ['from_child', 'own'],
    ])
    expect(workersOf(rig)).toEqual([1, 1])
  },
)

conformanceCase(
  {
    ...same,
    name: 'child is restarted when trying again',
    holds: 'with 2 restarts, one that fails and one that succeeds leave the child running',
  },
  async () => {
    const heard: boolean[] = []
    const starts = (): Start => {
      heard.push(heard.length !== 1)
      return heard.length === 2 ? { exit: 'try_again' } : 'ok'
    }
    const rig = await dynamic({ intensity: 2 })
    const ref = await started(rig.supervisor, child({ starts }))
    expect(heard).toEqual([true])
    await exits(ref, 'shutdown')
    expect(heard).toEqual([true, false, true])
    expect(workersOf(rig)).toEqual([1, 1])
    expect(isRunning(rig.supervisor)).toBe(true)
  },
)

for (const { name, intensity } of [
  { name: 'child triggers maximum restarts', intensity: 1 },
  { name: 'child triggers maximum intensity when trying again', intensity: 10 },
]) {
  conformanceCase(
    {
      ...same,
      name,
      holds: `a child that cannot be started again ends a supervisor of ${intensity} restarts with shutdown`,
    },
    async () => {
      let starts = 0
      const later = thenStarts(fails)
      const counted = (self: AnyActorRef) => {
        starts++
        return later(self)
      }
      const rig = await dynamic({ intensity })
      const ref = await started(rig.supervisor, child({ starts: counted }))
      await exits(ref, 'shutdown')
      await expectExit(rig.supervisor)
      expect(starts).toBe(1 + intensity)
    },
  )
}

conformanceCase(
  {
    ...same,
    name: 'with throw/error/exit',
    holds: 'a start that throws is an error with what it threw, one that exits with its reason',
  },
  async () => {
    const rig = await dynamic()
    const oops = new Error('oops')
    for (const [starts, found] of [
      [{ throws: oops }, { cause: oops, context: { reason: oops } }],
      [{ exit: 'oops' }, { context: { reason: 'oops' } }],
    ] as const) {
      const failed = rig.supervisor.startChild(child({ starts: () => starts }))
      await expect(failed).rejects.toMatchObject({ code: 'SUPERVISOR_START_FAILED', ...found })
    }
    // Whatever is thrown, it need not be an error.
    const thrown = fromCallback(() => {
      throw 'oops'
    })
    await expectCode(rig.supervisor.startChild({ logic: thrown }), 'SUPERVISOR_START_FAILED', { reason: 'oops' })
    expect(workersOf(rig)).toEqual([0, 0])
  },
)
