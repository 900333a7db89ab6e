/** supervisor_SUITE: how a supervisor and its children start, and what a start that fails leaves behind. */
import { expect } from 'vitest'
import { setup } from 'xstate'
import {
  createSupervisor,
  exit,
  exitReasonOf,
  type SupervisorOptions,
  supervisorMachine,
  supervisorOf,
} from '../../src/machines/supervision/index.ts'
import { conformanceCase } from './cases.ts'
import { fake, fakeChild } from './fake-child.ts'
import {
  countsOf,
  expectCode,
  expectExit,
  idsOf,
  isRunning,
  refOf,
  rigOf,
  started,
  startedRig,
  twoAnHour,
} from './supervisor-rig.ts'

const suite = 'supervisor_SUITE'
const same = { suite, verdict: 'same' } as const
const ignore = () => ({ exit: 'ignore' })

/** `ignore` at the first start only: the template of a dynamic supervisor is the same for all. */
function ignoreFirst() {
  let starts = 0
  return () => (starts++ === 0 ? ignore() : 'ok')
}

conformanceCase(
  { ...same, name: 'sup_start_normal', holds: 'a supervisor starts without children, and stops with shutdown' },
  async () => {
    const { supervisor } = await startedRig(twoAnHour)
    expect(countsOf(supervisor)).toEqual([0, 0, 0, 0])
    await supervisor.stop()
    await expectExit(supervisor)
  },
)

conformanceCase(
  {
    suite,
    name: 'sup_start_ignore_init',
    verdict: 'adapted',
    reason:
      'Options are data, there is no init callback: the logic that decides whether to be a supervisor ends with exit(ignore)',
    holds: 'a supervisor that decides to be none is ignored, and nobody exits',
  },
  async () => {
    const undecided = setup({ types: {} as { output: unknown } }).createMachine({
      initial: 'none',
      states: { none: { type: 'final' } },
      output: () => exit('ignore'),
    })
    const { supervisor } = await startedRig(twoAnHour)
    expect(await supervisor.startChild({ id: 'inner', logic: undecided, type: 'supervisor' })).toBeUndefined()
    expect(supervisor.getChild('inner')).toMatchObject({ ref: undefined, state: 'stopped' })
    expect(countsOf(supervisor)).toEqual([1, 0, 1, 0])
    expect(isRunning(supervisor)).toBe(true)
  },
)

conformanceCase(
  {
    suite,
    name: 'sup_start_error_return',
    verdict: 'adapted',
    reason: 'Options are data, there is no init callback: bad options take the place of a bad return',
    holds: 'options that are none are refused before anything is started',
  },
  async () => {
    const start = async () => createSupervisor('invalid' as unknown as SupervisorOptions).start()
    await expectCode(start(), 'SUPERVISOR_SPEC_INVALID')
  },
)

conformanceCase(
  {
    suite,
    name: 'sup_start_fail',
    verdict: 'adapted',
    reason: 'Options are data, there is no init callback: an inner supervisor throws while its state is made',
    holds: 'a supervisor that throws as it starts is an error with what it threw',
  },
  async () => {
    const badmatch = new Error('badmatch')
    const throwing = setup({}).createMachine({
      context: () => {
        throw badmatch
      },
    })
    const { supervisor } = await startedRig(twoAnHour)
    const failed = supervisor.startChild({ id: 'inner', logic: throwing, type: 'supervisor' })
    await expect(failed).rejects.toMatchObject({ code: 'SUPERVISOR_START_FAILED', cause: badmatch })
    expect(idsOf(supervisor)).toEqual([])
    expect(isRunning(supervisor)).toBe(true)
  },
)

conformanceCase(
  { ...same, name: 'sup_start_ignore_child', holds: 'ignore keeps the spec of a permanent child: 2 specs, 1 active' },
  async () => {
    const { supervisor } = await startedRig(twoAnHour)
    expect(await supervisor.startChild(fake('child1', { starts: ignore, shutdown: 1000 }))).toBeUndefined()
    const second = await started(supervisor, fake('child2', { shutdown: 1000 }))
    expect(supervisor.whichChildren().map(({ id, ref }) => [id, ref])).toEqual([
      ['child1', undefined],
      ['child2', second],
    ])
    expect(countsOf(supervisor)).toEqual([2, 1, 0, 2])
  },
)

conformanceCase(
  { ...same, name: 'sup_start_ignore_temporary_child', holds: 'ignore forgets a temporary child of the options' },
  async () => {
    const { supervisor } = await startedRig({
      ...twoAnHour,
      children: [
        fake('child1', { starts: ignore, restart: 'temporary' }),
        fake('child2', { restart: 'temporary', shutdown: 1000 }),
      ],
    })
    expect(idsOf(supervisor)).toEqual(['child2'])
    expect(exitReasonOf(refOf(supervisor, 'child2'))).toBeUndefined()
    expect(countsOf(supervisor)).toEqual([1, 1, 0, 1])
  },
)

conformanceCase(
  {
    ...same,
    name: 'sup_start_ignore_temporary_child_start_child',
    holds: 'ignore forgets a temporary child that is started later',
  },
  async () => {
    const { supervisor } = await startedRig(twoAnHour)
    const ignored = supervisor.startChild(fake('child1', { starts: ignore, restart: 'temporary' }))
    expect(await ignored).toBeUndefined()
    const second = await started(supervisor, fake('child2', { restart: 'temporary' }))
    expect(supervisor.whichChildren()).toMatchObject([{ id: 'child2', ref: second, type: 'worker' }])
    expect(countsOf(supervisor)).toEqual([1, 1, 0, 1])
  },
)

for (const restart of ['temporary', 'permanent'] as const) {
  conformanceCase(
    {
      ...same,
      name: `sup_start_ignore_${restart}_child_start_child_simple`,
      holds: `ignore forgets a dynamic child, and the supervisor later stops without an error`,
    },
    async () => {
      const { id: _, ...child } = fake('child1', { starts: ignoreFirst(), restart, shutdown: 1000 })
      const { supervisor } = await startedRig({ ...twoAnHour, strategy: 'simple_one_for_one', child })
      expect(await supervisor.startChild()).toBeUndefined()
      const second = await started(supervisor)
      expect(supervisor.whichChildren()).toMatchObject([{ ref: second, type: 'worker' }])
      expect(countsOf(supervisor)).toEqual([1, 1, 0, 1])
      await supervisor.stop()
      await expectExit(supervisor)
      expect(exitReasonOf(second)).toBe('shutdown')
    },
  )
}

conformanceCase(
  { ...same, name: 'sup_start_child_returns_error', holds: 'a child that cannot start is an error and is not added' },
  async () => {
    const { supervisor } = await startedRig(twoAnHour)
    for (const [id, reason] of [
      ['child1', { error: 'reason' }],
      ['child2', 'error_reason'],
    ] as const) {
      const asked = supervisor.startChild(fake(id, { starts: () => ({ exit: reason }) }))
      await expectCode(asked, 'SUPERVISOR_START_FAILED', { child: id, reason })
    }
    expect(supervisor.whichChildren()).toEqual([])
  },
)

conformanceCase(
  {
    ...same,
    name: 'sup_start_restart_child_returns_error',
    holds: 'a restartChild that fails keeps the spec, without an actor',
  },
  async () => {
    const functionClause = new Error('function_clause')
    let starts = 0
    const child = fake('child1', { starts: () => (starts++ === 0 ? 'ok' : { throws: functionClause }) })
    const { supervisor } = await startedRig({ ...twoAnHour, children: [child] })
    await supervisor.terminateChild('child1')
    const restarted = supervisor.restartChild('child1')
    await expect(restarted).rejects.toMatchObject({ code: 'SUPERVISOR_START_FAILED', cause: functionClause })
    expect(supervisor.whichChildren()).toMatchObject([{ id: 'child1', ref: undefined, type: 'worker' }])
  },
)

conformanceCase(
  {
    ...same,
    name: 'sup_start_child_returns_error_simple',
    holds: 'a dynamic child that cannot start is an error and is not added',
  },
  async () => {
    const { supervisor } = await startedRig({
      ...twoAnHour,
      strategy: 'simple_one_for_one',
      child: { logic: fakeChild, input: (reason: unknown) => ({ starts: () => ({ exit: reason }) }) },
    })
    for (const reason of ['reason', 'error_reason']) {
      await expectCode(supervisor.startChild(reason), 'SUPERVISOR_START_FAILED', { reason })
    }
    expect(supervisor.whichChildren()).toEqual([])
  },
)

conformanceCase(
  {
    ...same,
    name: 'faulty_application_shutdown',
    holds: 'a failed first start tells its cause, with the stack, and ends the rest',
  },
  async () => {
    const undef = new Error('an undefined function')
    const { supervisor } = rigOf({
      ...twoAnHour,
      children: [fake('before'), fake('app_faulty', { starts: () => ({ throws: undef }) }), fake('after')],
    })
    const failed = await supervisor.start().catch((error: unknown) => error)
    expect(failed).toMatchObject({
      code: 'SUPERVISOR_START_FAILED',
      cause: undef,
      context: { child: 'app_faulty', reason: undef },
    })
    expect((failed as { cause: Error }).cause.stack).toContain('start.test.ts')
    await expectExit(supervisor, { shutdown: { failed_to_start_child: { id: 'app_faulty', reason: undef } } })
  },
)

conformanceCase(
  {
    ...same,
    name: 'already_started_outside_supervisor',
    holds: 'a name that somebody outside has is already_started, and nothing is kept',
  },
  async () => {
    const children = [fake('owner', { systemId: 'taken' }), { id: 'inner', logic: supervisorMachine, input: {} }]
    const { supervisor } = await startedRig({ ...twoAnHour, children })
    const inner = supervisorOf(refOf(supervisor, 'inner'))
    const owner = refOf(supervisor, 'owner')
    await expectCode(inner.startChild(fake('child', { systemId: 'taken' })), 'SUPERVISOR_ALREADY_STARTED')
    expect(countsOf(inner)).toEqual([0, 0, 0, 0])
    expect(supervisor.actor.system.get('taken')).toBe(owner)
    expect(exitReasonOf(owner)).toBeUndefined()

    await supervisor.terminateChild('owner')
    const child = await started(inner, fake('child', { systemId: 'taken' }))
    expect(countsOf(inner)).toEqual([1, 1, 0, 1])
    expect(supervisor.actor.system.get('taken')).toBe(child)
  },
)

conformanceCase(
  {
    suite,
    name: 'external_start_no_progress_log',
    verdict: 'adapted',
    reason: 'The fact child.started takes the place of the progress report in the log',
    holds: 'a child that runs outside already is not told of as started',
  },
  async () => {
    const told: string[] = []
    const { supervisor } = await startedRig({ ...twoAnHour, children: [fake('owner', { systemId: 'taken' })] })
    supervisor.actor.on('child.started', ({ id }) => void told.push(id))
    await expectCode(supervisor.startChild(fake('child', { systemId: 'taken' })), 'SUPERVISOR_ALREADY_STARTED')
    expect(told).toEqual([])
    await started(supervisor, fake('another'))
    expect(told).toEqual(['another'])
  },
)
