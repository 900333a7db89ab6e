import { describe, expect, it } from 'vitest'
import { fromCallback, fromPromise, setup } from 'xstate'
import { type ChildSpec, exit, supervisorMachine, supervisorOf } from '../../../src/machines/supervision/index.ts'
import { settle } from '../agent-rig.ts'
import { broken, ignoring, SupervisorRig, worker } from './rig.ts'

const isReady = (snapshot: { matches: (value: unknown) => boolean }) => snapshot.matches({ alive: 'ready' })

describe('a supervisor that starts', () => {
  it('starts its children in order, and is started when all of them are', async () => {
    const rig = new SupervisorRig({ children: ['a', 'b'].map((id) => ({ id, logic: worker() })) })
    await expect(rig.supervisor.start()).resolves.toBe(rig.supervisor)
    expect(rig.told()).toEqual(['child.started a', 'child.started b', 'supervisor.started'])
    expect(rig.supervisor.actor.getSnapshot().value).toBe('running')
  })

  it('whose child cannot be started stops those that were, in reverse order, and says which and why', async () => {
    const ends: string[] = []
    const error = new Error('no start')
    const rig = new SupervisorRig({
      children: [
        { id: 'a', logic: worker('a', 'ends', ends) },
        { id: 'b', logic: worker('b', 'cannot', ends) },
        { id: 'c', logic: broken(error) },
        { id: 'd', logic: worker('d', 'ends', ends) },
      ],
    })
    await expect(rig.supervisor.start()).rejects.toMatchObject({
      code: 'SUPERVISOR_START_FAILED',
      context: { child: 'c', reason: error },
      cause: error,
    })
    expect(ends).toEqual(['b', 'a'])
    expect(await rig.supervisor.exited).toEqual({ shutdown: { failed_to_start_child: { id: 'c', reason: error } } })
  })

  it('goes on without children that ignore their start; the specification of a temporary one is not kept', async () => {
    const rig = await new SupervisorRig({
      children: [
        { id: 'a', logic: ignoring },
        { id: 'b', logic: ignoring, restart: 'temporary' },
        { id: 'c', logic: worker() },
      ],
    }).start()
    expect(rig.states).toEqual(['a stopped', 'c running'])
    expect(rig.supervisor.countChildren()).toEqual({ specs: 2, active: 1, supervisors: 0, workers: 2 })
  })

  it('answers what was asked meanwhile in order, after it', async () => {
    const rig = new SupervisorRig({ children: [{ id: 'a', logic: worker(), ready: isReady }] })
    const start = rig.supervisor.start()
    const second = rig.supervisor.startChild({ id: 'b', logic: worker() })
    expect(rig.states).toEqual(['a starting'])
    rig.supervisor.actor.system.getSnapshot()
    await settle()
    expect(rig.told()).toEqual([])
    rig.clock.advance(5000)
    await expect(start).rejects.toMatchObject({ context: { child: 'a', reason: 'timeout' } })
    await expect(second).rejects.toMatchObject({ code: 'SUPERVISOR_CLOSED' })
  })
})

describe('a child that is to be ready', () => {
  const becoming = (readyMs: number | undefined, ends: string[] = []) =>
    setup({ actors: { life: fromCallback(() => () => void ends.push('end')) } }).createMachine({
      invoke: { src: 'life' },
      initial: 'early',
      states: {
        early: readyMs === undefined ? {} : { after: { [readyMs]: 'ready' } },
        ready: { after: { 1: 'over' } },
        over: {},
      },
    })
  const spec = (logic: ChildSpec['logic']): ChildSpec => ({
    ...{ id: 'a', logic, startMs: 100 },
    ready: (snapshot: { matches: (value: string) => boolean }) => snapshot.matches('ready'),
  })

  it('is started when that first holds, however short it does', async () => {
    const rig = await new SupervisorRig({}).start()
    const start = rig.supervisor.startChild(spec(becoming(60)))
    rig.clock.advance(59)
    expect(rig.states).toEqual(['a starting'])
    expect(rig.supervisor.getChild('a')?.ref).toBeUndefined()
    rig.clock.advance(20)
    expect(await start).toBe(rig.ref('a'))
    expect(rig.clock.pending).toBe(0)
  })

  it('and is not within startMs is killed, and not added', async () => {
    const ends: string[] = []
    const rig = await new SupervisorRig({}).start()
    const start = rig.supervisor.startChild(spec(becoming(undefined, ends)))
    rig.clock.advance(100)
    await expect(start).rejects.toMatchObject({ code: 'SUPERVISOR_START_FAILED', context: { reason: 'timeout' } })
    expect([ends, rig.states]).toEqual([['end'], []])
  })

  it('and ends before has failed to start with the reason of its end', async () => {
    const rig = await new SupervisorRig({}).start()
    const start = rig.supervisor.startChild({
      ...spec(fromPromise(() => Promise.resolve(exit('no database')))),
      ready: () => false,
    })
    await expect(start).rejects.toMatchObject({ context: { child: 'a', reason: 'no database' } })
    const normal = rig.supervisor.startChild({ ...spec(fromPromise(() => Promise.resolve())), ready: () => false })
    await expect(normal).rejects.toMatchObject({ context: { child: 'a', reason: 'normal' } })
    expect(rig.clock.pending).toBe(0)
  })

  it('whose judgement throws has failed to start with that error, and is ended', async () => {
    const ends: string[] = []
    const rig = await new SupervisorRig({}).start()
    const mistake = new Error('typo')
    const ready = () => {
      throw mistake
    }
    const start = rig.supervisor.startChild({ id: 'a', logic: worker('a', 'ends', ends), ready })
    await expect(start).rejects.toMatchObject({ cause: mistake })
    expect(ends).toEqual(['a'])
  })
})

describe('a child that is started', () => {
  it('with exit() as its first word has failed; done at once without a reason it has lived', async () => {
    const atOnce = (output: unknown) =>
      setup({}).createMachine({ initial: 'done', states: { done: { type: 'final' } }, output: () => output })
    const rig = await new SupervisorRig({}).start()
    const failing = rig.supervisor.startChild({ id: 'a', logic: atOnce(exit('no')) })
    await expect(failing).rejects.toMatchObject({ context: { reason: 'no' } })
    const ref = await rig.supervisor.startChild({ id: 'b', logic: atOnce(undefined), restart: 'transient' })
    expect(ref?.getSnapshot().status).toBe('done')
    expect(rig.told()).toEqual(['child.startFailed a', 'child.started b', 'child.exited b'])
    expect(rig.states).toEqual(['b stopped'])
  })

  it('by a name of the system that a living actor has is refused, and nothing is stored', async () => {
    const rig = await new SupervisorRig({ children: [{ id: 'a', logic: worker(), systemId: 'mail' }] }).start()
    const second = rig.supervisor.startChild({ id: 'b', logic: worker(), systemId: 'mail' })
    await expect(second).rejects.toMatchObject({ code: 'SUPERVISOR_ALREADY_STARTED', context: { child: 'mail' } })
    expect(rig.states).toEqual(['a running'])
    const first = rig.ref('a')
    rig.crash('a')
    expect(rig.supervisor.actor.system.get('mail')).toBe(rig.ref('a'))
    expect(rig.ref('a')).not.toBe(first)
  })

  it('is given the input of its specification, or of the template what that makes of the argument', async () => {
    const heard: unknown[] = []
    const logic = fromCallback(({ input }) => void heard.push(input))
    const rig = await new SupervisorRig({ children: [{ id: 'a', logic, input: 1 }] }).start()
    await rig.supervisor.startChild({ id: 'b', logic, input: 2 })
    const template = { logic, input: (argument: unknown) => ({ argument }), restart: 'temporary' as const }
    const dynamic = await new SupervisorRig({ strategy: 'simple_one_for_one', child: template }).start()
    await dynamic.supervisor.startChild('x')
    const plain = await new SupervisorRig({ strategy: 'simple_one_for_one', child: { logic, input: 3 } }).start()
    await plain.supervisor.startChild()
    await plain.supervisor.startChild(4)
    expect(heard).toEqual([1, 2, { argument: 'x' }, 3, 4])
  })

  it('whose input cannot be made has failed to start', async () => {
    const input = () => {
      throw new Error('no input')
    }
    const rig = await new SupervisorRig({ strategy: 'simple_one_for_one', child: { logic: worker(), input } }).start()
    await expect(rig.supervisor.startChild()).rejects.toMatchObject({ cause: { message: 'no input' } })
    expect(rig.states).toEqual([])
  })

  it('and is a supervisor is started when its own children are; its failure is theirs', async () => {
    const rig = await new SupervisorRig({}).start()
    const nested = (logic: ChildSpec['logic']) => ({
      id: 'n',
      logic: supervisorMachine,
      input: { children: [{ id: 'x', logic }] },
    })
    const failing = rig.supervisor.startChild(nested(broken()))
    await expect(failing).rejects.toMatchObject({
      context: { child: 'n', reason: { shutdown: { failed_to_start_child: { id: 'x' } } } },
    })
    const ref = await rig.supervisor.startChild(nested(worker()))
    expect(ref && supervisorOf(ref).getChild('x')?.state).toBe('running')
    expect(rig.supervisor.countChildren()).toEqual({ specs: 1, active: 1, supervisors: 1, workers: 0 })
    const invalid = rig.supervisor.startChild({ id: 'm', logic: supervisorMachine, input: { intensity: -1 } })
    await expect(invalid).rejects.toMatchObject({ cause: { code: 'SUPERVISOR_SPEC_INVALID' } })
  })
})
