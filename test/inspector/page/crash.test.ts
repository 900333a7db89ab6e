import { describe, expect, it } from 'vitest'
import type { CrashFrame } from '../../../src/inspector/frames.ts'
import { afterCrash, ordinal } from '../../../src/inspector/page/chart/after-crash.ts'
import type { Actor } from '../../../src/inspector/page/world.ts'

const at = 1000
const crash: Pick<CrashFrame, 'next' | 'generation' | 'at'> = {
  at,
  generation: 'research/1#6',
  next: { kind: 'restart', dueAt: at + 8000, used: 6, maxRestarts: 10, withinMs: 600_000 },
}

function actorIn(value: unknown, generation: string, dueAt?: number): Pick<Actor, 'snapshot' | 'process'> {
  return {
    snapshot: { status: 'active', value, next: [], since: at, ...(dueAt !== undefined && { dueAt }) },
    process: { type: 'process', seq: 1, at, sessionId: 'r:1', generation, pid: undefined, restarts: 6 },
  }
}

describe('what comes after a crash', () => {
  it('counts down to the next generation, and says which restart of how many it is', () => {
    const next = afterCrash(actorIn('backoff', 'research/1#6', at + 8000), crash, at + 6000)
    expect(next).toMatchObject({ text: 'Generation 7 starts in 2.0 s', used: '6th of 10 in 10 min', left: 0.25 })
  })

  it('stays at nothing where the clocks are not the same', () => {
    expect(afterCrash(actorIn('backoff', 'research/1#6'), crash, at + 9000).text).toBe('Generation 7 starts in 0.0 s')
  })

  it('is nothing by itself once it was given up', () => {
    const next = { ...crash.next, kind: 'failed' as const }
    expect(afterCrash(actorIn('failed', 'research/1#6'), { ...crash, next }, at).text).toBe(
      'Stays failed until agent.start.',
    )
    expect(afterCrash(actorIn({ crashed: 'judged' }, 'research/1#6'), crash, at).text).toBe('Generation 7 starts now.')
  })

  it('was another generation where one came since', () => {
    expect(afterCrash(actorIn('ready', 'research/1#7'), crash, at).text).toBe('Generation 7 came after it.')
  })

  it.each([
    [1, '1st'],
    [2, '2nd'],
    [3, '3rd'],
    [6, '6th'],
    [11, '11th'],
    [12, '12th'],
    [21, '21st'],
  ])('counts %i as %s', (n, word) => {
    expect(ordinal(n)).toBe(word)
  })
})
