import { describe, expect, it } from 'vitest'
import { fromPromise } from 'xstate'
import { type SupervisorOptions, supervisorMachine, supervisorOf } from '../../../src/machines/supervision/index.ts'
import { settle } from '../agent-rig.ts'
import { broken, fragile, SupervisorRig, three, worker } from './rig.ts'

describe('after a crash', () => {
  it.each([
    ['one_for_one', ['b']],
    ['rest_for_one', ['b', 'c']],
    ['one_for_all', ['a', 'b', 'c']],
  ] as const)('%s replaces %j, and nobody else', async (strategy, replaced) => {
    const rig = await new SupervisorRig({ strategy, children: three() }).start()
    const before = rig.supervisor.whichChildren().map(({ ref }) => ref)
    rig.crash('b')
    const after = rig.supervisor.whichChildren()
    expect(after.filter(({ ref }, index) => ref !== before[index]).map(({ id }) => id)).toEqual(replaced)
    expect(after.map(({ state }) => state)).toEqual(['running', 'running', 'running'])
    expect(after.map(({ restarts }) => restarts)).toEqual(
      ['a', 'b', 'c'].map((id) => ((replaced as readonly string[]).includes(id) ? 1 : 0)),
    )
  })

  it('the child is there again before the next event of anybody else', async () => {
    const rig = await new SupervisorRig({ children: three() }).start()
    const former = rig.ref('a')
    rig.crash('a', 'the reason')
    expect(rig.ref('a')).not.toBe(former)
    expect(rig.supervisor.getChild('a')).toMatchObject({ exitReason: 'the reason', restarts: 1 })
    expect(rig.told()).toEqual(['child.exited a', 'child.restarting a', 'child.started a'])
  })

  it('what is heard late of a former actor changes nothing', async () => {
    const rig = await new SupervisorRig({ children: three() }).start()
    rig.crash('a')
    const now = rig.ref('a')
    const { actor } = rig.supervisor
    const news = { type: 'xstate.error.actor.a', actorId: 'a', error: new Error('late') }
    actor.send(news as never)
    actor.send({ type: 'supervisor.look', child: 'nobody' })
    expect(rig.ref('a')).toBe(now)
  })

  it('of a nested supervisor beyond its intensity the outer one starts it anew, with its first children only', async () => {
    const input: SupervisorOptions = { intensity: 0, children: [{ id: 'x', logic: worker() }] }
    const rig = await new SupervisorRig({ children: [{ id: 'n', logic: supervisorMachine, input }] }).start()
    const former = rig.ref('n')
    await supervisorOf(former).startChild({ id: 'more', logic: worker() })
    supervisorOf(former)
      .getChild('x')
      ?.ref?.send({ type: 'crash', error: new Error('x') })
    expect(rig.ref('n')).not.toBe(former)
    expect(
      supervisorOf(rig.ref('n'))
        .whichChildren()
        .map(({ id, state }) => `${id} ${state}`),
    ).toEqual(['x running'])
    expect(rig.supervisor.getChild('n')?.exitReason).toBe('shutdown')
  })

  it('beyond the intensity everything is ended and the supervisor with it', async () => {
    const ends: string[] = []
    const children = ['a', 'b'].map((id) => ({ id, logic: worker(id, 'ends', ends) }))
    const rig = await new SupervisorRig({ intensity: 2, periodMs: 3_600_000, children }).start()
    for (let crash = 0; crash < 3; crash += 1) rig.crash('a')
    expect(await rig.supervisor.exited).toBe('shutdown')
    expect(ends).toEqual(['b'])
    expect(rig.told().slice(-4)).toEqual([
      'supervisor.exceeded a',
      'supervisor.stopping',
      'child.terminated b',
      'supervisor.stopped',
    ])
  })
})

describe('a restart that fails', () => {
  it('is tried again through an event to itself, and each try counts', async () => {
    const { logic, spoiled } = fragile()
    const rig = await new SupervisorRig({ intensity: 3, children: [{ id: 'a', logic }] }).start()
    spoiled.starts = 2
    rig.crash('a')
    expect(rig.states).toEqual(['a restarting'])
    rig.clock.advance(0)
    expect(rig.states).toEqual(['a running'])
    spoiled.starts = 9
    rig.crash('a')
    expect(rig.supervisor.actor.getSnapshot().status).toBe('done')
  })

  it('is a state: asks are served between two tries, and terminateChild ends it', async () => {
    const { logic, spoiled } = fragile()
    const children = [
      { id: 'a', logic },
      { id: 'b', logic: worker() },
    ]
    const rig = await new SupervisorRig({ intensity: 1000, children }).start()
    spoiled.starts = Number.POSITIVE_INFINITY
    rig.crash('a')
    const { supervisor } = rig
    await expect(supervisor.startChild({ id: 'a', logic })).rejects.toMatchObject({
      code: 'SUPERVISOR_ALREADY_PRESENT',
    })
    await expect(supervisor.restartChild('a')).rejects.toMatchObject({ code: 'SUPERVISOR_CHILD_RESTARTING' })
    await expect(supervisor.deleteChild('a')).rejects.toMatchObject({ code: 'SUPERVISOR_CHILD_RESTARTING' })
    expect(supervisor.countChildren()).toEqual({ specs: 2, active: 1, supervisors: 0, workers: 2 })
    await supervisor.terminateChild('a')
    expect([rig.states, rig.clock.pending]).toEqual([['a stopped', 'b running'], 0])
    await expect(supervisor.restartChild('a')).rejects.toMatchObject({ code: 'SUPERVISOR_START_FAILED' })
    expect(rig.states).toEqual(['a stopped', 'b running'])
  })

  it('without end leaves the thread free: the supervisor can be stopped', async () => {
    const { logic, spoiled } = fragile()
    const rig = await new SupervisorRig({ intensity: 1_000_000, children: [{ id: 'a', logic }] }).start()
    spoiled.starts = Number.POSITIVE_INFINITY
    rig.crash('a')
    for (let turn = 0; turn < 50; turn += 1) rig.clock.increment(0)
    await rig.supervisor.stop()
    expect(rig.clock.pending).toBe(0)
  })
})

it('a promise that rejects is restarted; one that is done is done', async () => {
  let runs = 0
  const logic = fromPromise(() => (++runs < 3 ? Promise.reject(new Error(`run ${runs}`)) : Promise.resolve('done')))
  const rig = await new SupervisorRig({ intensity: 5, children: [{ id: 'job', logic, restart: 'transient' }] }).start()
  while (rig.states[0] === 'job running') await settle()
  expect([runs, rig.states]).toEqual([3, ['job stopped']])
  expect(rig.supervisor.getChild('job')?.exitReason).toBe('normal')
})

it('a broken child does not keep its supervisor from being asked', async () => {
  const rig = await new SupervisorRig({}).start()
  await expect(rig.supervisor.startChild({ id: 'a', logic: broken() })).rejects.toMatchObject({
    code: 'SUPERVISOR_START_FAILED',
  })
  await rig.supervisor.startChild({ id: 'a', logic: worker() })
  expect(rig.states).toEqual(['a running'])
})
