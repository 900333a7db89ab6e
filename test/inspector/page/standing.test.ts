import { describe, expect, it } from 'vitest'
import { labelOf, standingOf, visitText } from '../../../src/inspector/page/chart/standing.ts'
import { boxFinder, waysOf } from '../../../src/inspector/page/chart/ways.ts'
import type { Actor } from '../../../src/inspector/page/world.ts'
import { replicaMachine } from '../scene-machine.ts'

const machine = replicaMachine()
const drawn = { ways: waysOf(machine), boxOf: boxFinder(machine) }

function actorIn(value: unknown, taken: readonly string[]): Actor {
  return {
    snapshot: { status: 'active', value, next: [], since: 1000 },
    taken: taken.map((edge, i) => ({ edge, at: 1000 - i })),
    visits: new Map([['agent.ready', { count: 6, totalMs: 90_000 }]]),
  } as unknown as Actor
}

describe('where an actor stands in its chart', () => {
  it('is the box that its state is inside of', () => {
    expect([...standingOf(actorIn({ suspect: 'waiting' }, []), machine, drawn).active]).toEqual(['agent.suspect'])
  })

  it('is reached by a way from where it was, also where all states share the transition', () => {
    const decided = machine.edges.find(({ event, target }) => event === 'restart.decided' && target === 'agent.backoff')
    const taken = [decided?.id ?? 'none', 'agent|process.exited', 'agent.starting|agent.ready']
    const known = taken.filter((edge) => machine.edges.some(({ id }) => id === edge))
    expect(known).toEqual(taken)
    expect(standingOf(actorIn('backoff', taken), machine, drawn).taken.map(({ way, event }) => [way, event])).toEqual([
      ['agent.crashed>agent.backoff', 'restart.decided'],
      ['agent.ready>agent.crashed', 'process.exited'],
      ['agent.starting>agent.ready', 'agent.ready'],
    ])
  })

  it('is no way where the transition stayed inside of a box', () => {
    const taken = ['agent.suspect.waiting|liveness.expired']
    expect(standingOf(actorIn({ suspect: 'confirming' }, taken), machine, drawn).taken).toEqual([])
  })
})

describe('the words at ways and boxes', () => {
  const back = drawn.ways.find(({ id }) => id === 'agent.backoff>agent.provisioning')
  if (back === undefined) throw new Error('no way out of backoff')

  it('fold the events of a way, name the one that was taken, and count down to the one that is due', () => {
    expect(labelOf(back)).toBe('agent.start +2')
    expect(labelOf(back, { event: 'agent.restart' })).toBe('agent.restart')
    expect(labelOf(back, { leftMs: 3400 })).toBe('after 3.4 s')
  })

  it('count visits, with the one that goes on', () => {
    const actor = actorIn('ready', [])
    expect(visitText(actor, 'agent.ready', true, 3000)).toBe('×6 1 m 32 s')
    expect(visitText(actor, 'agent.ready', false, 3000)).toBe('×6 1 m 30 s')
    expect(visitText(actor, 'agent.idle', false, 3000)).toBe('')
  })
})
