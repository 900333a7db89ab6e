import { describe, expect, it, vi } from 'vitest'
import { createActor, fromCallback, setup } from 'xstate'
import {
  type Answer,
  type ChildSpec,
  createSupervisor,
  supervisorMachine,
  supervisorOf,
} from '../../../src/machines/supervision/index.ts'
import { SupervisorRig, worker } from './rig.ts'

const dynamic = { strategy: 'simple_one_for_one' } as const
const one = (changes: Partial<ChildSpec> = {}): ChildSpec => ({ id: 'a', logic: worker(), ...changes })

describe('the operations', () => {
  it('refuse what cannot be, each with its code', async () => {
    const { supervisor } = await new SupervisorRig({ children: [one(), one({ id: 'b' })] }).start()
    await supervisor.terminateChild('b')
    const refusals = [
      supervisor.startChild(one()),
      supervisor.startChild(one({ id: 'b' })),
      supervisor.startChild({ logic: worker() }),
      supervisor.restartChild('a'),
      supervisor.deleteChild('a'),
      supervisor.restartChild('x'),
      supervisor.deleteChild('x'),
      supervisor.terminateChild('x'),
    ]
    const codes = await Promise.all(refusals.map((refusal) => refusal.then(String, ({ code }) => code)))
    expect(codes.map((code) => code.replace('SUPERVISOR_', ''))).toEqual([
      ...['ALREADY_STARTED', 'ALREADY_PRESENT', 'SPEC_INVALID', 'CHILD_RUNNING', 'CHILD_RUNNING'],
      ...['CHILD_UNKNOWN', 'CHILD_UNKNOWN', 'CHILD_UNKNOWN'],
    ])
  })

  it('start, terminate, restart and delete a child', async () => {
    const rig = await new SupervisorRig({}).start()
    const { supervisor } = rig
    const first = await supervisor.startChild(one())
    expect(first).toBe(rig.ref('a'))
    await supervisor.terminateChild('a')
    await supervisor.terminateChild('a')
    expect(rig.states).toEqual(['a stopped'])
    expect(await supervisor.restartChild('a')).not.toBe(first)
    await supervisor.terminateChild('a')
    await supervisor.deleteChild('a')
    expect(rig.states).toEqual([])
  })

  it('are for dynamic children start and terminate: by id, or by their actor', async () => {
    const rig = await new SupervisorRig({ ...dynamic, child: { logic: worker() }, maxChildren: 2 }).start()
    const { supervisor } = rig
    const [first, second] = [await supervisor.startChild(), await supervisor.startChild()]
    if (first === undefined || second === undefined) throw new Error('not started')
    await expect(supervisor.startChild()).rejects.toMatchObject({ code: 'SUPERVISOR_MAX_CHILDREN' })
    await expect(supervisor.restartChild(first.id)).rejects.toMatchObject({ context: { reason: 'simple_one_for_one' } })
    await expect(supervisor.deleteChild(first.id)).rejects.toMatchObject({ context: { reason: 'simple_one_for_one' } })
    expect(supervisor.countChildren()).toEqual({ specs: 1, active: 2, supervisors: 0, workers: 2 })
    await supervisor.terminateChild(first)
    await supervisor.terminateChild(first)
    await supervisor.terminateChild(second.id)
    const stranger = createActor(worker()).start()
    await expect(supervisor.terminateChild(stranger)).rejects.toMatchObject({ code: 'SUPERVISOR_CHILD_UNKNOWN' })
    expect(supervisor.whichChildren()).toEqual([])
  })

  it('know a dynamic child that is being restarted by the actor that it had', async () => {
    const rig = await new SupervisorRig({ ...dynamic, backoff: { firstMs: 100 }, maxChildren: 1 }).start()
    const ref = await rig.supervisor.startChild(one())
    rig.crash('a')
    await expect(rig.supervisor.startChild(one({ id: 'b' }))).rejects.toMatchObject({ code: 'SUPERVISOR_MAX_CHILDREN' })
    await rig.supervisor.terminateChild(ref as NonNullable<typeof ref>)
    expect([rig.states, rig.clock.pending]).toEqual([[], 0])
  })

  it('give a dynamic child a name of its own where its own is taken', async () => {
    const rig = await new SupervisorRig(dynamic).start()
    for (let count = 0; count < 2; count += 1) await rig.supervisor.startChild(one())
    await rig.supervisor.startChild({ logic: worker() })
    expect(rig.states).toEqual(['a running', 'a#1 running', 'child#2 running'])
    expect(rig.supervisor.countChildren().specs).toBe(3)
  })
})

describe('the queries', () => {
  it('say what is known of a child, and its specification with the defaults', async () => {
    const rig = await new SupervisorRig({ children: [one({ restart: 'transient', input: 1 })] }).start()
    const { supervisor } = rig
    expect(supervisor.getChild('a')).toEqual({
      ...{ id: 'a', ref: rig.ref('a'), state: 'running', type: 'worker', restart: 'transient' },
      ...{ significant: false, restarts: 0, exitReason: undefined },
    })
    expect(supervisor.getChildSpec('a')).toMatchObject({
      id: 'a',
      restart: 'transient',
      shutdown: 5000,
      type: 'worker',
      input: 1,
    })
    expect([supervisor.getChild('x'), supervisor.getChildSpec('x')]).toEqual([undefined, undefined])
  })

  it('know nothing of the input of a temporary child', async () => {
    const { supervisor } = await new SupervisorRig({
      children: [one({ restart: 'temporary', input: { large: true } })],
    }).start()
    expect(supervisor.getChildSpec('a')).toMatchObject({ restart: 'temporary', input: undefined })
  })
})

describe('a change', () => {
  it('lets known children go on under their new specification, keeps the others, and adds without starting', async () => {
    const rig = await new SupervisorRig({ children: [one(), one({ id: 'b' })] }).start()
    const ref = rig.ref('a')
    await rig.supervisor.change({ intensity: 0, children: [one({ id: 'new' }), one({ restart: 'temporary' })] })
    expect(rig.states).toEqual(['new stopped', 'a running', 'b running'])
    expect(rig.ref('a')).toBe(ref)
    rig.crash('a')
    expect(rig.states).toEqual(['new stopped', 'b running'])
    rig.crash('b')
    expect(await rig.supervisor.exited).toBe('shutdown')
  })

  it('that is invalid changes nothing', async () => {
    const rig = await new SupervisorRig({ children: [one()] }).start()
    const changes = [{ intensity: -1 }, { children: [one({ restart: 'never' as never })] }, dynamic]
    for (const options of changes) {
      await expect(rig.supervisor.change({ ...options })).rejects.toMatchObject({ code: 'SUPERVISOR_SPEC_INVALID' })
    }
    rig.crash('a')
    expect(rig.states).toEqual(['a running'])
  })

  it('of a template reaches the children that live', async () => {
    const rig = await new SupervisorRig({ ...dynamic, child: { logic: worker() } }).start()
    const ref = await rig.supervisor.startChild()
    await expect(rig.supervisor.change(dynamic)).rejects.toMatchObject({ code: 'SUPERVISOR_SPEC_INVALID' })
    await rig.supervisor.change({ ...dynamic, child: { logic: worker(), restart: 'temporary' } })
    ref?.send({ type: 'crash', error: new Error('x') })
    expect(rig.states).toEqual([])
  })
})

describe('auto-shutdown', () => {
  const significant = (id: string): ChildSpec => one({ id, restart: 'transient', significant: true })

  it('any_significant ends the supervisor with the first that ends in order', async () => {
    const rig = await new SupervisorRig({
      autoShutdown: 'any_significant',
      children: [significant('a'), significant('b'), one({ id: 'c' })],
    }).start()
    rig.crash('a')
    expect(rig.states[0]).toBe('a running')
    rig.end('a', { shutdown: 'done' })
    expect(await rig.supervisor.exited).toBe('shutdown')
  })

  it('all_significant waits for the last, and does not count those that were terminated by hand', async () => {
    const rig = await new SupervisorRig({
      autoShutdown: 'all_significant',
      children: [significant('a'), significant('b'), one({ id: 'c' })],
    }).start()
    await rig.supervisor.terminateChild('a')
    expect(rig.supervisor.actor.getSnapshot().value).toBe('running')
    rig.end('b')
    expect(await rig.supervisor.exited).toBe('shutdown')
  })
})

describe('by events', () => {
  it('every operation is an event with a reply; without a reply it is done all the same', async () => {
    const answers: Answer<unknown>[] = []
    const reply = (answer: Answer<unknown>) => void answers.push(answer)
    const actor = createActor(supervisorMachine, { input: {} }).start()
    actor.send({ type: 'supervisor.startChild', spec: one(), reply })
    actor.send({ type: 'supervisor.startChild', spec: one({ id: 'b' }) })
    actor.send({ type: 'supervisor.terminateChild', id: 'b', reply })
    actor.send({ type: 'supervisor.deleteChild', id: 'x', reply })
    const supervisor = supervisorOf(actor)
    expect(answers).toEqual([
      { ok: true, value: supervisor.getChild('a')?.ref },
      { ok: true, value: undefined },
      { ok: false, error: expect.objectContaining({ code: 'SUPERVISOR_CHILD_UNKNOWN' }) },
    ])
    actor.send({ type: 'supervisor.begin' })
    actor.send({ type: 'supervisor.timer', timer: 'nobody' })
    expect(supervisor.whichChildren()).toHaveLength(2)
    actor.send({ type: 'supervisor.stop', reason: 'enough', reply })
    expect(answers).toHaveLength(4)
    expect(actor.getSnapshot()).toMatchObject({ status: 'done', output: { reason: 'enough' } })
  })

  it('a mistake in a reply is told to the process, and the supervisor goes on', async () => {
    const told: unknown[] = []
    const tell = (error: unknown) => void told.push(error)
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException').once('uncaughtException', tell)
    const mistake = new Error('reply')
    const actor = createActor(supervisorMachine, { input: {} }).start()
    actor.send({
      type: 'supervisor.startChild',
      spec: one(),
      reply: () => {
        throw mistake
      },
    })
    await vi.waitFor(() => expect(told).toEqual([mistake]), { timeout: 10_000 })
    for (const listener of listeners) process.on('uncaughtException', listener)
    expect(supervisorOf(actor).getChild('a')?.state).toBe('running')
  })

  it('a supervisor that runs answers start() of a second handle', async () => {
    const rig = await new SupervisorRig({ children: [one()] }).start()
    const second = supervisorOf(rig.supervisor.actor)
    await expect(second.start()).resolves.toBe(second)
  })
})

describe('many children', () => {
  it('are started and stopped in the turns of XState, and no more is said about it', async () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    let alive = 0
    const logic = fromCallback(() => {
      alive += 1
      return () => {
        alive -= 1
      }
    })
    const children = Array.from({ length: 3000 }, (_, index) => ({ id: `child ${index}`, logic }))
    const supervisor = await createSupervisor({ children }).start()
    expect(alive).toBe(3000)
    await supervisor.stop()
    const other = await createSupervisor({ ...dynamic, child: { logic } }).start()
    await Promise.all(children.map(() => other.startChild()))
    expect(alive).toBe(3000)
    await other.stop()
    expect([alive, warn.mock.calls]).toEqual([0, []])
    warn.mockRestore()
  })

  it('that crash all at once are all replaced', async () => {
    const children = Array.from({ length: 1500 }, (_, index) => one({ id: `child ${index}` }))
    const bomb = setup({}).createMachine({})
    const rig = await new SupervisorRig({
      intensity: 1500,
      children: [...children, { id: 'bomb', logic: bomb }],
    }).start()
    for (const { id } of children) rig.crash(id)
    expect(rig.supervisor.countChildren().active).toBe(1501)
  })
})
