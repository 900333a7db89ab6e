import { afterEach, describe, expect, it, vi } from 'vitest'
import { type AnyActorRef, createActor, createMachine, fromCallback, fromTransition, setup } from 'xstate'
import { exitReasonOf } from '../../../src/machines/supervision/exit.ts'
import { type ActorExit, type Down, link, monitor } from '../../../src/machines/supervision/links.ts'
import { createSupervisor } from '../../../src/machines/supervision/supervisor.ts'
import { fault, type Mortal, mortal, mortalMachine, observersOf } from './mortal.ts'

const monitored = (ref: AnyActorRef) => {
  const downs: Down[] = []
  return { downs, monitor: monitor(ref, (down) => downs.push(down)) }
}

describe('monitor', () => {
  it.each<[string, (ref: Mortal) => void, unknown]>([
    ['done', (ref) => ref.send({ type: 'finish' }), 'normal'],
    ['done with a reason', (ref) => ref.send({ type: 'leave', reason: { shutdown: 'tired' } }), { shutdown: 'tired' }],
    ['in error', (ref) => ref.send({ type: 'crash' }), fault],
    ['stopped', (ref) => ref.stop(), 'shutdown'],
  ])('tells once that an actor is %s, and why', (_, end, reason) => {
    const ref = mortal()
    const { downs, monitor } = monitored(ref)
    ref.send({ type: 'kept' })
    expect(downs).toEqual([])
    end(ref)
    expect(downs).toEqual([{ type: 'down', ref, reason }])
    expect(monitor.ref).toBe(ref)
  })

  it('tells noproc at once of an actor that has ended', () => {
    const ref = mortal()
    ref.send({ type: 'crash' })
    expect(monitored(ref).downs).toEqual([{ type: 'down', ref, reason: 'noproc' }])
  })

  it('sees the end of a logic whose snapshot knows no end, during and after', () => {
    const ref = createActor(fromTransition((count: number) => count + 1, 0)).start()
    const { downs } = monitored(ref)
    ref.stop()
    expect(downs).toEqual([{ type: 'down', ref, reason: 'shutdown' }])
    expect(monitored(ref).downs).toEqual([{ type: 'down', ref, reason: 'noproc' }])
  })

  it('waits for an actor that is not started yet', () => {
    const ref = createActor(mortalMachine)
    const { downs } = monitored(ref)
    expect(downs).toEqual([])
    ref.start()
    ref.send({ type: 'finish' })
    expect(downs.map(({ reason }) => reason)).toEqual(['normal'])
  })

  it('is one-way: what becomes of the listener is nothing to the actor', () => {
    const [watching, watched] = [mortal(), mortal()]
    monitor(watched, () => watching.send({ type: 'finish' }))
    watching.stop()
    expect(watched.getSnapshot().status).toBe('active')
  })

  it('stacks: two monitors of one actor bring two events, and one of them can be taken away', () => {
    const ref = mortal()
    const [one, two, three] = [monitored(ref), monitored(ref), monitored(ref)]
    two.monitor.demonitor()
    ref.stop()
    expect([one.downs.length, two.downs.length, three.downs.length]).toEqual([1, 0, 1])
  })

  it('after demonitor tells nothing, also where the end is just being told to others', () => {
    const ref = mortal()
    monitor(ref, () => later.monitor.demonitor())
    const later = monitored(ref)
    ref.stop()
    expect(later.downs).toEqual([])
  })

  it('leaves nothing behind', () => {
    const ref = mortal()
    const before = observersOf(ref)
    const monitors = Array.from({ length: 100 }, () => monitored(ref).monitor)
    expect(observersOf(ref)).toBe(before + 1)
    for (const { demonitor } of monitors) demonitor()
    expect(observersOf(ref)).toBe(before)
    monitored(ref)
    ref.stop()
    expect(observersOf(ref)).toBe(0)
  })

  it('may be for an actor, which is sent the event, and ends with that actor', () => {
    const downs: unknown[] = []
    const machine = createMachine({ on: { down: { actions: ({ event }) => downs.push(event) } } })
    const [watching, gone] = [createActor(machine).start(), createActor(machine).start()]
    const ref = mortal()
    const before = observersOf(ref)
    monitor(ref, gone)
    gone.stop()
    expect(observersOf(ref)).toBe(before)
    monitor(ref, watching)
    monitor(ref, watching).demonitor()
    ref.stop()
    monitor(ref, watching)
    monitor(ref, gone)
    monitor(watching, gone).demonitor()
    expect(downs).toEqual([
      { type: 'down', ref, reason: 'shutdown' },
      { type: 'down', ref, reason: 'noproc' },
    ])
    expect(observersOf(watching)).toBe(0)
  })

  it('keeps the error of one listener from the others, and tells it to the logger of the system', async () => {
    const logged: unknown[] = []
    const ref = createActor(mortalMachine, { logger: (...words) => logged.push(words) }).start()
    monitor(ref, () => {
      throw fault
    })
    monitor(ref, () => Promise.reject(fault) as never)
    const { downs } = monitored(ref)
    ref.stop()
    await Promise.resolve()
    expect(downs).toHaveLength(1)
    expect(logged).toEqual(new Array(2).fill([expect.stringMatching(/listener/), fault]))
  })
})

/** Takes `actor.exit`, and so traps exits. */
const trappingMachine = setup({
  types: { context: {} as { exits: ActorExit[] }, events: {} as ActorExit },
}).createMachine({
  context: () => ({ exits: [] }),
  on: { 'actor.exit': { actions: ({ context, event }) => context.exits.push(event) } },
})

describe('link', () => {
  it.each<[string, (ref: Mortal) => void, unknown]>([
    ['in error', (ref) => ref.send({ type: 'crash' }), fault],
    ['stopped', (ref) => ref.stop(), 'shutdown'],
    ['done with another reason than normal', (ref) => ref.send({ type: 'leave', reason: 'tired' }), 'tired'],
  ])('ends the other with the same reason when one is %s, in both directions', (_, end, reason) => {
    for (const [from, to] of [
      [0, 1],
      [1, 0],
    ] as const) {
      const pair = [mortal(), mortal()] as const
      link(pair[0], pair[1])
      end(pair[from])
      expect(pair[to].getSnapshot().status).toBe('stopped')
      expect(exitReasonOf(pair[to])).toEqual(reason)
    }
  })

  it('leaves the other alone when one is done', () => {
    const [a, b] = [mortal(), mortal()]
    const alone = observersOf(b)
    link(a, b)
    a.send({ type: 'finish' })
    expect(b.getSnapshot().status).toBe('active')
    expect(observersOf(b)).toBe(alone)
  })

  it('sends an actor that traps exits the event, also a normal one, and never stops it', () => {
    const trapping = createActor(trappingMachine).start()
    const [a, b] = [mortal(), mortal()]
    link(trapping, a)
    link(b, trapping)
    a.send({ type: 'finish' })
    b.send({ type: 'crash' })
    expect(trapping.getSnapshot().context.exits).toEqual([
      { type: 'actor.exit', from: a, reason: 'normal' },
      { type: 'actor.exit', from: b, reason: fault },
    ])
    expect(trapping.getSnapshot().status).toBe('active')
  })

  it('stops an actor whose guard throws at the question whether it traps exits', () => {
    const machine = createMachine({
      on: {
        'actor.exit': {
          guard: () => {
            throw fault
          },
        },
      },
    })
    const [guarded, other] = [createActor(machine).start(), mortal()]
    link(guarded, other)
    other.stop()
    expect(exitReasonOf(guarded)).toBe('shutdown')
  })

  it('carries an exit along a chain and around a circle', () => {
    const [a, b, c] = [mortal('a'), mortal('b'), mortal('c')]
    link(a, b)
    link(b, c)
    link(c, a)
    const { downs } = monitored(c)
    b.send({ type: 'crash' })
    expect([a, b, c].map(exitReasonOf)).toEqual([fault, fault, fault])
    expect(downs).toHaveLength(1)
  })

  it('is an exit with noproc where one has ended already', () => {
    const [ended, alive, trapping] = [mortal(), mortal(), createActor(trappingMachine).start()]
    ended.send({ type: 'finish' })
    link(alive, ended)
    link(ended, trapping)
    expect(exitReasonOf(alive)).toBe('noproc')
    expect(trapping.getSnapshot().context.exits).toEqual([{ type: 'actor.exit', from: ended, reason: 'noproc' }])
  })

  it('is there once between two actors, and unlink takes it away', () => {
    const trapping = createActor(trappingMachine).start()
    const [a, b] = [mortal(), mortal()]
    const before = [trapping, a, b].map(observersOf)
    const unlink = link(trapping, a)
    link(a, trapping)
    link(trapping, b)()
    unlink()
    expect([trapping, a, b].map(observersOf)).toEqual(before)
    a.send({ type: 'crash' })
    b.send({ type: 'crash' })
    expect(trapping.getSnapshot().context.exits).toEqual([])
    const again = mortal()
    link(trapping, again)
    link(again, trapping)
    again.stop()
    expect(trapping.getSnapshot().context.exits).toHaveLength(1)
  })

  it('leaves nothing at the one that outlives the other', () => {
    const trapping = createActor(trappingMachine).start()
    const a = mortal()
    link(trapping, a)
    a.stop()
    expect(observersOf(trapping)).toBe(0)
    trapping.stop()
    expect(trapping.getSnapshot().context.exits).toHaveLength(1)
  })

  it('ends an actor after the step that it is in, and not within', () => {
    const seen: string[] = []
    const other = mortal()
    const busy = createActor(
      createMachine({
        on: {
          go: {
            actions: [() => other.send({ type: 'crash' }), ({ self }) => seen.push(self.getSnapshot().status)],
          },
        },
      }),
    ).start()
    link(busy, other)
    busy.send({ type: 'go' })
    expect(seen).toEqual(['active'])
    expect(exitReasonOf(busy)).toBe(fault)
  })

  it('ends an actor once, with the first reason, where two ask for it within one step', () => {
    const errors: unknown[] = []
    const [one, two] = [mortal(), mortal()]
    const busy = createMachine({
      on: { go: { actions: [() => one.send({ type: 'crash' }), () => two.send({ type: 'leave', reason: 'tired' })] } },
    })
    const parent = createActor(
      setup({ types: { children: {} as { busy: 'busy' } }, actors: { busy } }).createMachine({
        invoke: { id: 'busy', src: 'busy' },
        on: { 'xstate.error.actor.*': { actions: ({ event }) => errors.push(event) } },
      }),
    ).start()
    const ref = parent.getSnapshot().children.busy as AnyActorRef
    link(ref, one)
    link(two, ref)
    ref.send({ type: 'go' })
    expect(exitReasonOf(ref)).toBe(fault)
    expect(errors).toMatchObject([{ error: fault }])
  })

  it('of a supervised child: the child is restarted when what it is linked to crashes', async () => {
    const supervisor = createSupervisor({ children: [{ id: 'worker', logic: mortalMachine }] })
    await supervisor.start()
    const worker = supervisor.getChild('worker')?.ref as AnyActorRef
    const connection = mortal()
    link(worker, connection)
    connection.send({ type: 'crash' })
    expect(exitReasonOf(worker)).toBe(fault)
    const next = supervisor.getChild('worker')
    expect(next).toMatchObject({ state: 'running', restarts: 1, exitReason: fault })
    expect(next?.ref).not.toBe(worker)
    await supervisor.stop()
  })

  describe('of a child', () => {
    afterEach(() => vi.restoreAllMocks())

    const cleaned: string[] = []
    const child = fromCallback(() => () => void cleaned.push('child'))
    const parentMachine = setup({
      types: { context: {} as { errors: unknown[] }, children: {} as { child: 'child' } },
      actors: { child },
    }).createMachine({
      context: () => ({ errors: [] }),
      invoke: { id: 'child', src: 'child' },
      on: { 'xstate.error.actor.*': { actions: ({ context, event }) => context.errors.push(event) } },
    })

    it('ends the child with its cleanup, and tells its parent as a crash does', () => {
      const parent = createActor(parentMachine).start()
      const ref = parent.getSnapshot().children.child as AnyActorRef
      const other = mortal()
      link(ref, other)
      other.send({ type: 'crash' })
      expect(exitReasonOf(ref)).toBe(fault)
      expect(cleaned).toEqual(['child'])
      expect(parent.getSnapshot().context.errors).toMatchObject([{ type: 'xstate.error.actor.child', error: fault }])
    })

    it('tells no parent that has ended itself', () => {
      const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined)
      const parent = createActor(parentMachine).start()
      const ref = parent.getSnapshot().children.child as AnyActorRef
      link(parent, ref)
      parent.stop()
      expect(exitReasonOf(ref)).toBe('shutdown')
      expect(warn).not.toHaveBeenCalled()
    })
  })
})

it('a supervisor outlives an actor that it is linked to', async () => {
  const supervisor = await createSupervisor({ children: [{ id: 'child', logic: mortalMachine }] }).start()
  const other = mortal()
  link(supervisor.actor, other)
  other.send({ type: 'crash' })
  expect(supervisor.getChild('child')?.state).toBe('running')
  expect(supervisor.actor.getSnapshot().status).toBe('active')
  await supervisor.stop()
})
