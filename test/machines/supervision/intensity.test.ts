import fc from 'fast-check'
import { expect, it } from 'vitest'
import { Intensity } from '../../../src/machines/supervision/intensity.ts'

it('as many restarts as the intensity are permitted within the period, one more is not', () => {
  const window = new Intensity()
  expect([0, 1, 2].map((at) => window.permits(2, 100, at))).toEqual([true, true, false])
})

it('an intensity of 0 permits none', () => {
  expect(new Intensity().permits(0, 100, 5)).toBe(false)
})

it('a restart counts while it is exactly as old as the period, and not after', () => {
  const window = new Intensity()
  window.permits(1, 100, 0)
  expect(window.permits(1, 100, 100)).toBe(false)
  const other = new Intensity()
  other.permits(1, 100, 0)
  expect(other.permits(1, 100, 101)).toBe(true)
})

it('counts as a plain list of times does, for any times', () => {
  fc.assert(
    fc.property(
      fc.array(fc.nat(50), { maxLength: 60 }),
      fc.integer({ min: 1, max: 120 }),
      fc.nat(6),
      (gaps, period, limit) => {
        const window = new Intensity()
        const times: number[] = []
        let now = 0
        for (const gap of gaps) {
          now += gap
          times.push(now)
          const within = times.filter((at) => at >= now - period).length
          expect(window.permits(limit, period, now)).toBe(within <= limit)
          expect(window.count).toBe(within)
        }
      },
    ),
  )
})

it('keeps nothing that lies far back', () => {
  const window = new Intensity()
  for (let now = 0; now < 100_000; now += 10) window.permits(1, 5, now)
  expect(window.count).toBe(1)
})
