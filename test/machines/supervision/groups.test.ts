import { describe, expect, it } from 'vitest'
import { type AnyActorRef, createActor, createMachine, type InspectionEvent, SimulatedClock } from 'xstate'
import type { GroupEvent } from '../../../src/machines/supervision/group-table.ts'
import { type Groups, groupsLogic, groupsOf } from '../../../src/machines/supervision/groups.ts'
import { mortal, observersOf } from './mortal.ts'

const scopeOfGroups = (): Groups => groupsOf(createActor(groupsLogic).start())

const recorded = () => {
  const heard: [string, string, readonly AnyActorRef[]][] = []
  return { heard, listener: ({ type, group, refs }: GroupEvent) => void heard.push([type, group, refs]) }
}

describe('members of groups', () => {
  it('are those that joined; a group is there while it has one', () => {
    const groups = scopeOfGroups()
    const [a, b] = [mortal(), mortal()]
    expect(groups.members('writers')).toEqual([])
    groups.join('writers', a)
    groups.join('writers', [b])
    groups.join('readers', b)
    expect(groups.members('writers')).toEqual([a, b])
    expect(groups.groups()).toEqual(['writers', 'readers'])
    expect(groups.leave('writers', [a, b])).toBe(true)
    expect(groups.groups()).toEqual(['readers'])
    expect(groups.members('writers')).toEqual([])
  })

  it('leave as often as they joined', () => {
    const groups = scopeOfGroups()
    const ref = mortal()
    groups.join('writers', ref)
    groups.join('writers', [ref, ref])
    expect(groups.members('writers')).toEqual([ref, ref, ref])
    expect(groups.leave('writers', ref)).toBe(true)
    expect(groups.leave('writers', [ref, ref, ref])).toBe(true)
    expect(groups.leave('writers', ref)).toBe(false)
    expect(groups.groups()).toEqual([])
  })

  it('leave every group when they end, however often they joined', () => {
    const groups = scopeOfGroups()
    const [a, b] = [mortal(), mortal()]
    groups.join('writers', [a, a, b])
    groups.join('readers', a)
    a.send({ type: 'crash' })
    expect(groups.groups()).toEqual(['writers'])
    expect(groups.members('writers')).toEqual([b])
  })

  it('are living actors: one that has ended does not join', () => {
    const groups = scopeOfGroups()
    const [ended, alive] = [mortal(), mortal()]
    ended.stop()
    groups.join('writers', [ended, alive])
    groups.join('readers', ended)
    expect(groups.members('writers')).toEqual([alive])
    expect(groups.groups()).toEqual(['writers'])
  })

  it('are actors: where one of those given is none, nobody joins or leaves', () => {
    const groups = scopeOfGroups()
    const ref = mortal()
    const wrong = [ref, { id: 'elsewhere' }] as unknown as AnyActorRef[]
    expect(() => groups.join('writers', wrong)).toThrow(expect.objectContaining({ code: 'ACTOR_NOT_RUNNING' }))
    expect(groups.groups()).toEqual([])
    groups.join('writers', ref)
    expect(() => groups.leave('writers', wrong)).toThrow(expect.objectContaining({ code: 'ACTOR_NOT_RUNNING' }))
    expect(groups.members('writers')).toEqual([ref])
  })

  it('are watched while they are in a group, and no longer', () => {
    const groups = scopeOfGroups()
    const ref = mortal()
    const before = observersOf(ref)
    groups.join('writers', ref)
    groups.join('readers', ref)
    groups.leave('writers', ref)
    expect(observersOf(ref)).toBe(before + 1)
    groups.leave('readers', ref)
    expect(observersOf(ref)).toBe(before)
    groups.join('writers', ref)
    ;(groups.actor as unknown as { stop(): void }).stop()
    expect(observersOf(ref)).toBe(before)
  })

  it('leave a group of 10,000 in no more than 50 times what 1,000 cost', () => {
    const costOf = (count: number) => {
      const groups = scopeOfGroups()
      const refs = Array.from({ length: count }, () => mortal())
      const begun = process.cpuUsage()
      for (const ref of refs) groups.join('all', ref)
      for (const ref of refs) ref.stop()
      expect(groups.groups()).toEqual([])
      // Of this process alone: the machine may be busy with others.
      const { user, system } = process.cpuUsage(begun)
      return (user + system) / 1_000
    }
    costOf(1000)
    expect(costOf(10_000)).toBeLessThan(50 * Math.max(costOf(1000), 1))
  })
})

describe('a monitor of groups', () => {
  it('gives the members as they are, and tells every change from then on', () => {
    const groups = scopeOfGroups()
    const [a, b] = [mortal(), mortal()]
    groups.join('writers', [a, a])
    const { heard, listener } = recorded()
    const { snapshot } = groups.monitor('writers', listener)
    groups.join('readers', b)
    groups.join('writers', b)
    groups.leave('writers', [b, b])
    a.stop()
    expect(snapshot).toEqual([a, a])
    expect(heard).toEqual([
      ['group.joined', 'writers', [b]],
      ['group.left', 'writers', [b]],
      ['group.left', 'writers', [a, a]],
    ])
  })

  it('of a scope tells of every group, with a snapshot of all', () => {
    const groups = scopeOfGroups()
    const [a, b] = [mortal(), mortal()]
    groups.join('writers', a)
    const { heard, listener } = recorded()
    const { snapshot } = groups.monitorScope(listener)
    groups.join('readers', b)
    groups.leave('writers', a)
    expect(snapshot).toEqual(new Map([['writers', [a]]]))
    expect(heard).toEqual([
      ['group.joined', 'readers', [b]],
      ['group.left', 'writers', [a]],
    ])
  })

  it('after unmonitor tells nothing, also not what waits to be told', () => {
    const groups = scopeOfGroups()
    const later = recorded()
    groups.monitor('writers', () => expect(monitor.unmonitor()).toBe(true))
    const monitor = groups.monitor('writers', later.listener)
    groups.join('writers', mortal())
    expect(later.heard).toEqual([])
    expect(monitor.unmonitor()).toBe(false)
  })

  it('sees what its own listener changes after what it is told of', () => {
    const groups = scopeOfGroups()
    const [a, b] = [mortal('a'), mortal('b')]
    const seen: unknown[] = []
    groups.monitor('writers', ({ refs }) => {
      if (refs[0] === a) {
        groups.join('writers', b)
        seen.push(groups.members('writers').map(({ id }) => id))
      }
    })
    groups.monitor('writers', ({ refs }) => seen.push(refs.map(({ id }) => id)))
    groups.join('writers', a)
    expect(seen).toEqual([['a', 'b'], ['a'], ['b']])
  })

  it('may be an actor, and ends with it', () => {
    const groups = scopeOfGroups()
    const told: string[] = []
    const machine = createMachine({ on: { 'group.*': { actions: ({ event }) => told.push(event.type) } } })
    const watching = createActor(machine).start()
    const { unmonitor } = groups.monitor('writers', watching)
    groups.join('writers', mortal())
    watching.stop()
    groups.join('writers', mortal())
    expect(told).toEqual(['group.joined'])
    expect(unmonitor()).toBe(false)
    const notRunning = expect.objectContaining({ code: 'ACTOR_NOT_RUNNING' })
    expect(() => groups.monitor('writers', watching)).toThrow(notRunning)
    expect(() => groups.monitorScope(watching)).toThrow(notRunning)
  })

  it('that throws harms nobody', () => {
    const logged: unknown[] = []
    const groups = groupsOf(createActor(groupsLogic, { logger: (...words) => logged.push(words.at(-1)) }).start())
    const fault = new Error('a fault')
    groups.monitor('writers', () => {
      throw fault
    })
    const { heard, listener } = recorded()
    groups.monitor('writers', listener)
    groups.join('writers', mortal())
    expect(heard).toHaveLength(1)
    expect(logged).toEqual([fault])
  })
})

describe('a scope of groups', () => {
  it('is an actor of its own, knows nothing of others, and is found by its name', () => {
    const groups = scopeOfGroups()
    const rooms = groups.scope('rooms')
    rooms.join('lobby', mortal())
    expect(groups.groups()).toEqual([])
    expect(groups.scope('rooms').groups()).toEqual(['lobby'])
    expect(rooms.actor.id).toBe('rooms')
    expect(rooms.actor._parent).toBe(groups.actor)
  })

  it('ends with the scope above it, and then has no groups and takes no members', () => {
    const root = createActor(groupsLogic).start()
    const rooms = groupsOf(root).scope('rooms')
    rooms.join('lobby', mortal())
    root.stop()
    expect(rooms.groups()).toEqual([])
    for (const ask of [
      () => rooms.join('lobby', mortal()),
      () => rooms.leave('lobby', mortal()),
      () => rooms.monitor('lobby', () => undefined),
      () => rooms.scope('more'),
    ]) {
      expect(ask).toThrow(expect.objectContaining({ code: 'ACTOR_NOT_RUNNING' }))
    }
  })

  it('takes commands as events, tells its monitors, and is not ended by wrong ones', () => {
    const actor = createActor(groupsLogic).start()
    const groups = groupsOf(actor)
    const { heard, listener } = recorded()
    groups.monitorScope(listener)
    const ref = mortal()
    actor.send({ type: 'group.join', group: 'writers', refs: [ref, 'nobody' as unknown as AnyActorRef] })
    actor.send({ type: 'group.join', group: 'writers', refs: ref })
    actor.send({ type: 'group.leave', group: 'writers', refs: ref })
    actor.send({ type: 'group.dissolve' } as never)
    expect(groups.members('writers')).toEqual([ref])
    expect(heard.map(([type]) => type)).toEqual(['group.joined', 'group.joined', 'group.left'])
  })

  it('shows every change to inspectors, with how many groups and members there are', () => {
    const seen: unknown[] = []
    const inspect = (event: InspectionEvent) => {
      if (event.type === '@xstate.snapshot')
        seen.push([event.event.type, (event.snapshot as { context?: unknown }).context])
    }
    const groups = groupsOf(createActor(groupsLogic, { inspect, clock: new SimulatedClock() }).start())
    const ref = mortal()
    groups.join('writers', [ref, ref])
    ref.stop()
    expect(seen).toEqual([
      ['xstate.init', { groups: 0, members: 0 }],
      ['group.joined', { groups: 1, members: 1 }],
      ['group.left', { groups: 0, members: 0 }],
    ])
  })
})
