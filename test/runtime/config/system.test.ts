import { expect, test } from 'vitest'
import { checkOptions, checkOrder, parseSystem } from '../../../src/runtime/config/system.ts'
import { definitionOf } from '../../machines/samples.ts'

const agents = { a: { module: 'x' }, b: { module: 'x' }, c: { module: 'x' } }
const faultOf = (act: () => unknown) => {
  try {
    act()
  } catch (error) {
    return (error as Error).message
  }
  return expect.fail('it was taken')
}

test('a system has no supervisors but its root, which permits one restart in 5 s', () => {
  expect(parseSystem({ agents: {} })).toEqual({ agents: [], supervisors: [], intensity: 1, periodMs: 5_000 })
})

test('a supervisor of agents is one_for_one, and permits one restart in 5 s, unless it says otherwise', () => {
  const { supervisors } = parseSystem({
    agents,
    supervisors: {
      one: { agents: ['a'] },
      two: { strategy: 'rest_for_one', intensity: 3, periodMs: 1, agents: ['b'] },
    },
  })
  expect(supervisors).toEqual([
    { name: 'one', strategy: 'one_for_one', intensity: 1, periodMs: 5_000, agents: ['a'] },
    { name: 'two', strategy: 'rest_for_one', intensity: 3, periodMs: 1, agents: ['b'] },
  ])
})

test.each([
  ['an unknown strategy', { team: { agents: ['a'], strategy: 'all' } }, /strategy/],
  ['no agents', { team: { agents: [] } }, /agents/],
  ['an unknown option', { team: { agents: ['a'], intensty: 1 } }, /there is no option intensty/],
  ['a name that is none', { 'Team A': { agents: ['a'] } }, /is no agent name/],
  [
    'an agent of two supervisors',
    { one: { agents: ['a'] }, two: { agents: ['a'] } },
    /named by the supervisors one and two/,
  ],
])('supervisors with %s are refused', (_, supervisors, message) => {
  expect(faultOf(() => parseSystem({ agents, supervisors: supervisors as never }))).toMatch(message)
})

test('a supervisor may name agents that come later', () => {
  expect(parseSystem({ agents: {}, supervisors: { team: { agents: ['later'] } } }).supervisors).toHaveLength(1)
})

test('an agent comes after one that there is', () => {
  const late = definitionOf('late', { after: ['db'] })
  expect(faultOf(() => checkOrder([late]))).toMatch(/agent late comes after db, and there is no agent of that name/)
  checkOrder([late], ['db'])
  checkOrder([late, definitionOf('db')])
})

test('a circle is refused, also one that goes through a supervisor', () => {
  const [a, b] = [definitionOf('a', { after: ['b'] }), definitionOf('b')]
  checkOrder([a, b])
  const message = /in a circle: a after b after a/
  expect(faultOf(() => checkOrder([a, definitionOf('b', { after: ['a'] })]))).toMatch(message)
  const team = { name: 'team', strategy: 'one_for_one', intensity: 1, periodMs: 1, agents: ['a', 'b'] } as const
  expect(faultOf(() => checkOrder([a, b], [], [team]))).toMatch(message)
})

test('one port is one replica', () => {
  const replicas = { min: 1, max: 2 }
  expect(faultOf(() => parseSystem({ agents: { a: { module: 'x', port: 8_000, replicas } } }))).toMatch(/port 8000/)
  expect(parseSystem({ agents: { a: { module: 'x', port: 0, replicas } } }).agents[0]?.replace).toBe('rolling')
  expect(parseSystem({ agents: { a: { module: 'x', port: 8_000 } } }).agents[0]?.replace).toBe('recreate')
})

test('conversations have a store that can load and save, and bounds above 0', () => {
  checkOptions({ conversations: { store: { load() {}, save() {} }, maxConversations: 1 } })
  expect(faultOf(() => checkOptions({ conversations: { store: { load() {} } } }))).toMatch(/is no store/)
  expect(faultOf(() => checkOptions({ conversations: { maxWaiting: 0 } }))).toMatch(/maxWaiting/)
  expect(faultOf(() => checkOptions({ conversations: { max: 1 } }))).toMatch(/there is no option max; there are store/)
})
