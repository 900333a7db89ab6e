import { describe, expect, it } from 'vitest'
import { parseFilter, toggleState } from '../../../src/inspector/page/filter.ts'
import { rowsOf, stateCounts, totals } from '../../../src/inspector/page/tree-rows.ts'
import { makeScene } from '../scene.ts'
import { worldFrom } from '../scene-history.ts'
import { idOf } from '../scene-replicas.ts'

const scene = makeScene()
const world = worldFrom(scene.frames, scene.hello.seq)
const names = (text: string, opened = new Map<string, boolean>()) =>
  rowsOf(world, opened, parseFilter(text)).map(({ id }) => world.actors.get(id)?.name)

describe('the rows of the tree', () => {
  it('are all that is open, in the order of the actors, with their places among their siblings', () => {
    expect(names('').slice(0, 6)).toEqual(['support-desk', 'agents', 'support', 'support/0', 'support/1', 'support/2'])
    const row = rowsOf(world, new Map(), parseFilter('')).find(({ id }) => id === idOf('support/1'))
    expect(row).toMatchObject({ level: 4, position: 2, siblings: 3, hasChildren: false, isOpen: false })
  })

  it('leave out what is below a closed one', () => {
    expect(names('', new Map([['s:1', false]]))).toEqual([
      'support-desk',
      'agents',
      'hosts',
      'py3.12·9f31c2',
      'py3.11·4b07aa',
    ])
  })

  it.each([
    ['triage/2', ['support-desk', 'agents', 'triage', 'triage/2']],
    ['41302', ['support-desk', 'agents', 'research', 'research/0']],
    ['state:draining', ['support-desk', 'agents', 'writer', 'writer/0']],
    ['state:draining state:failed', ['support-desk', 'agents', 'writer', 'writer/0', 'billing', 'billing/0']],
    ['state:ready RESEARCH', ['support-desk', 'agents', 'research', 'research/0']],
    ['state:idle', ['support-desk', 'agents', 'vision']],
    ['nobody', []],
  ])('of %s are those that match, and all above them', (text, expected) => {
    expect(names(text)).toEqual(expected)
  })
})

it('a state is added to a filter and taken out again', () => {
  expect(toggleState('desk', 'failed')).toBe('desk state:failed')
  expect(toggleState('desk state:failed', 'failed')).toBe('desk')
})

it('states are counted over replicas, and agents without one are idle', () => {
  expect(Object.fromEntries(stateCounts(world))).toEqual({
    ready: 7,
    backoff: 1,
    draining: 1,
    starting: 1,
    failed: 1,
    idle: 1,
  })
})

it('an agent weighs what its replicas weigh, and has their restarts', () => {
  const research = world.actors.get(idOf('research'))
  if (research === undefined) throw new Error('research is there')
  const { rssBytes, restarts } = totals(world, research)
  expect(Math.round((rssBytes ?? 0) / 1e6)).toBe(118)
  expect(restarts).toBe(6)
})
