/** supervisor_SUITE on real Python processes: how they die, and what their supervisor makes of it. */
import { expect, onTestFinished } from 'vitest'
import type { AnyActorRef } from 'xstate'
import {
  type ChildSpec,
  createSupervisor,
  exitReasonOf,
  type Supervisor,
  type SupervisorOptions,
} from '../../src/machines/supervision/index.ts'
import { type ConformanceRun, conformanceRun } from './cases.ts'
import { deathOf, deaths, expectNoProcessLeft, pidOf, python } from './python-child.ts'
import { countsOf, expectExit, isRunning, refOf, started } from './supervisor-rig.ts'

const manyAnHour = { intensity: 100, periodMs: 3_600_000 } as const
const twoAnHour = { intensity: 2, periodMs: 3_600_000 } as const

/** A case again, on processes of which none is left. */
function processRun(info: Pick<ConformanceRun, 'name' | 'holds'>, body: () => Promise<void>): void {
  conformanceRun({ suite: 'supervisor_SUITE', on: 'Python processes', ...info }, async () => {
    expectNoProcessLeft()
    await body()
  })
}

/** On the clock of the machine. Nothing is left of it when the test ends. */
async function supervising(options: SupervisorOptions): Promise<Supervisor> {
  const supervisor = createSupervisor(options)
  onTestFinished(() => (isRunning(supervisor) ? supervisor.stop() : undefined))
  return supervisor.start()
}

/** The next fact of that type about that child. */
function fact(supervisor: Supervisor, type: 'child.started' | 'child.exited', id: string): Promise<void> {
  return new Promise((resolve) => {
    const { unsubscribe } = supervisor.actor.on(type, (told) => {
      if (told.id !== id) return
      unsubscribe()
      resolve()
    })
  })
}

/** Does it, and waits for the child's next incarnation. */
async function replacing(supervisor: Supervisor, id: string, act: (ref: AnyActorRef) => void): Promise<AnyActorRef> {
  const before = refOf(supervisor, id)
  const again = fact(supervisor, 'child.started', id)
  act(before)
  await again
  const now = refOf(supervisor, id)
  expect(now).not.toBe(before)
  expect(pidOf(now)).not.toBe(pidOf(before))
  await deathOf(before)
  return now
}

const sigkill = (ref: AnyActorRef) => void process.kill(pidOf(ref), 'SIGKILL')
const leaveWith = (code: number) => (ref: AnyActorRef) => ref.send({ type: 'process.do', word: String(code) })

const restarts = ['permanent', 'transient', 'temporary'] as const

/** The child ends so, and afterwards is replaced, kept as a spec, or forgotten. */
async function expectAfterwards(
  restart: (typeof restarts)[number],
  act: (ref: AnyActorRef) => void,
  expected: 'replaced' | 'kept' | 'forgotten',
): Promise<unknown> {
  const supervisor = await supervising({ ...manyAnHour, children: [python('child1', { restart })] })
  const ref = refOf(supervisor, 'child1')
  if (expected === 'replaced') await replacing(supervisor, 'child1', act)
  else {
    const ended = fact(supervisor, 'child.exited', 'child1')
    act(ref)
    await ended
    await deathOf(ref)
  }
  const counts = { replaced: [1, 1, 0, 1], kept: [1, 0, 0, 1], forgotten: [0, 0, 0, 0] }
  expect(countsOf(supervisor)).toEqual(counts[expected])
  expect(isRunning(supervisor)).toBe(true)
  return exitReasonOf(ref)
}

for (const restart of restarts) {
  const afterOrder = ({ permanent: 'replaced', transient: 'kept', temporary: 'forgotten' } as const)[restart]
  const afterDeath = restart === 'temporary' ? 'forgotten' : 'replaced'

  processRun({ name: `${restart}_normal`, holds: `a process that exits with 0 is ${afterOrder}` }, async () => {
    expect(await expectAfterwards(restart, leaveWith(0), afterOrder)).toBe('normal')
  })

  processRun(
    { name: `${restart}_shutdown`, holds: `a process that says that it shut down is ${afterOrder}` },
    async () => {
      expect(await expectAfterwards(restart, leaveWith(64), afterOrder)).toBe('shutdown')
      expect(await expectAfterwards(restart, leaveWith(65), afterOrder)).toEqual({ shutdown: 'info' })
    },
  )

  for (const [kind, { kill, is }] of Object.entries(deaths)) {
    processRun({ name: `${restart}_abnormal`, holds: `a process that dies of ${kind} is ${afterDeath}` }, async () => {
      const reason = await expectAfterwards(restart, kill, afterDeath)
      expect(reason).toMatchObject({ death: is })
    })
  }
}

/** Stops the supervisor, and says how each process went, and what was recorded. */
async function stopping(supervisor: Supervisor, refs: readonly AnyActorRef[]) {
  const deathsOf = Promise.all(refs.map(deathOf))
  const begun = performance.now()
  await supervisor.stop()
  const tookMs = performance.now() - begun
  await expectExit(supervisor)
  return { deaths: await deathsOf, reasons: refs.map(exitReasonOf), tookMs }
}

async function startAll(supervisor: Supervisor, specs: readonly ChildSpec[]): Promise<AnyActorRef[]> {
  const refs: AnyActorRef[] = []
  for (const spec of specs) refs.push(await started(supervisor, spec))
  return refs
}

processRun(
  {
    name: 'sup_stop_timeout',
    holds: 'one that ignores SIGTERM is killed when its time is up, the other leaves',
  },
  async () => {
    const supervisor = await supervising(twoAnHour)
    const refs = await startAll(supervisor, [
      python('child1', { shutdown: 10_000 }),
      python('child2', { shutdown: 200, onTerminate: 'ignores' }),
    ])
    const stopped = await stopping(supervisor, refs)
    expect(stopped).toMatchObject({ deaths: [0, 'SIGKILL'], reasons: ['shutdown', 'killed'] })
    expect(stopped.tookMs).toBeGreaterThanOrEqual(195)
  },
)

processRun({ name: 'sup_stop_infinity', holds: 'one that takes its time is waited for' }, async () => {
  const supervisor = await supervising(twoAnHour)
  const refs = await startAll(supervisor, [
    python('child1', { shutdown: 'infinity', type: 'supervisor' }),
    python('child2', { shutdown: 'infinity', onTerminate: 0.3 }),
  ])
  const stopped = await stopping(supervisor, refs)
  expect(stopped).toMatchObject({ deaths: [0, 0], reasons: ['shutdown', 'shutdown'] })
  expect(stopped.tookMs).toBeGreaterThanOrEqual(295)
})

processRun({ name: 'sup_stop_brutal_kill', holds: 'a brutal one is killed without SIGTERM' }, async () => {
  const supervisor = await supervising(twoAnHour)
  const refs = await startAll(supervisor, [python('child1'), python('child2', { shutdown: 'brutal' })])
  expect(await stopping(supervisor, refs)).toMatchObject({ deaths: [0, 'SIGKILL'], reasons: ['shutdown', 'killed'] })
})

for (const { name, shutdown, onTerminate, holds } of [
  {
    name: 'sup_stop_timeout_dynamic',
    shutdown: 1000,
    onTerminate: 'ignores',
    holds: 'all that ignore SIGTERM are killed together',
  },
  { name: 'sup_stop_brutal_kill_dynamic', shutdown: 'brutal', onTerminate: 0, holds: 'all are killed without SIGTERM' },
] as const) {
  processRun({ name, holds }, async () => {
    const { id: _, ...child } = python('template', { restart: 'temporary', shutdown, onTerminate })
    const supervisor = await supervising({ ...twoAnHour, strategy: 'simple_one_for_one', child })
    const refs: AnyActorRef[] = []
    for (let index = 0; index < 10; index += 1) refs.push(await started(supervisor))
    const stopped = await stopping(supervisor, refs)
    expect(stopped).toMatchObject({ deaths: refs.map(() => 'SIGKILL'), reasons: refs.map(() => 'killed') })
    // One after the other would take ten times their second.
    expect(stopped.tookMs).toBeLessThan(9_900)
  })
}

processRun(
  { name: 'sup_stop_race', holds: 'processes that die while their supervisor stops do not keep it' },
  async () => {
    const supervisor = await supervising(twoAnHour)
    const racing = Object.keys(deaths).map((kind) => python(kind, { onTerminate: 'ignores', shutdown: 10_000 }))
    const refs = await startAll(supervisor, racing)
    const last = await started(supervisor, python('last', { onTerminate: 'ignores', shutdown: 'infinity' }))
    const stopped = stopping(supervisor, [...refs, last])
    const gone = Promise.all(refs.map(deathOf))
    for (const [index, { kill }] of Object.values(deaths).entries()) kill(refs[index] as AnyActorRef)
    await gone
    // The supervisor still waits for the one that is ended first.
    expect(isRunning(supervisor)).toBe(true)
    sigkill(last)
    const { reasons } = await stopped
    expect(reasons.slice(0, -1)).toMatchObject(Object.values(deaths).map(({ is }) => ({ death: is })))
    expect(reasons.at(-1)).toBe('shutdown')
  },
)

const three = () => [python('child1'), python('child2'), python('child3')]

for (const { strategy, replaced } of [
  { strategy: 'one_for_one', replaced: ['child2'] },
  { strategy: 'one_for_all', replaced: ['child1', 'child2', 'child3'] },
  { strategy: 'rest_for_one', replaced: ['child2', 'child3'] },
] as const) {
  processRun(
    {
      name: strategy,
      holds: `SIGKILL of child2 replaces the processes of ${replaced.join(', ')}; the third in 3600 s ends all`,
    },
    async () => {
      const supervisor = await supervising({ ...twoAnHour, strategy, children: three() })
      const pids = () => Object.fromEntries(supervisor.whichChildren().map(({ id, ref }) => [id, ref && pidOf(ref)]))
      const before = pids()
      const last = fact(supervisor, 'child.started', replaced.at(-1) as string)
      await replacing(supervisor, 'child2', sigkill)
      await last
      const after = pids()
      expect(Object.keys(after).filter((id) => after[id] !== before[id])).toEqual(replaced)
      expect(countsOf(supervisor)).toEqual([3, 3, 0, 3])

      const again = fact(supervisor, 'child.started', replaced.at(-1) as string)
      await replacing(supervisor, 'child2', sigkill)
      await again
      const refs = supervisor.whichChildren().flatMap(({ ref }) => ref ?? [])
      const gone = Promise.all(refs.map(deathOf))
      sigkill(refOf(supervisor, 'child2'))
      await supervisor.exited
      await expectExit(supervisor)
      expect(await gone).toEqual([0, 'SIGKILL', 0])
    },
  )

  processRun(
    {
      name: `${strategy}_escalation`,
      holds: 'a process that cannot start again takes the supervisor and the other processes down',
    },
    async () => {
      let starts = 0
      const canStart = () => starts++ === 0
      const supervisor = await supervising({ ...manyAnHour, intensity: 4, strategy })
      const refs = await startAll(supervisor, [python('child1'), python('child2', { canStart })])
      const gone = Promise.all(refs.map(deathOf))
      sigkill(refs[1] as AnyActorRef)
      await supervisor.exited
      await expectExit(supervisor)
      expect(await gone).toEqual([0, 'SIGKILL'])
      expect(starts).toBe(1 + 4)
    },
  )
}

processRun(
  { name: 'temporary_bystander', holds: 'a temporary process that goes with the others does not come back' },
  async () => {
    for (const strategy of ['one_for_all', 'rest_for_one'] as const) {
      const supervisor = await supervising({ ...twoAnHour, strategy })
      const [, temporary] = await startAll(supervisor, [python('child1'), python('child2', { restart: 'temporary' })])
      await replacing(supervisor, 'child1', sigkill)
      expect(await deathOf(temporary as AnyActorRef)).toBe(0)
      expect(supervisor.whichChildren().map(({ id }) => id)).toEqual(['child1'])
      expect(isRunning(supervisor)).toBe(true)
    }
  },
)
