import { expect, it } from 'vitest'
import type { CrashFrame, EventFrame, LogFrame, SnapshotFrame } from '../../../src/inspector/frames.ts'
import {
  type EventRow,
  EventRows,
  isError,
  matchesEvent,
  parseEventFilter,
} from '../../../src/inspector/page/views/event-rows.ts'
import { logRows } from '../../../src/inspector/page/views/log-rows.ts'
import { emptyWorld } from '../../../src/inspector/page/world.ts'

const event = (seq: number, type: string, more: Partial<EventFrame> = {}): EventFrame => ({
  type: '@xstate.event',
  seq,
  at: seq,
  sessionId: 'x:1',
  sourceId: 'x:0',
  event: { type },
  taken: true,
  ...more,
})
const state = (seq: number, value: string): SnapshotFrame => ({
  type: '@xstate.snapshot',
  seq,
  at: seq,
  sessionId: 'x:1',
  snapshot: { status: 'active', value, next: [], since: seq },
  event: { type: 'e' },
  edges: [],
})

it('an event has the state that it left its receiver in; one that changed nothing has none', () => {
  const rows = new EventRows()
  rows.add([event(1, 'agent.start'), state(2, 'provisioning'), event(3, 'process.heartbeat'), event(4, 'agent.ready')])
  rows.add([state(5, 'ready')])
  expect(rows.rows.map(({ after }) => after)).toEqual(['provisioning', undefined, 'ready'])
  expect(rows.seq).toBe(5)
  expect([rows.at(rows.rows, 0), rows.at(rows.rows, 3), rows.at(rows.rows, 99)]).toEqual([-1, 1, 2])
})

it('no more rows are kept than the history has', () => {
  const rows = new EventRows()
  for (let seq = 1; seq <= 60_000; seq += 1) rows.add([event(seq, 'e')])
  expect(rows.rows.length).toBeLessThanOrEqual(22_000)
  expect(rows.rows.at(-1)?.frame.seq).toBe(60_000)
})

it('the filter takes types by their beginning, actors and runs by a part, errors, and words of any of them', () => {
  const crash = { type: 'crash', seq: 3, at: 3, sessionId: 'x:1', class: 'oom', message: '' } as unknown as CrashFrame
  const rows: EventRow[] = [
    { frame: event(1, 'agent.start'), after: undefined },
    {
      frame: event(2, 'run.settled', { run: 'run_7KQ2', event: { type: 'run.settled', outcome: 'failed' } }),
      after: undefined,
    },
    { frame: crash, after: undefined },
  ]
  const found = (text: string) =>
    rows.flatMap((row, i) => (matchesEvent(parseEventFilter(text), row, emptyWorld()) ? [i] : []))
  expect(found('')).toEqual([0, 1, 2])
  expect(found('type:agent. type:crash')).toEqual([0, 2])
  expect(found('actor:x:0')).toEqual([0, 1])
  expect(found('run:7kq')).toEqual([1])
  expect(found('error')).toEqual([1, 2])
  expect(found('start')).toEqual([0])
  expect(found('type:run. start')).toEqual([])
  expect(rows.map(isError)).toEqual([false, true, true])
})

it('lines of two processes stand in the order of their time, with a rule before each generation, and dropped ones are said', () => {
  const line = (n: number, generation: string, text: string, more: Partial<LogFrame> = {}): LogFrame => ({
    type: 'log',
    at: n,
    sessionId: 'x:1',
    generation,
    n,
    stream: 'out',
    text,
    ...more,
  })
  const lines = [line(3, 'a/0#2', 'third'), line(1, 'a/0#1', 'first'), line(2, 'a/0#1', 'second', { dropped: 7 })]
  const said = (search: string) =>
    logRows(lines, search).map((row) =>
      row.kind === 'line' ? row.frame.text : row.kind === 'rule' ? row.text : row.count,
    )
  expect(said('')).toEqual(['a/0#1', 'first', 7, 'second', 'a/0#2', 'third'])
  expect(said('THIRD')).toEqual(['a/0#2', 'third'])
})
