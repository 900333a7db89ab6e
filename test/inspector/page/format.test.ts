import { expect, it } from 'vitest'
import { count, duration, megabytes, percent, plural, rate } from '../../../src/inspector/page/format.ts'

it.each([
  [0, '0 ms'],
  [840, '840 ms'],
  [999.6, '1.00 s'],
  [1920, '1.92 s'],
  [42_600, '42.6 s'],
  [59_960, '1 m 0 s'],
  [252_000, '4 m 12 s'],
  [7_860_000, '2 h 11 m'],
  [273_600_000, '3 d 4 h'],
  [null, '–'],
])('%s ms reads %s', (ms, expected) => {
  expect(duration(ms)).toBe(expected)
})

it('what is not known is a dash and never 0', () => {
  expect([count(undefined), megabytes(null), percent(null), rate(undefined)]).toEqual(['–', '–', '–', '–'])
})

it('numbers have as many digits as can be read', () => {
  expect([megabytes(805_400_000), megabytes(400_000), percent(0.004), percent(0), rate(42.14), rate(1204.4)]).toEqual([
    '805',
    '0.4',
    '0.4',
    '0',
    '42.1',
    '1,204',
  ])
  expect([plural(1, 'event'), plural(312, 'event')]).toEqual(['1 event', '312 events'])
})
