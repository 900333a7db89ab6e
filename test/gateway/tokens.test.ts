import { timingSafeEqual } from 'node:crypto'
import { expect, test, vi } from 'vitest'
import { Tokens } from '../../src/gateway/tokens.ts'
import { seed, seeded, sized } from '../faults/profile.ts'

vi.mock(import('node:crypto'), async (original) => {
  const crypto = await original()
  return { ...crypto, timingSafeEqual: vi.fn(crypto.timingSafeEqual) }
})

const token = 'a-token-of-which-nobody-knows-a-letter'
const definitions = ['another-token-of-somebody', token, 'a-third-token-of-nobody'].map((token) => ({
  token,
  roles: ['run' as const],
}))
const early = `b${token.slice(1)}`
const late = `${token.slice(0, -1)}s`

test('whatever is presented is hashed, and compared in constant time with every token', () => {
  const tokens = new Tokens(definitions)
  expect(tokens.callerOf(token)?.roles).toEqual(new Set(['run']))
  for (const wrong of ['', early, late, token.slice(0, -1), `${token} `, token.toUpperCase(), 'a'.repeat(10_000)]) {
    vi.mocked(timingSafeEqual).mockClear()
    expect(tokens.callerOf(wrong)).toBeUndefined()
    const compared = vi.mocked(timingSafeEqual).mock.calls
    expect(compared.map((pair) => pair.map(({ byteLength }) => byteLength))).toEqual([
      [32, 32],
      [32, 32],
      [32, 32],
    ])
  }
  if (sized(false, true)) expect(Math.abs(timeDifference(tokens)), `FAULTS_SEED=${seed}`).toBeLessThan(4.5)
})

/** Welch's t of the times that a token takes which is wrong from its first letter, and one that is wrong in its last. */
function timeDifference(tokens: Tokens): number {
  const random = seeded(seed)
  const times: Record<string, number[]> = { [early]: [], [late]: [] }
  for (let sample = 0; sample < 22_000; sample += 1) {
    const presented = random() < 0.5 ? early : late
    const begunAt = process.hrtime.bigint()
    tokens.callerOf(presented)
    // The first ones are those of a compiler at work.
    if (sample > 2_000) times[presented]?.push(Number(process.hrtime.bigint() - begunAt))
  }
  const [one, other] = Object.values(times).map((all) => {
    // What the machine did meanwhile is no time of ours.
    const kept = all.sort((a, b) => a - b).slice(0, Math.floor(all.length * 0.9))
    const mean = kept.reduce((sum, ns) => sum + ns, 0) / kept.length
    const spread = kept.reduce((sum, ns) => sum + (ns - mean) ** 2, 0) / (kept.length - 1)
    return { mean, error: spread / kept.length }
  }) as [{ mean: number; error: number }, { mean: number; error: number }]
  return (one.mean - other.mean) / Math.sqrt(one.error + other.error)
}
