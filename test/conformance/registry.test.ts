/** Elixir's registry_test and registry/unique_test: who may register, who is told, and what a crash leaves behind. */
import { expect } from 'vitest'
import { monitor } from '../../src/machines/supervision/links.ts'
import { createRegistry, type RegistryEvent } from '../../src/machines/supervision/registry.ts'
import { mortal, observersOf } from '../machines/supervision/mortal.ts'
import { conformanceCase } from './cases.ts'

const same = { suite: 'registry_test', verdict: 'same' } as const
const adapted = { suite: 'registry_test', verdict: 'adapted' } as const

const unique = () => createRegistry<unknown, string>({ keys: 'unique' })
const taken = (holder: string) =>
  expect.objectContaining({ code: 'REGISTRY_KEY_TAKEN', context: expect.objectContaining({ holder }) })

conformanceCase(
  { ...same, name: 'has unique registrations', holds: 'a second registration is refused, also of the same process' },
  () => {
    const registry = unique()
    const self = mortal('self')
    registry.register('hello', self, 'value')
    expect(registry.keys(self)).toEqual(['hello'])
    expect(() => registry.register('hello', self, 'value')).toThrow(taken('self'))
    expect(registry.keys(self)).toEqual(['hello'])
    registry.register('world', self, 'value')
    expect(registry.keys(self)).toEqual(['hello', 'world'])
    expect(registry.count()).toBe(2)
  },
)

conformanceCase(
  {
    ...same,
    name: 'has unique registrations across processes',
    holds: 'a key that another holds is refused, and says who',
  },
  () => {
    const registry = unique()
    const [task, self] = [mortal('task'), mortal('self')]
    registry.register('hello', task, 'value')
    expect(registry.keys(task)).toEqual(['hello'])
    expect(() => registry.register('hello', self, 'recent')).toThrow(taken('task'))
    expect(registry.keys(self)).toEqual([])
    expect(registry.lookup('hello')).toEqual([{ ref: task, value: 'value' }])
  },
)

conformanceCase(
  {
    ...adapted,
    name: 'has unique registrations even if partition is delayed',
    holds: 'a key is free at once when its holder is dead, before the registry has heard of it',
    reason:
      'No partition of a registry can be suspended in one thread; a watcher that is called before the registry stands for it.',
  },
  () => {
    const registry = unique()
    const [task, self] = [mortal('task'), mortal('self')]
    let asked = 0
    monitor(task, () => {
      asked += 1
      registry.register('hello', self, 'other')
    })
    registry.register('hello', task, 'value')
    expect(() => registry.register('hello', self, 'other')).toThrow(taken('task'))
    task.send({ type: 'crash' })
    expect(asked).toBe(1)
    expect(registry.lookup('hello')).toEqual([{ ref: self, value: 'other' }])
  },
)

conformanceCase({ ...same, name: 'compares using ===', holds: '1 and "1" are two keys' }, () => {
  const registry = unique()
  const self = mortal()
  registry.register(1, self, 'value')
  registry.register('1', self, 'value')
  expect(registry.keys(self)).toEqual([1, '1'])
})

conformanceCase(
  {
    ...same,
    name: 'unregisters process by key',
    holds: 'one key goes and the others stay; what is not there is no error',
  },
  () => {
    const registry = unique()
    const self = mortal()
    registry.unregister('hello', self)
    registry.register('hello', self, 'value')
    registry.register('world', self, 'value')
    registry.unregister('hello', self)
    expect(registry.keys(self)).toEqual(['world'])
    registry.unregister('world', self)
    expect(registry.keys(self)).toEqual([])
  },
)

conformanceCase(
  { ...same, name: 'allows listeners', holds: 'they hear of registrations with the value, and of their ends' },
  () => {
    const heard: RegistryEvent<string, string>[] = []
    const registry = createRegistry<string, string>({ keys: 'unique', listeners: [(event) => heard.push(event)] })
    const [task, self] = [mortal(), mortal()]
    registry.register('hello', task, 'world')
    expect(heard.splice(0)).toEqual([{ type: 'registry.registered', key: 'hello', ref: task, value: 'world' }])
    registry.register('world', self, 'value')
    expect(heard.splice(0)).toEqual([{ type: 'registry.registered', key: 'world', ref: self, value: 'value' }])
    registry.unregister('world', self)
    expect(heard).toEqual([{ type: 'registry.unregistered', key: 'world', ref: self }])
  },
)

conformanceCase(
  {
    ...adapted,
    name: 'links and unlinks on register/unregister',
    holds: 'a process is watched from its first key to its last',
    reason: 'An object is no process that could die with the process that registered: it watches, and is not linked.',
  },
  () => {
    const registry = unique()
    const self = mortal()
    const before = observersOf(self)
    registry.register('hello', self, 'value')
    expect(observersOf(self)).toBe(before + 1)
    registry.register('world', self, 'value')
    registry.unregister('hello', self)
    expect(observersOf(self)).toBe(before + 1)
    registry.unregister('world', self)
    expect(observersOf(self)).toBe(before)
  },
)

conformanceCase(
  { ...same, name: 'clean up registry on process crash', holds: 'nothing is left of two that were killed' },
  () => {
    for (const keys of ['unique', 'duplicate'] as const) {
      const registry = createRegistry({ keys })
      const tasks = [mortal(), mortal()] as const
      registry.register('hello', tasks[0])
      registry.register('world', tasks[1])
      tasks[0].send({ type: 'crash' })
      tasks[1].stop()
      expect([registry.count(), registry.lookup('hello'), registry.lookup('world')]).toEqual([0, [], []])
      expect(tasks.map((task) => registry.keys(task))).toEqual([[], []])
    }
  },
)

conformanceCase(
  { ...same, name: 'has duplicate registrations', holds: 'one process has a key as often as it registers' },
  () => {
    const registry = createRegistry({ keys: 'duplicate' })
    const self = mortal()
    registry.register('hello', self)
    expect(registry.keys(self)).toEqual(['hello'])
    registry.register('hello', self)
    expect(registry.keys(self)).toEqual(['hello', 'hello'])
    registry.register('world', self)
    expect(registry.keys(self)).toEqual(['hello', 'hello', 'world'])
    registry.unregister('hello', self)
    expect(registry.keys(self)).toEqual(['world'])
  },
)
