import { describe, expect, it } from 'vitest'
import type { RunFrame, StreamFrame } from '../../../src/inspector/frames.ts'
import { ledgerOf } from '../../../src/inspector/page/talk/ledger.ts'
import { ticksOf, timelineOf } from '../../../src/inspector/page/talk/timeline.ts'
import { inline } from '../../../src/inspector/page/talk/value.ts'

function stream(...events: [event: string, data: unknown][]): StreamFrame[] {
  return events.map(([event, data], i) => ({ type: 'stream', at: 1000 + 10 * i, run: 'r1', id: i + 1, event, data }))
}

describe('the ledger of a run', () => {
  it('keeps a tool call between the two texts round it', () => {
    const { entries, deltas } = ledgerOf(
      stream(
        ['run.started', { run_id: 'r1' }],
        ['text.delta', { text: 'Let me ' }],
        ['text.delta', { text: 'look.' }],
        ['tool.call', { id: 'c1', name: 'look', arguments: '{"at":1}' }],
        ['text.delta', { text: 'Found.' }],
        ['tool.result', { id: 'c1', result: [1] }],
      ),
    )
    expect(entries).toMatchObject([
      { kind: 'text', text: 'Let me look.' },
      { kind: 'tool', id: 'c1', arguments: { at: 1 }, state: 'done', result: [1], durationMs: 20 },
      { kind: 'text', text: 'Found.' },
    ])
    expect(deltas).toBe(3)
  })

  it('shows one row for a call that is asked about after it was told', () => {
    const { entries } = ledgerOf(
      stream(
        ['tool.call', { id: 'c1', name: 'pay', arguments: {} }],
        ['tool.approval', { id: 'c1', name: 'pay', arguments: {}, due_at: 5000 }],
      ),
    )
    expect(entries).toMatchObject([{ kind: 'tool', state: 'asked', dueAt: 5000 }])
  })

  it('says of a call that the run ended before its answer', () => {
    const { entries, error, isOver } = ledgerOf(
      stream(
        ['tool.call', { id: 'c1', name: 'pay', arguments: {} }],
        ['run.error', { error: { code: 'RUN_INTERRUPTED', message: 'It died.', started: true, attempt: 1 } }],
      ),
    )
    expect(entries).toMatchObject([{ state: 'lost' }])
    expect(error).toEqual({ code: 'RUN_INTERRUPTED', message: 'It died.', started: true, attempt: 1 })
    expect(isOver).toBe(true)
  })

  it('tells a text result once, whether it came in pieces or not', () => {
    const result = { result: 'Hello', messages: [{ kind: 'response' }], usage: { total_tokens: 1 } }
    const inPieces = ledgerOf(stream(['text.delta', { text: 'Hello' }], ['run.result', result]))
    const atOnce = ledgerOf(stream(['run.result', result]))
    for (const { entries } of [inPieces, atOnce]) expect(entries).toMatchObject([{ kind: 'text', text: 'Hello' }])
    expect(inPieces.messages).toEqual([{ kind: 'response' }])
  })

  it('ends at the time that is looked at', () => {
    const events = stream(['text.delta', { text: 'a' }], ['text.delta', { text: 'b' }])
    expect(ledgerOf(events, 1005).entries).toMatchObject([{ text: 'a' }])
  })
})

describe('the timeline of a run', () => {
  const run: RunFrame = {
    type: 'run',
    seq: 1,
    at: 0,
    run: 'r1',
    agent: 'support',
    status: 'waiting',
    attempt: 1,
    started: true,
    phases: [
      { name: 'waiting', fromMs: 0, toMs: 5 },
      { name: 'model', fromMs: 5, toMs: 420 },
      { name: 'tools', fromMs: 420, toMs: 504 },
      { name: 'tools', fromMs: 428, toMs: 740 },
      { name: 'model', fromMs: 740, toMs: 1180 },
      { name: 'approval', fromMs: 1180 },
    ],
  }

  it('draws out what goes on until now, and sums up the rest', () => {
    const { rows, totalMs } = timelineOf(run, 2140, 148)
    expect(totalMs).toBe(2140)
    expect(rows.map(({ name, note, isOpen }) => [name, note, isOpen])).toEqual([
      ['waiting', '5 ms', false],
      ['model', '2 calls, 855 ms', false],
      ['text', '', false],
      ['tools', '84 ms, 312 ms', false],
      ['approval', 'now', true],
    ])
    expect(rows[4]?.bars).toEqual([{ fromMs: 1180, toMs: 2140 }])
  })

  it('has few ticks, at round times', () => {
    expect(ticksOf(2140, 6).map(({ text }) => text)).toEqual(['0', '0.5 s', '1 s', '1.5 s', '2 s'])
    expect(ticksOf(90_000, 3).map(({ text }) => text)).toEqual(['0', '1 m'])
    for (const totalMs of [0, 0.4, 7, 99, 12_345, 1e7, 1e9]) expect(ticksOf(totalMs, 6).length).toBeLessThan(8)
  })
})

it('a value of JSON is written in one line and cut where it is long', () => {
  expect(inline({ id: 88213, tags: ['a'], none: null, empty: {} })).toBe(
    '{ id: 88213, tags: ["a"], none: null, empty: {} }',
  )
  expect(inline({ text: 'x'.repeat(500) }, 40)).toHaveLength(40)
})
