import { describe, expect, it } from 'vitest'
import { type AnyActorRef, createActor, enqueueActions, fromCallback, fromTransition, setup } from 'xstate'
import {
  type ChildSpec,
  createSupervisor,
  exitReasonOf,
  supervisorMachine,
  supervisorOf,
} from '../../../src/machines/supervision/index.ts'
import { settle } from '../agent-rig.ts'
import { SupervisorRig, worker } from './rig.ts'

const dynamic = { strategy: 'simple_one_for_one' } as const

describe('a child that is to end', () => {
  it('is asked where it can be, and ends as it likes within its time', async () => {
    const rig = await new SupervisorRig({ children: [{ id: 'a', logic: worker() }] }).start()
    const ref = rig.ref('a')
    await rig.supervisor.terminateChild('a')
    expect(exitReasonOf(ref)).toBe('shutdown')
    expect([rig.states, rig.clock.pending]).toEqual([['a stopped'], 0])
  })

  it('and stays is killed when its time is over, not before', async () => {
    const ends: string[] = []
    const rig = await new SupervisorRig({
      children: [{ id: 'a', logic: worker('a', 'stays', ends), shutdown: 300 }],
    }).start()
    const ref = rig.ref('a')
    const end = rig.supervisor.terminateChild('a')
    rig.clock.advance(299)
    expect(ends).toEqual([])
    rig.clock.advance(1)
    await end
    expect([ends, exitReasonOf(ref)]).toEqual([['a'], 'killed'])
  })

  it('with a time of 0 is asked first, and killed in the next moment', async () => {
    const children: ChildSpec[] = [
      { id: 'a', logic: worker(), shutdown: 0 },
      { id: 'b', logic: worker('b', 'stays'), shutdown: 0 },
    ]
    const rig = await new SupervisorRig({ children }).start()
    const [a, b] = [rig.ref('a'), rig.ref('b')]
    const stop = rig.supervisor.stop()
    rig.clock.advance(0)
    await stop
    expect([exitReasonOf(a), exitReasonOf(b)]).toEqual(['shutdown', 'killed'])
  })

  it('is not asked where it is to be killed at once', async () => {
    const rig = await new SupervisorRig({ children: [{ id: 'a', logic: worker(), shutdown: 'brutal' }] }).start()
    const ref = rig.ref('a')
    await rig.supervisor.terminateChild('a')
    expect(exitReasonOf(ref)).toBe('killed')
  })

  it('and cannot be asked is stopped at once, as a process that does not trap exits', async () => {
    const ends: string[] = []
    const guarded = setup({}).createMachine({
      on: {
        'supervisor.shutdown': {
          guard: () => {
            throw new Error('guard')
          },
          actions: () => {},
        },
      },
    })
    const children: ChildSpec[] = [
      { id: 'callback', logic: fromCallback(() => () => void ends.push('callback')) },
      { id: 'transition', logic: fromTransition((state: number) => state, 0) },
      { id: 'machine', logic: worker('machine', 'cannot', ends) },
      { id: 'guarded', logic: guarded },
    ]
    const rig = await new SupervisorRig({ children }).start()
    const refs = rig.supervisor.whichChildren().map(({ ref }) => ref as AnyActorRef)
    await rig.supervisor.stop()
    expect(refs.map(exitReasonOf)).toEqual(['shutdown', 'shutdown', 'shutdown', 'shutdown'])
    expect(ends).toEqual(['machine', 'callback'])
  })

  it('in the middle of its own step is waited for', async () => {
    // It asks for its own end, and goes on with its step.
    const logic = setup({ types: { context: {} as { steps: string[] } } }).createMachine({
      context: { steps: [] },
      on: {
        leave: {
          actions: enqueueActions(({ enqueue, context }) => {
            enqueue(() => {
              rig.supervisor.actor.send({
                type: 'supervisor.terminateChild',
                id: 'a',
                reply: () => order.push('answered'),
              })
              order.push(`state ${rig.supervisor.getChild('a')?.state}`)
              context.steps.push('after')
            })
          }),
        },
      },
    })
    const order: string[] = []
    const rig = await new SupervisorRig({ children: [{ id: 'a', logic, restart: 'temporary' }] }).start()
    const ref = rig.ref('a')
    ref.send({ type: 'leave' })
    expect(order).toEqual(['state running', 'answered'])
    expect(ref.getSnapshot().context.steps).toEqual(['after'])
    expect([exitReasonOf(ref), rig.states]).toEqual(['shutdown', []])
  })
})

describe('a supervisor that stops', () => {
  it('ends its children one after the other, the last first', async () => {
    const ends: string[] = []
    const children = ['a', 'b', 'c'].map((id) => ({
      id,
      logic: worker(id, id === 'b' ? 'stays' : 'ends', ends),
      shutdown: 50,
    }))
    const rig = await new SupervisorRig({ children }).start()
    const stop = rig.supervisor.stop()
    expect([ends, rig.supervisor.actor.getSnapshot().value]).toEqual([['c'], 'stopping'])
    rig.clock.advance(50)
    await stop
    expect(ends).toEqual(['c', 'b', 'a'])
    expect(await rig.supervisor.exited).toBe('shutdown')
    expect(rig.told().at(-1)).toBe('supervisor.stopped')
  })

  it('ends dynamic children together, with one timer for all', async () => {
    const ends: string[] = []
    const child = { logic: worker('x', 'stays', ends), shutdown: 200 }
    const rig = await new SupervisorRig({ ...dynamic, child }).start()
    for (let count = 0; count < 20; count += 1) await rig.supervisor.startChild()
    const stop = rig.supervisor.stop()
    expect([ends.length, rig.clock.pending]).toEqual([0, 1])
    rig.clock.advance(200)
    await stop
    expect(ends).toHaveLength(20)
  })

  it('gives dynamic children with times of their own each their time', async () => {
    const ends: string[] = []
    const rig = await new SupervisorRig(dynamic).start()
    for (const shutdown of [300, 100, 'brutal', 200] as const) {
      await rig.supervisor.startChild({ logic: worker(String(shutdown), 'stays', ends), shutdown })
    }
    await rig.supervisor.startChild({ logic: worker('polite', 'ends', ends), shutdown: 'infinity' })
    const stop = rig.supervisor.stop()
    for (const expected of [2, 3, 4]) {
      expect(ends).toHaveLength(expected)
      rig.clock.advance(100)
    }
    await stop
    expect(ends.slice(2)).toEqual(['100', '200', '300'])
  })

  it('stops with the reason it is given, twice is once', async () => {
    const rig = await new SupervisorRig({}).start()
    await Promise.all([rig.supervisor.stop({ shutdown: 'upgrade' }), rig.supervisor.stop('again')])
    await rig.supervisor.stop()
    expect(await rig.supervisor.exited).toEqual({ shutdown: 'upgrade' })
  })

  it('refuses what waits, and whatever is asked after', async () => {
    const rig = await new SupervisorRig({ children: [{ id: 'a', logic: worker('a', 'stays'), shutdown: 10 }] }).start()
    const stop = rig.supervisor.stop()
    const waiting = rig.supervisor.terminateChild('a')
    rig.clock.advance(10)
    await stop
    await expect(waiting).rejects.toMatchObject({ code: 'SUPERVISOR_CLOSED' })
    await expect(rig.supervisor.deleteChild('a')).rejects.toMatchObject({ code: 'SUPERVISOR_CLOSED' })
  })

  it('is not disturbed by children that end by themselves meanwhile, whatever their reason', async () => {
    const ids = ['normal', 'shutdown', 'other', 'crash', 'slow']
    const children = ids.map((id) => ({ id, logic: worker(id, 'stays'), shutdown: 100 }))
    const rig = await new SupervisorRig({ children, intensity: 0 }).start()
    const refs = Object.fromEntries(ids.map((id) => [id, rig.ref(id)]))
    const stop = rig.supervisor.stop()
    refs.normal?.send({ type: 'end' })
    refs.shutdown?.send({ type: 'end', reason: 'shutdown' })
    refs.other?.send({ type: 'end', reason: 'other' })
    refs.crash?.send({ type: 'crash', error: new Error('late') })
    rig.clock.advance(100)
    await stop
    expect(await rig.supervisor.exited).toBe('shutdown')
    expect(rig.clock.pending).toBe(0)
  })

  it('before it was started ends at once', async () => {
    const supervisor = createSupervisor({ children: [{ id: 'a', logic: worker() }] })
    await expect(supervisor.startChild({ id: 'b', logic: worker() })).rejects.toMatchObject({
      code: 'SUPERVISOR_CLOSED',
    })
    await supervisor.stop()
    await expect(supervisor.start()).rejects.toMatchObject({ code: 'SUPERVISOR_CLOSED' })
  })
})

describe('nobody is left behind', () => {
  const tree = (ends: string[]): ChildSpec => ({
    id: 'nested',
    logic: supervisorMachine,
    input: {
      children: [
        { id: 'x', logic: worker('x', 'stays', ends) },
        { id: 'y', logic: worker('y', 'ends', ends) },
      ],
    },
    shutdown: 100,
  })

  it('when the actor of a supervisor is stopped from outside', async () => {
    const ends: string[] = []
    const supervisor = createSupervisor({ children: [{ id: 'a', logic: worker('a', 'stays', ends) }, tree(ends)] })
    await supervisor.start()
    const waiting = supervisor.terminateChild('a')
    supervisor.actor.stop()
    expect(ends).toEqual(['y', 'x', 'a'])
    await expect(waiting).rejects.toMatchObject({ code: 'SUPERVISOR_CLOSED' })
    expect(await supervisor.exited).toBe('shutdown')
  })

  it('when a nested supervisor is killed because it is late', async () => {
    const ends: string[] = []
    const rig = await new SupervisorRig({ children: [tree(ends)] }).start()
    const nested = supervisorOf(rig.ref('nested'))
    const stop = rig.supervisor.stop()
    expect(ends).toEqual(['y'])
    rig.clock.advance(100)
    await stop
    expect(ends).toEqual(['y', 'x'])
    expect(await nested.exited).toBe('killed')
  })

  it('when a machine that invokes a supervisor leaves the state', async () => {
    const ends: string[] = []
    const owner = setup({ actors: { supervisor: supervisorMachine } }).createMachine({
      initial: 'on',
      states: { on: { invoke: { src: 'supervisor', input: { children: [tree(ends)] } }, on: { off: 'off' } }, off: {} },
    })
    const actor = createActor(owner).start()
    await settle()
    actor.send({ type: 'off' })
    expect(ends).toEqual(['y', 'x'])
  })

  it('when the supervisor itself breaks: it ends with that error, which its own supervisor hears', async () => {
    const ends: string[] = []
    const mistake = new Error('no clock')
    let isBroken = false
    const now = () => {
      if (isBroken) throw mistake
      return 0
    }
    const input = { now, children: ['x', 'y'].map((id) => ({ id, logic: worker(id, 'stays', ends) })) }
    const rig = await new SupervisorRig({
      children: [{ id: 'nested', logic: supervisorMachine, input, restart: 'transient' }],
    }).start()
    const nested = supervisorOf(rig.ref('nested'))
    const stuck = nested.getChild('x')?.ref
    isBroken = true
    stuck?.send({ type: 'crash', error: new Error('x') })
    // The other child of the first, and the first child of the next one, which breaks too.
    expect(ends).toEqual(['y', 'x'])
    expect(await nested.exited).toBe(mistake)
    expect(rig.supervisor.getChild('nested')).toMatchObject({ state: 'restarting', exitReason: mistake })
  })
})
