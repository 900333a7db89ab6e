import { describe, expect, it } from 'vitest'
import { createActor, createMachine } from 'xstate'
import { monitor } from '../../../src/machines/supervision/links.ts'
import { createRegistry, type RegistryEvent } from '../../../src/machines/supervision/registry.ts'
import { mortal, observersOf } from './mortal.ts'

describe('a registry of unique keys', () => {
  it('finds an actor by its key, with the value that it was given', () => {
    const registry = createRegistry<string, number>({ keys: 'unique' })
    const ref = mortal()
    registry.register('writer', ref, 7)
    expect(registry.lookup('writer')).toEqual([{ ref, value: 7 }])
    expect(registry.lookup('reader')).toEqual([])
    expect(registry.keys(ref)).toEqual(['writer'])
    expect(registry.count()).toBe(1)
  })

  it('refuses a key that a living actor holds, and says who', () => {
    const registry = createRegistry({ keys: 'unique' })
    const [holder, other] = [mortal('holder'), mortal('other')]
    registry.register('writer', holder)
    const taken = {
      code: 'REGISTRY_KEY_TAKEN',
      context: { key: 'writer', holder: 'holder', sessionId: holder.sessionId },
    }
    expect(() => registry.register('writer', other)).toThrow(expect.objectContaining(taken))
    expect(() => registry.register('writer', holder)).toThrow(expect.objectContaining(taken))
    expect(registry.keys(other)).toEqual([])
    expect(registry.count()).toBe(1)
  })

  it('lets an actor have many keys, and gives one back with unregister', () => {
    const registry = createRegistry<number>({ keys: 'unique' })
    const [ref, other] = [mortal(), mortal()]
    const before = observersOf(ref)
    for (let key = 0; key < 100; key++) registry.register(key, ref)
    registry.unregister(5, other)
    expect(registry.count()).toBe(100)
    registry.unregister(5, ref)
    registry.unregister(5, ref)
    registry.register(5, other)
    expect(registry.lookup(5)).toEqual([{ ref: other, value: undefined }])
    for (const key of registry.keys(ref)) registry.unregister(key, ref)
    expect([registry.count(), observersOf(ref)]).toEqual([1, before])
  })

  it('takes out an actor that ends, so that the next one can have its keys, also in the same step', () => {
    const registry = createRegistry({ keys: 'unique' })
    const [first, next] = [mortal(), mortal()]
    // Hears of the end before the registry does.
    monitor(first, () => registry.register('writer', next))
    registry.register('writer', first)
    registry.register('editor', first)
    first.send({ type: 'crash' })
    expect(registry.lookup('writer')).toEqual([{ ref: next, value: undefined }])
    expect(registry.lookup('editor')).toEqual([])
    expect([registry.keys(first), registry.count()]).toEqual([[], 1])
  })

  it('takes no actor that has ended', () => {
    const registry = createRegistry({ keys: 'unique' })
    const ref = mortal()
    ref.stop()
    expect(() => registry.register('writer', ref)).toThrow(expect.objectContaining({ code: 'ACTOR_NOT_RUNNING' }))
    expect(registry.count()).toBe(0)
  })

  it('compares keys as a Map does', () => {
    const registry = createRegistry<unknown>({ keys: 'unique' })
    const [ref, key] = [mortal(), {}]
    for (const one of [1, '1', key, {}]) registry.register(one, ref)
    expect(registry.count()).toBe(4)
    expect(registry.lookup(key)).toHaveLength(1)
  })
})

describe('a registry of duplicate keys', () => {
  it('lets many actors have one key, and one actor many times', () => {
    const registry = createRegistry<string, string>({ keys: 'duplicate' })
    const [a, b] = [mortal(), mortal()]
    registry.register('topic', a, 'one')
    registry.register('topic', b, 'two')
    registry.register('topic', a, 'three')
    expect(registry.lookup('topic')).toEqual([
      { ref: a, value: 'one' },
      { ref: a, value: 'three' },
      { ref: b, value: 'two' },
    ])
    expect(registry.keys(a)).toEqual(['topic', 'topic'])
    expect(registry.count()).toBe(3)
    registry.unregister('topic', a)
    expect(registry.lookup('topic')).toEqual([{ ref: b, value: 'two' }])
    b.send({ type: 'finish' })
    expect(registry.count()).toBe(0)
  })

  it('takes 10,000 actors out of one key in no more than 50 times what 1,000 cost', () => {
    const costOf = (count: number) => {
      const registry = createRegistry({ keys: 'duplicate' })
      const refs = Array.from({ length: count }, () => mortal())
      const begun = process.cpuUsage()
      for (const ref of refs) registry.register('topic', ref)
      for (const ref of refs) ref.stop()
      expect(registry.count()).toBe(0)
      // Of this process alone: the machine may be busy with others.
      const { user, system } = process.cpuUsage(begun)
      return (user + system) / 1_000
    }
    costOf(1000)
    expect(costOf(10_000)).toBeLessThan(50 * Math.max(costOf(1000), 1))
  })
})

describe('listeners of a registry', () => {
  it('hear of each registration and its end: functions and actors, in the order in which it happened', () => {
    const heard: RegistryEvent<string, string>[] = []
    const told: string[] = []
    const actor = createActor(createMachine({ on: { '*': { actions: ({ event }) => told.push(event.type) } } })).start()
    const registry = createRegistry<string, string>({
      keys: 'duplicate',
      listeners: [(event) => heard.push(event), actor],
    })
    const ref = mortal()
    registry.register('a', ref, 'value')
    registry.register('b', ref, 'other')
    registry.unregister('a', ref)
    ref.stop()
    expect(heard).toEqual([
      { type: 'registry.registered', key: 'a', ref, value: 'value' },
      { type: 'registry.registered', key: 'b', ref, value: 'other' },
      { type: 'registry.unregistered', key: 'a', ref },
      { type: 'registry.unregistered', key: 'b', ref },
    ])
    expect(told).toEqual(heard.map(({ type }) => type))
  })

  it('that throw harm neither the others nor the caller', () => {
    const logged: unknown[] = []
    const fault = new Error('a fault')
    const ref = createActor(createMachine({}), { logger: (...words) => logged.push(words.at(-1)) }).start()
    const heard: string[] = []
    const registry = createRegistry({
      keys: 'unique',
      listeners: [
        () => {
          throw fault
        },
        ({ type }) => heard.push(type),
      ],
    })
    registry.register('a', ref)
    expect(heard).toEqual(['registry.registered'])
    expect(logged).toEqual([fault])
  })
})
