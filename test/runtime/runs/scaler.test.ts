import fc from 'fast-check'
import { beforeEach, describe, expect, it } from 'vitest'
import type { AgentDefinition } from '../../../src/machines/definition.ts'
import { Scaler } from '../../../src/runtime/runs/scaler.ts'
import { definitionOf } from '../../machines/samples.ts'
import { SteppedClock } from '../../machines/stepped-clock.ts'

const range = definitionOf('writer', {
  replicas: { min: 1, max: 4 },
  scaling: { target: 2, upDelayMs: 100, downDelayMs: 1_000 },
})

let clock: SteppedClock
let asked: number[]
let scaler: Scaler

beforeEach(() => {
  clock = new SteppedClock()
  asked = []
  scaler = new Scaler(clock, (replicas) => asked.push(replicas))
})

describe('a load that calls for more', () => {
  it('is answered when it has done so for upDelayMs, with as many as it calls for', () => {
    scaler.observe(5, range)
    clock.advance(99)
    expect(asked).toEqual([])
    clock.advance(1)
    expect(asked).toEqual([3])
  })

  it('is answered with the least that it called for all the while', () => {
    for (const load of [8, 3, 7]) {
      scaler.observe(load, range)
      clock.advance(30)
    }
    clock.advance(10)
    expect(asked).toEqual([2])
  })

  it('for a moment is not answered', () => {
    scaler.observe(8, range)
    clock.advance(99)
    scaler.observe(2, range)
    clock.advance(10_000)
    expect([asked, clock.pending]).toEqual([[], 0])
  })

  it('never calls for more than max', () => {
    scaler.observe(1_000, range)
    clock.advance(100)
    expect(asked).toEqual([4])
  })

  it('goes on from what there is', () => {
    scaler.count(3)
    scaler.observe(6, range)
    expect(clock.pending).toBe(0)
    scaler.observe(7, range)
    clock.advance(100)
    expect(asked).toEqual([4])
  })
})

describe('a load that calls for fewer', () => {
  it('is answered when it has done so for downDelayMs, with as many as were ever called for', () => {
    scaler.count(4)
    for (const load of [0, 5, 0]) {
      scaler.observe(load, range)
      clock.advance(300)
    }
    expect(asked).toEqual([])
    clock.advance(100)
    expect(asked).toEqual([3])
  })

  it('leaves one: what has nothing to do at all is let go by idleAfterMs, not by the load', () => {
    const fromNone = { ...range, replicas: { min: 0, max: 4 } }
    scaler.count(2)
    scaler.observe(0, fromNone)
    clock.advance(1_000)
    expect(asked).toEqual([1])
    scaler.count(1)
    scaler.observe(0, fromNone)
    expect(clock.pending).toBe(0)
  })

  it('leaves min', () => {
    scaler.count(4)
    scaler.observe(0, { ...range, replicas: { min: 3, max: 4 } })
    clock.advance(1_000)
    expect(asked).toEqual([3])
  })
})

it('a load that goes up and down faster than both delays changes nothing', () => {
  scaler.count(2)
  for (let times = 0; times < 100; times += 1) {
    scaler.observe(times % 2 === 0 ? 8 : 0, range)
    clock.advance(99)
  }
  scaler.observe(4, range)
  expect([asked, clock.pending]).toEqual([[], 0])
})

it('an agent that has no range has no timer, also where it has lost its range meanwhile', () => {
  scaler.observe(100, definitionOf('writer'))
  expect(clock.pending).toBe(0)
  scaler.observe(100, range)
  scaler.observe(100, definitionOf('writer'))
  clock.advance(10_000)
  expect([asked, clock.pending]).toEqual([[], 0])
})

it.each(['rest', 'count'] as const)('%s takes back what was called for', (how) => {
  scaler.observe(8, range)
  if (how === 'rest') scaler.rest()
  else scaler.count(1)
  clock.advance(10_000)
  expect([asked, clock.pending]).toEqual([[], 0])
})

it('what was asked for and did not come is asked for again when the load still calls for it', () => {
  scaler.observe(8, range)
  clock.advance(100)
  scaler.observe(8, range)
  clock.advance(100)
  expect(asked).toEqual([4, 4])
})

it('for any load there is at most one timer, every answer is within the range and another than there is, and rest leaves none', () => {
  const step = fc.record({ load: fc.nat({ max: 20 }), ms: fc.nat({ max: 600 }), isHonoured: fc.boolean() })
  const minima = fc.nat({ max: 4 })
  let answers = 0
  fc.assert(
    fc.property(minima, fc.array(step, { maxLength: 30 }), (min, steps) => {
      const time = new SteppedClock()
      let current = Math.max(1, min)
      let wish: number | undefined
      const definition: AgentDefinition = { ...range, replicas: { min, max: 5 } }
      const one = new Scaler(time, (replicas) => {
        expect(replicas).toBeGreaterThanOrEqual(Math.max(1, min))
        expect(replicas).toBeLessThanOrEqual(5)
        expect(replicas).not.toBe(current)
        wish = replicas
        answers += 1
      })
      for (const { load, ms, isHonoured } of steps) {
        one.observe(load, definition)
        expect(time.pending).toBeLessThanOrEqual(1)
        time.advance(ms)
        if (wish !== undefined && isHonoured) {
          current = wish
          one.count(wish)
        }
        wish = undefined
      }
      one.rest()
      expect(time.pending).toBe(0)
    }),
    { numRuns: 2_000 },
  )
  expect(answers).toBeGreaterThan(1_000)
})
