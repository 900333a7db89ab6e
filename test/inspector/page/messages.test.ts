import { describe, expect, it } from 'vitest'
import type { HistoryFrame } from '../../../src/inspector/frames.ts'
import { type Known, sequenceOf } from '../../../src/inspector/page/messages/sequence.ts'

const actors = new Map<string, Known>([
  ['a', { name: 'support', parentId: 's' }],
  ['r', { name: 'support/0', parentId: 'a' }],
])
const know = (id: string) => actors.get(id)

function event(seq: number, sourceId: string | undefined, sessionId: string, type: string, more = {}): HistoryFrame {
  const { run = 'r1', count, ...said } = more as { run?: string; count?: number }
  return {
    type: '@xstate.event',
    seq,
    at: 1000 - seq,
    sessionId,
    sourceId,
    event: { type, ...said },
    run,
    taken: true,
    ...(count !== undefined && { count }),
  }
}

describe('messages of a run', () => {
  it('stand in the order of their numbers, whatever the clocks said, and those of other runs are left out', () => {
    const { columns, messages } = sequenceOf(
      'r1',
      [
        event(1, undefined, 'a', 'run.accepted'),
        event(2, 'a', 'r', 'run.assigned'),
        event(3, 'a', 'r', 'run.assigned', { run: 'r2' }),
        event(4, 'r', 'run:r1', 'run.started'),
      ],
      know,
    )
    expect(messages.map(({ seq, from, to }) => [seq, from, to])).toEqual([
      [1, undefined, 0],
      [2, 0, 1],
      [4, 1, 2],
    ])
    expect(columns.map(({ name }) => name)).toEqual(['support', 'support/0', 'r1'])
  })

  it('are folded where equal pieces follow one another', () => {
    const { messages } = sequenceOf(
      'r1',
      [
        event(1, 'r', 'run:r1', 'text.delta', { count: 60 }),
        event(2, 'r', 'run:r1', 'text.delta'),
        event(3, 'r', 'run:r1', 'tool.call'),
        event(4, 'r', 'run:r1', 'tool.call'),
        event(5, 'r', 'run:r1', 'text.delta'),
      ],
      know,
    )
    expect(messages.map(({ type, count, toSeq }) => [type, count, toSeq])).toEqual([
      ['text.delta', 61, 2],
      ['tool.call', 1, 3],
      ['tool.call', 1, 4],
      ['text.delta', 1, 5],
    ])
  })

  it('have at most 7 columns; others stand in that of their parent', () => {
    const frames = Array.from({ length: 12 }, (_, i) => event(i + 1, 'a', `x${i}`, 'ping'))
    const { columns, messages } = sequenceOf('r1', frames, (id) => ({ name: id, parentId: 'a' }))
    expect(columns).toHaveLength(7)
    expect(columns[0]?.folded).toHaveLength(6)
    expect(messages.at(-1)).toMatchObject({ from: 0, to: 0 })
  })

  it('are failures where something failed, and a life ends with its crash', () => {
    const crash = { type: 'crash', seq: 3, at: 0, sessionId: 'r' } as HistoryFrame
    const { columns, messages } = sequenceOf(
      'r1',
      [
        event(1, 'a', 'r', 'run.assigned'),
        event(2, 'r', 'run:r1', 'tool.failed'),
        crash,
        event(4, 'run:r1', 'a', 'run.settled', { status: 'interrupted' }),
        event(5, 'run:r1', 'a', 'run.settled', { status: 'cancelled' }),
      ],
      know,
    )
    expect(messages.map(({ isFailure }) => isFailure)).toEqual([false, true, true, false])
    expect(columns[1]).toMatchObject({ name: 'support/0', isCrash: true, goneAt: 2 })
    expect(columns[2]).toMatchObject({ bornAt: 1, goneAt: 4 })
  })
})
