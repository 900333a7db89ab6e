import { describe, expect, it } from 'vitest'
import { type AnyActorLogic, fromPromise, setup } from 'xstate'
import {
  type ChildSpec,
  type SupervisorOptions,
  supervisorMachine,
  supervisorOf,
} from '../../../src/machines/supervision/index.ts'
import { settle } from '../agent-rig.ts'
import { broken, SupervisorRig, worker } from './rig.ts'

const three = (changes: Partial<ChildSpec> = {}): ChildSpec[] =>
  ['a', 'b', 'c'].map((id) => ({ id, logic: worker(id), ...changes }))

/** A child whose next starts can be spoiled. */
function fragile() {
  const spoiled = { starts: 0 }
  const inner = worker()
  const logic = {
    ...inner,
    getInitialSnapshot: (...given: Parameters<AnyActorLogic['getInitialSnapshot']>) => {
      if (spoiled.starts > 0) {
        spoiled.starts -= 1
        throw new Error('spoiled')
      }
      return inner.getInitialSnapshot(...given)
    },
    transition: inner.transition.bind(inner),
    start: inner.start?.bind(inner),
  } as AnyActorLogic
  return { logic, spoiled }
}

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

describe('a backoff', () => {
  const backoff = { firstMs: 100, baseMs: 400, maxMs: 1000, stableMs: 5000 }

  it('waits longer each time up to its limit, and begins anew after a stable time', async () => {
    const rig = await new SupervisorRig({ intensity: 100, backoff, children: three() }).start()
    const delays: number[] = []
    rig.supervisor.actor.on('child.restarting', ({ delayMs }) => delays.push(delayMs))
    for (let crash = 0; crash < 5; crash += 1) {
      rig.crash('a')
      expect(rig.states[0]).toBe('a restarting')
      rig.clock.advance(1000)
    }
    rig.clock.advance(5000)
    rig.crash('a')
    expect(delays).toEqual([100, 400, 800, 1000, 1000, 100])
  })

  it('has equal jitter: without luck half of the delay is left', async () => {
    const rig = await new SupervisorRig({ backoff, intensity: 9, random: () => 0, children: three() }).start()
    rig.crash('a')
    rig.clock.advance(100)
    rig.crash('a')
    rig.clock.advance(199)
    expect(rig.states[0]).toBe('a restarting')
    rig.clock.advance(1)
    expect(rig.states[0]).toBe('a running')
  })

  it('ends the siblings that the strategy names at once, and starts them with the child', async () => {
    const rig = await new SupervisorRig({ strategy: 'rest_for_one', backoff, children: three() }).start()
    rig.crash('b')
    expect(rig.states).toEqual(['a running', 'b restarting', 'c stopped'])
    rig.clock.advance(100)
    expect(rig.states).toEqual(['a running', 'b running', 'c running'])
  })

  it('is no time of deafness: stop, terminate and queries are served', async () => {
    const rig = await new SupervisorRig({ backoff, intensity: 9, children: three() }).start()
    rig.crash('a')
    rig.crash('b')
    await rig.supervisor.terminateChild('a')
    expect(rig.states).toEqual(['a stopped', 'b restarting', 'c running'])
    await rig.supervisor.stop()
    expect(rig.clock.pending).toBe(0)
  })
})

describe('a cool-down', () => {
  const options = (): SupervisorOptions => ({ intensity: 1, periodMs: 1000, coolDownMs: 10_000, children: three() })
  const exceed = (rig: SupervisorRig) => {
    rig.crash('a')
    rig.crash('a')
  }

  it('ends all children instead of the supervisor, and starts them when it is over', async () => {
    const rig = await new SupervisorRig(options()).start()
    exceed(rig)
    expect(rig.supervisor.actor.getSnapshot().value).toBe('cooling')
    expect(rig.states).toEqual(['a restarting', 'b restarting', 'c restarting'])
    rig.clock.advance(10_000)
    expect(rig.supervisor.actor.getSnapshot().value).toBe('running')
    expect(rig.states).toEqual(['a running', 'b running', 'c running'])
  })

  it('leaves those alone that did not run', async () => {
    const rig = await new SupervisorRig(options()).start()
    await rig.supervisor.terminateChild('c')
    exceed(rig)
    await rig.supervisor.terminateChild('b')
    rig.clock.advance(10_000)
    expect(rig.states).toEqual(['a running', 'b stopped', 'c stopped'])
  })

  it('begins again with one crash soon after, and not with one that comes later', async () => {
    const rig = await new SupervisorRig(options()).start()
    exceed(rig)
    rig.clock.advance(10_500)
    rig.crash('b')
    expect(rig.supervisor.actor.getSnapshot().value).toBe('cooling')
    rig.clock.advance(11_001)
    rig.crash('b')
    expect(rig.supervisor.actor.getSnapshot().value).toBe('running')
  })

  it('begins again where a child does not start', async () => {
    const { logic, spoiled } = fragile()
    const rig = await new SupervisorRig({ ...options(), children: [...three(), { id: 'd', logic }] }).start()
    exceed(rig)
    spoiled.starts = 1
    rig.clock.advance(10_000)
    expect(rig.supervisor.actor.getSnapshot().value).toBe('cooling')
    expect(rig.states[0]).toBe('a restarting')
    rig.clock.advance(10_000)
    expect(rig.states).toEqual(['a running', 'b running', 'c running', 'd running'])
  })

  it('refuses starts with the time to try again, and is ended by stop', async () => {
    const rig = await new SupervisorRig(options()).start()
    exceed(rig)
    rig.clock.advance(4000)
    const start = rig.supervisor.startChild({ id: 'd', logic: worker() })
    await expect(start).rejects.toMatchObject({ code: 'SUPERVISOR_COOLING', context: { retryAfterMs: 6000 } })
    await rig.supervisor.stop()
    expect([await rig.supervisor.exited, rig.clock.pending]).toEqual(['shutdown', 0])
  })

  it('keeps dynamic children, but not temporary ones', async () => {
    const rig = await new SupervisorRig({ ...options(), children: [], strategy: 'simple_one_for_one' }).start()
    for (const id of ['a', 'b']) await rig.supervisor.startChild({ id, logic: worker() })
    await rig.supervisor.startChild({ id: 't', logic: worker(), restart: 'temporary' })
    exceed(rig)
    expect(rig.states).toEqual(['a restarting', 'b restarting'])
    rig.clock.advance(10_000)
    expect(rig.states).toEqual(['a running', 'b running'])
  })
})

describe('a crash that no restart can mend', () => {
  const hopeless = new Error('no such module')
  const isRestartable = (reason: unknown) => reason !== hopeless

  it('leaves the child failed, its siblings untouched and the window as it was', async () => {
    const rig = await new SupervisorRig({
      strategy: 'one_for_all',
      intensity: 0,
      isRestartable,
      children: three(),
    }).start()
    const sibling = rig.ref('a')
    rig.crash('b', hopeless)
    expect(rig.states).toEqual(['a running', 'b failed', 'c running'])
    expect(rig.ref('a')).toBe(sibling)
    expect(rig.told()).toEqual(['child.exited b', 'child.failed b'])
    expect(rig.supervisor.getChild('b')).toMatchObject({ ref: undefined, exitReason: hopeless })
  })

  it('can be left by hand, and is not by the restart of a sibling', async () => {
    const rig = await new SupervisorRig({ strategy: 'one_for_all', isRestartable, children: three() }).start()
    rig.crash('b', hopeless)
    rig.crash('a')
    expect(rig.states).toEqual(['a running', 'b failed', 'c running'])
    await rig.supervisor.restartChild('b')
    expect(rig.states).toEqual(['a running', 'b running', 'c running'])
  })

  it('in a restart ends the tries of that child, and the others go on', async () => {
    let isSpoiled = false
    const spoil = setup({}).createMachine({
      entry: () => {
        if (isSpoiled) throw hopeless
      },
    })
    const children = [
      { id: 'a', logic: spoil },
      { id: 'b', logic: worker() },
    ]
    const rig = await new SupervisorRig({ strategy: 'one_for_all', isRestartable, children }).start()
    isSpoiled = true
    rig.crash('b')
    expect(rig.states).toEqual(['a failed', 'b running'])
  })

  it('is judged by the application; where its judgement throws the child is restarted', async () => {
    const judge = () => {
      throw new Error('typo')
    }
    const rig = await new SupervisorRig({ isRestartable: judge, children: three() }).start()
    rig.crash('a')
    expect(rig.states[0]).toBe('a running')
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
