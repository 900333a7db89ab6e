import { expect, test } from 'vitest'
import { RunError } from '../../../src/errors.ts'
import type { RunStreamEvent } from '../../../src/protocol/run.ts'
import type { RecordRow } from '../../../src/runtime/journal/messages.ts'
import { type ReplaySource, replay } from '../../../src/runtime/journal/replay.ts'

const response = { result: 'abc', messages: [], usage: { total_tokens: 3 } }
const events: RunStreamEvent[] = [
  { id: 1, event: 'run.started', data: { run_id: 'a' } },
  ...Array.from(
    { length: 1_200 },
    (_, at): RunStreamEvent => ({
      id: at + 2,
      event: 'text.delta',
      data: { text: `${at} ` },
    }),
  ),
]
const result = { id: events.length + 1, event: 'run.result', data: response }

function source(changes: Partial<RecordRow> = {}, kept = events): ReplaySource {
  const times = { createdAt: 1, finishedAt: 2 }
  const answer = {
    status: 'succeeded',
    started: 1,
    attempt: 1,
    response: JSON.stringify(response),
    error: null,
  } as const
  const row: RecordRow = { run: 'a', agent: 'writer', mode: 'resumable', ...times, ...answer, ...changes }
  return {
    questions: {
      get: async (run) => (run === 'a' ? [row] : []),
      events: async (_, after, limit) => kept.filter(({ id }) => id > after).slice(0, limit),
    },
    runOf: () => undefined,
  }
}

async function read(stream: AsyncIterable<RunStreamEvent>) {
  const seen: RunStreamEvent[] = []
  try {
    for await (const event of stream) seen.push(event)
  } catch (error) {
    return { seen, error }
  }
  return { seen }
}

const unsettled = { status: 'sent', finishedAt: null, response: null } as const

test('every event is read in its order, and the answer last, from any place and any number of times', async () => {
  const stream = replay(source(), 'writer', 'a', 0)
  for (let time = 0; time < 2; time += 1) expect(await read(stream)).toEqual({ seen: [...events, result] })
  expect(await read(replay(source(), 'writer', 'a', 1_199))).toEqual({ seen: [...events.slice(1_199), result] })
  expect(await stream.result).toEqual(response)
})

test('the error of a run comes after its events', async () => {
  const error = JSON.stringify({ code: 'AGENT_RAISED', message: 'no', kind: 'ValueError' })
  const failed = replay(source({ status: 'failed', response: null, error }), 'writer', 'a', 0)
  const told = { code: 'AGENT_RAISED', message: 'no', kind: 'ValueError', run: 'a' }
  expect(await read(failed)).toMatchObject({ seen: events, error: told })
  await expect(failed.result).rejects.toMatchObject(told)
})

test('a run that goes on as a whole is waited for; of one that nobody has, nobody knows', async () => {
  const { questions } = source(unsettled)
  const runOf = () => ({ result: Promise.resolve(response), cancel() {} })
  expect(await read(replay({ questions, runOf }, 'writer', 'a', 0))).toEqual({ seen: [...events, result] })
  const unknown = { code: 'RUN_OUTCOME_UNKNOWN', started: undefined }
  expect(await read(replay(source(unsettled), 'writer', 'a', 0))).toMatchObject({ seen: events, error: unknown })
})

test.each([
  ['no run has', 'writer', 'b', {}],
  ['another agent has', 'reader', 'a', {}],
  ['a run has that was not resumable', 'writer', 'a', { mode: 'stream' }],
] as const)('an id that %s is RUN_UNKNOWN for whoever reads', async (_, agent, run, changes) => {
  const stream = replay(source(changes, []), agent, run, 0)
  expect(await read(stream)).toMatchObject({ seen: [], error: { code: 'RUN_UNKNOWN', context: { run } } })
  await expect(stream.result).rejects.toMatchObject({ code: 'RUN_UNKNOWN' })
})

test('an event that is missing is told, and nothing after it', async () => {
  const { seen, error } = await read(replay(source({}, events.toSpliced(700, 1)), 'writer', 'a', 0))
  expect(seen).toEqual(events.slice(0, 700))
  expect(error).toBeInstanceOf(RunError)
  expect(error).toMatchObject({ code: 'RUN_EVENTS_LOST', context: { after: 700 } })
})

test('who stops reading reads no more', async () => {
  const stream = replay(source(), 'writer', 'a', 0)
  for await (const event of stream) if (event.id === 3) break
  expect(await read(stream)).toMatchObject({ seen: [...events, result] })
})
