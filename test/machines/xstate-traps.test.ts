/**
 * What XState itself was measured to do, on which the machines rely or against which they guard. An upgrade that changes one of
 * these is seen here.
 */
import { describe, expect, it, vi } from 'vitest'
import {
  type ActorRefFrom,
  type AnyActorRef,
  assign,
  createActor,
  createMachine,
  enqueueActions,
  fromCallback,
  fromPromise,
  fromTransition,
  raise,
  SimulatedClock,
  setup,
  spawnChild,
  stopChild,
  waitFor,
} from 'xstate'
import { settle } from './agent-rig.ts'

const bug = new Error('a bug')
const failing = fromPromise(() => Promise.reject(bug))

/** A long-lived child that writes down its end. */
const lasting = (ends: string[], name = 'child') => fromCallback(() => () => void ends.push(name))

describe('trap 1: errors climb', () => {
  it('an error of a child that nobody handles puts the parent in error, up to the root', async () => {
    const middle = createMachine({ invoke: { src: failing } })
    const root = createActor(createMachine({ invoke: { src: middle } }))
    root.subscribe({ error: () => {} })
    root.start()
    await settle()
    expect(root.getSnapshot()).toMatchObject({ status: 'error', error: bug })
  })

  it('a handler of xstate.error.actor.* keeps the parent active', async () => {
    const root = createActor(
      createMachine({
        entry: spawnChild(failing, { id: 'agent:writer' }),
        on: { 'xstate.error.actor.*': { actions: ({ event }) => heard.push(event.type) } },
      }),
    )
    const heard: string[] = []
    root.start()
    await settle()
    expect(heard).toEqual(['xstate.error.actor.agent:writer'])
    expect(root.getSnapshot().status).toBe('active')
  })
})

describe('trap 2: a parent that throws leaves its children', () => {
  it('a child goes on after its parent threw, and its cleanup never runs', () => {
    const ends: string[] = []
    const throws = () => {
      throw bug
    }
    const root = createActor(
      createMachine({ invoke: { id: 'child', src: lasting(ends) }, on: { go: { actions: throws } } }),
    )
    root.subscribe({ error: () => {} })
    root.start()
    const { child } = root.getSnapshot().children
    root.send({ type: 'go' })
    root.stop()
    expect(root.getSnapshot().status).toBe('error')
    expect(child?.getSnapshot().status).toBe('active')
    expect(ends).toEqual([])
  })
})

describe('trap 3: ids are not checked', () => {
  it('spawning an id that is alive orphans the old child, which the stop of the parent does not reach', () => {
    const ends: string[] = []
    let made = 0
    const counted = fromCallback(() => {
      const name = `child ${++made}`
      return () => void ends.push(name)
    })
    const root = createActor(createMachine({ on: { spawn: { actions: spawnChild(counted, { id: 'port' }) } } })).start()
    root.send({ type: 'spawn' })
    const first = root.getSnapshot().children.port
    root.send({ type: 'spawn' })
    root.stop()
    expect(ends).toEqual(['child 2'])
    expect(first?.getSnapshot().status).toBe('active')
  })

  it('stopping the id before spawning it again leaves nothing behind', () => {
    const ends: string[] = []
    const again = [stopChild('port'), spawnChild(lasting(ends), { id: 'port' })]
    const root = createActor(createMachine({ entry: again, on: { again: { actions: again } } })).start()
    root.send({ type: 'again' })
    root.stop()
    expect(ends).toEqual(['child', 'child'])
  })
})

describe('trap 4: the dead are kept', () => {
  it('a child that is done stays in snapshot.children until stopChild', async () => {
    const root = createActor(
      createMachine({
        entry: spawnChild(
          fromPromise(() => Promise.resolve()),
          { id: 'child' },
        ),
        on: { bury: { actions: stopChild('child') } },
      }),
    ).start()
    await settle()
    expect(root.getSnapshot().children.child?.getSnapshot().status).toBe('done')
    root.send({ type: 'bury' })
    expect(root.getSnapshot().children).toEqual({})
  })

  it('a systemId that is taken throws in the parent', () => {
    const twice = spawnChild(lasting([]), { systemId: 'writer' })
    const root = createActor(createMachine({ on: { spawn: { actions: twice } } }))
    root.subscribe({ error: () => {} })
    root.start()
    root.send({ type: 'spawn' })
    root.send({ type: 'spawn' })
    expect(root.getSnapshot()).toMatchObject({ status: 'error', error: expect.any(Error) })
    expect(String(root.getSnapshot().error)).toMatch(/'writer' already exists/)
  })
})

describe('trap 5: children made with createActor({ parent })', () => {
  const ends: string[] = []
  const fragile = createMachine({
    invoke: { src: lasting(ends) },
    on: {
      throw: {
        actions: () => {
          throw bug
        },
      },
    },
  })
  const supervisor = setup({
    types: { context: {} as { ref: AnyActorRef | undefined; errors: string[] } },
  }).createMachine({
    context: { ref: undefined, errors: [] },
    entry: enqueueActions(({ enqueue, self }) => {
      const ref = createActor(fragile, { parent: self, id: 'child', systemId: 'child' })
      enqueue.assign({ ref })
      enqueue(() => ref.start())
    }),
    on: {
      end: { actions: stopChild(({ context }) => context.ref as AnyActorRef) },
      'xstate.error.actor.*': { actions: ({ context, event }) => context.errors.push(event.type) },
    },
  })
  const begin = () => {
    ends.length = 0
    const root = createActor(supervisor).start()
    return { root, child: root.getSnapshot().context.ref as ActorRefFrom<typeof fragile> }
  }

  it('join the system of the parent, and are not in its snapshot.children', () => {
    const { root, child } = begin()
    expect(child.getSnapshot().status).toBe('active')
    expect(root.system.get('child')).toBe(child)
    expect(root.getSnapshot().children).toEqual({})
  })

  it('throw on stop(), and are ended with their cleanup by stopChild of the parent', () => {
    const { root, child } = begin()
    expect(() => (child as unknown as { stop: () => void }).stop()).toThrow(/non-root actor cannot be stopped/i)
    root.send({ type: 'end' })
    expect(child.getSnapshot().status).toBe('stopped')
    expect(ends).toEqual(['child'])
    expect(root.system.get('child')).toBeUndefined()
  })

  it('are ended at once by the event xstate.stop, with their cleanup and their name set free, as stopChild ends them', () => {
    const { root, child } = begin()
    const completions: string[] = []
    child.subscribe({ complete: () => completions.push('complete') })
    child.send({ type: 'xstate.stop' } as never)
    expect(child.getSnapshot().status).toBe('stopped')
    expect([ends, completions]).toEqual([['child'], ['complete']])
    expect(root.system.get('child')).toBeUndefined()
    expect(root.getSnapshot().context.errors).toEqual([])
  })

  it('stay active in their snapshot when they are stopped, where the logic is fromTransition', () => {
    const actor = createActor(fromTransition((state: number) => state, 0)).start()
    actor.stop()
    expect(actor.getSnapshot().status).toBe('active')
  })

  it('survive the stop of the parent', () => {
    const { root, child } = begin()
    root.stop()
    expect(child.getSnapshot().status).toBe('active')
    expect(ends).toEqual([])
  })

  it('report their errors to the parent as xstate.error.actor.*', () => {
    const { root, child } = begin()
    child.send({ type: 'throw' })
    expect(root.getSnapshot().context.errors).toEqual(['xstate.error.actor.child'])
    expect(root.getSnapshot().status).toBe('active')
    expect(root.system.get('child')).toBeUndefined()
  })

  it('leave snapshot.children alone, which every spawnChild copies: the reason why its cost grows with the count', () => {
    const quiet = fromCallback(() => undefined)
    let made = 0
    const root = createActor(
      createMachine({
        on: {
          attached: { actions: spawnChild(quiet, { id: () => `child ${made++}` }) },
          detached: { actions: enqueueActions(({ self }) => void createActor(quiet, { parent: self })) },
        },
      }),
    ).start()
    root.send({ type: 'attached' })
    const { children } = root.getSnapshot()
    root.send({ type: 'detached' })
    expect(root.getSnapshot().children).toBe(children)
    root.send({ type: 'attached' })
    expect(root.getSnapshot().children).not.toBe(children)
    expect(Object.keys(root.getSnapshot().children)).toEqual(['child 0', 'child 1'])
  })
})

describe('trap 6: the dead do not answer', () => {
  it('events to a stopped actor vanish without an error', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const heard: string[] = []
    const actor = createActor(fromCallback(({ receive }) => receive(({ type }) => void heard.push(type)))).start()
    actor.stop()
    expect(() => actor.send({ type: 'hello' })).not.toThrow()
    expect(heard).toEqual([])
    warn.mockRestore()
  })

  it('waitFor on an actor that is stopped already never settles', async () => {
    const actor = createActor(createMachine({ initial: 'a', states: { a: {}, b: {} } })).start()
    actor.stop()
    const outcome: string[] = []
    waitFor(actor, (snapshot) => snapshot.matches('b')).then(
      () => outcome.push('resolved'),
      () => outcome.push('rejected'),
    )
    await settle()
    expect(outcome).toEqual([])
  })
})

describe('trap 9: stopping the root is not graceful', () => {
  it('the children are stopped in the order of their start, before stop() returns', () => {
    const ends: string[] = []
    const root = createActor(
      createMachine({
        entry: ['a', 'b', 'c'].map((name) => spawnChild(lasting(ends, name), { id: name })),
      }),
    ).start()
    root.stop()
    expect(ends).toEqual(['a', 'b', 'c'])
  })
})

describe('beside the traps', () => {
  it('a context that is made inside of a custom action brings a warning of assign', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const child = createMachine({ context: () => ({}) })
    createActor(createMachine({ entry: ({ self }) => void createActor(child, { parent: self }) })).start()
    expect(warn).toHaveBeenCalledWith(expect.stringMatching(/should not call `assign\(\)`/))
    warn.mockRestore()
  })

  it('an event to a child that is not there puts the machine in error', () => {
    const root = createActor(
      createMachine({
        on: { go: { actions: enqueueActions(({ enqueue }) => enqueue.sendTo('port', { type: 'x' })) } },
      }),
    )
    root.subscribe({ error: () => {} })
    root.start()
    root.send({ type: 'go' })
    expect(root.getSnapshot().status).toBe('error')
  })

  it('a delayed event of an id that is armed already replaces it in the table, so it is cancelled first', () => {
    const clock = new SimulatedClock()
    const machine = setup({ types: { context: {} as { rings: number } } }).createMachine({
      context: { rings: 0 },
      on: {
        arm: { actions: raise({ type: 'ring' }, { id: 'bell', delay: 10 }) },
        ring: { actions: assign({ rings: ({ context }) => context.rings + 1 }) },
      },
    })
    const actor = createActor(machine, { clock }).start()
    actor.send({ type: 'arm' })
    actor.send({ type: 'arm' })
    clock.increment(10)
    expect(actor.getSnapshot().context.rings).toBe(2)
  })
})
