import { describe, expect, it } from 'vitest'
import { Arrangement, type TeamDefinition } from '../../src/machines/arrangement.ts'

const teamOf = (strategy: TeamDefinition['strategy'], ...agents: string[]): TeamDefinition => ({
  name: 'team',
  strategy,
  intensity: 1,
  periodMs: 5_000,
  agents,
})

function arranged(team?: TeamDefinition, after: Record<string, string[]> = {}): Arrangement {
  const arrangement = new Arrangement(team ? [team] : [])
  for (const agent of team?.agents ?? []) arrangement.add(agent, after[agent] ?? [])
  return arrangement
}

const all = () => true

describe('order', () => {
  it('agents come after those that they name, and after those before them in their supervisor', () => {
    const arrangement = arranged(teamOf('one_for_one', 'a', 'b', 'c'), { c: ['db'] })
    expect(arrangement.ahead('a')).toEqual([])
    expect(arrangement.ahead('c')).toEqual(['db', 'a', 'b'])
    expect(arrangement.isFollowed('db')).toBe(true)
    arrangement.remove('c')
    expect(arrangement.isFollowed('db')).toBe(false)
    expect(arrangement.isFollowed('a')).toBe(true)
  })

  it('is kept where nothing stands against it; a circle is as it comes', () => {
    const named = (name: string, ...after: string[]) => ({ name, after })
    const order = (...agents: ReturnType<typeof named>[]) => new Arrangement([]).inOrder(agents).map(({ name }) => name)
    expect(order(named('b'), named('a'))).toEqual(['b', 'a'])
    expect(order(named('a', 'c'), named('b'), named('c', 'b'))).toEqual(['b', 'c', 'a'])
    expect(order(named('a', 'b'), named('b', 'a'))).toEqual(['b', 'a'])
  })
})

describe('a crash', () => {
  it.each([
    ['one_for_one', undefined],
    ['rest_for_one', 'c'],
    ['one_for_all', 'c'],
  ] as const)('under %s stops %s first', (strategy, first) => {
    expect(arranged(teamOf(strategy, 'a', 'b', 'c')).lose('a', all)).toBe(first)
  })

  it('stops the siblings one by one, the last first, and starts them in their order', () => {
    const arrangement = arranged(teamOf('one_for_all', 'a', 'b', 'c'))
    expect(arrangement.lose('b', all)).toBe('c')
    expect(arrangement.isReplaced('c')).toBe(true)
    expect(arrangement.ended('c', false)).toEqual({ stop: 'a', start: [] })
    expect(arrangement.ended('a', false)).toEqual({ start: ['a', 'c'] })
    expect(arrangement.ended('a', false)).toEqual({ start: [] })
  })

  it('leaves those alone that do not run, and those that are held already', () => {
    const arrangement = arranged(teamOf('rest_for_one', 'a', 'b', 'c'))
    arrangement.hold('c')
    expect(arrangement.lose('a', (sibling) => sibling !== 'b')).toBeUndefined()
    expect(arrangement.isReplaced('b')).toBe(false)
  })

  it('of another while siblings are being stopped adds what it names, and stops nobody twice', () => {
    const arrangement = arranged(teamOf('rest_for_one', 'a', 'b', 'c', 'd'))
    expect(arrangement.lose('c', all)).toBe('d')
    expect(arrangement.lose('a', all)).toBeUndefined()
    expect(arrangement.ended('d', false)).toEqual({ stop: 'c', start: [] })
    expect(arrangement.ended('c', false)).toEqual({ stop: 'b', start: [] })
    expect(arrangement.ended('b', false)).toEqual({ start: ['b', 'c', 'd'] })
  })

  it('does not bring back whom somebody stopped meanwhile, nor who is gone', () => {
    const arrangement = arranged(teamOf('one_for_all', 'a', 'b', 'c', 'd'))
    expect(arrangement.lose('a', all)).toBe('d')
    arrangement.letStop('d')
    expect(arrangement.isReplaced('d')).toBe(false)
    expect(arrangement.ended('d', false)).toEqual({ stop: 'c', start: [] })
    expect(arrangement.ended('b', true)).toEqual({ start: [] })
    expect(arrangement.ended('c', true)).toEqual({ start: [] })
    expect(arrangement.lose('a', all)).toBe('d')
  })
})
