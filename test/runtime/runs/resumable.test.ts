import { expect, test } from 'vitest'
import type { RunStreamEvent } from '../../../src/protocol/run.ts'
import { ConnectionLost } from '../../../src/runtime/http/transport.ts'
import { EventLog } from '../../../src/runtime/runs/event-log.ts'
import type { StreamOptions } from '../../../src/runtime/runs/streams.ts'
import { collect } from '../scratch.ts'
import { RunRig, response, settle } from './rig.ts'

const delta = (id: number, text = `${id}`): RunStreamEvent => ({ id, event: 'text.delta', data: { text } })
const deltas = (count: number) => Array.from({ length: count }, (_, at) => delta(at + 1))

/** A resumable run `a`, which has told `count` events and waits for its answer. */
async function open(count: number, resumable: StreamOptions['resumable'] = true) {
  const rig = new RunRig()
  const process = rig.ready()
  rig.streams.set(
    'a',
    (async function* () {
      yield* deltas(count)
    })(),
  )
  const stream = rig.dispatcher.stream('writer', { prompt: 'hi' }, { run: 'a', resumable })
  process.receipt('a')
  await settle()
  const resume = (after?: number) => rig.dispatcher.resume('writer', 'a', { after })
  return { rig, process, stream, resume }
}

async function first(stream: AsyncIterable<RunStreamEvent>, count: number): Promise<RunStreamEvent[]> {
  const events: RunStreamEvent[] = []
  for await (const event of stream) if (events.push(event) === count) break
  return events
}

const ids = (events: RunStreamEvent[]) => events.map(({ id }) => id)

test('who leaves a resumable run does not end it, and who comes back goes on where he was', async () => {
  const { rig, process, stream, resume } = await open(5)
  expect(ids(await first(stream, 2))).toEqual([1, 2])
  expect(process.told).toEqual([])
  const rest = collect(resume(2))
  await settle()
  rig.call().succeed()
  expect(ids(await rest)).toEqual([3, 4, 5, 6])
  expect((await rest).at(-1)).toEqual({ id: 6, event: 'run.result', data: response })
  expect(await resume(2).result).toBe(response)
})

test('a resumable run has many readers, each at its own place; nobody holds another back', async () => {
  const { rig, stream, resume } = await open(1_000)
  const stalled = stream[Symbol.asyncIterator]()
  await stalled.next()
  const readers = [stream, stream, resume(), resume(400), resume(1_000)].map((reader) => collect(reader))
  await settle()
  rig.call().succeed()
  const read = await Promise.all(readers)
  expect(read.map(({ length }) => length)).toEqual([1_001, 1_001, 1_001, 601, 1])
  for (const events of read) expect(events.at(-1)?.event).toBe('run.result')
  expect((await stalled.next()).value).toEqual(delta(2))
})

test('after its end it can be read for resumeMs, and then it is unknown', async () => {
  const { rig, resume } = await open(3, { resumeMs: 1_000 })
  rig.call().succeed()
  await settle()
  rig.clock.advance(999)
  const late = resume(1)
  rig.clock.advance(1)
  expect(() => resume(1)).toThrow(expect.objectContaining({ code: 'RUN_UNKNOWN', context: { run: 'a' } }))
  // Who had it before reads it to its end.
  expect(ids(await collect(late))).toEqual([2, 3, 4])
  expect(rig.clock.pending).toBe(0)
})

test('without a word of how long it is 30 s', async () => {
  const { rig, resume } = await open(1)
  rig.call().succeed()
  await settle()
  rig.clock.advance(29_999)
  expect(await collect(resume())).toHaveLength(2)
  rig.clock.advance(1)
  expect(() => resume()).toThrow(expect.objectContaining({ code: 'RUN_UNKNOWN' }))
})

test('the error of a run comes to each reader after its events, also later', async () => {
  const { rig, process, stream, resume } = await open(2)
  const heard: number[] = []
  const reading = (async () => {
    for await (const { id } of stream) heard.push(id)
  })()
  rig.call().fail(new ConnectionLost('gone', { isWritten: true }))
  process.bury()
  await expect(reading).rejects.toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
  expect(heard).toEqual([1, 2])
  await expect(collect(resume(2))).rejects.toMatchObject({ code: 'RUN_INTERRUPTED' })
  await expect(resume().text()).rejects.toMatchObject({ code: 'RUN_INTERRUPTED' })
})

test('it ends by cancel and by an event, as any run', async () => {
  for (const end of ['cancel', 'event'] as const) {
    const { rig, process, resume } = await open(1)
    const reader = resume()
    if (end === 'cancel') reader.cancel()
    else rig.dispatcher.hear({ type: 'run.cancel', run: 'a' })
    await expect(collect(reader)).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
    expect(process.told).toEqual([{ type: 'cancel', run: 'a', attempt: 1, started: true }])
  }
})

test('what is kept is bounded; who wants what is kept no more is told so, and from where it can be read', async () => {
  const { rig, stream, resume } = await open(10_000, { events: 100 })
  const lost = { code: 'RUN_EVENTS_LOST', run: 'a', agent: 'writer', context: { after: 0, oldest: 9_901 } }
  await expect(collect(stream)).rejects.toMatchObject(lost)
  await expect(collect(resume(9_899))).rejects.toMatchObject({ ...lost, context: { after: 9_899, oldest: 9_901 } })
  expect(ids(await first(resume(9_900), 2))).toEqual([9_901, 9_902])
  rig.call().succeed()
  await expect(stream.result).resolves.toBe(response)
  // The result takes the place of the oldest.
  expect(await collect(resume(9_901))).toHaveLength(100)
})

test('an id that is free again names the newer run', async () => {
  const { rig, resume } = await open(3)
  rig.call().succeed()
  await settle()
  rig.streams.set(
    'a',
    (async function* () {
      yield delta(1, 'second')
    })(),
  )
  rig.dispatcher.stream('writer', { prompt: 'again' }, { run: 'a', resumable: { resumeMs: 60_000 } })
  await settle()
  rig.clock.advance(30_000)
  expect(await first(resume(), 1)).toEqual([delta(1, 'second')])
  rig.dispatcher.close()
})

test('a run that is not resumable, of another agent, or that never was, is unknown', async () => {
  const { rig } = await open(1)
  rig.definitions.set('other', { ...rig.definitions.get('writer'), name: 'other' } as never)
  rig.dispatcher.stream('writer', { prompt: 'hi' }, { run: 'plain' }).result.catch(() => {})
  for (const [agent, run] of [
    ['writer', 'plain'],
    ['other', 'a'],
    ['writer', 'never'],
  ] as const) {
    expect(() => rig.dispatcher.resume(agent, run)).toThrow(expect.objectContaining({ code: 'RUN_UNKNOWN' }))
  }
  rig.dispatcher.close()
})

test('options that are none are refused before anything is sent', async () => {
  const { rig, resume } = await open(1)
  for (const resumable of [{ resumeMs: 0 }, { events: 1.5 }, { byte: 1 }, 'yes', 1] as never[]) {
    expect(() => rig.dispatcher.stream('writer', { prompt: 'hi' }, { resumable })).toThrow(
      expect.objectContaining({ code: 'RUN_REQUEST_INVALID' }),
    )
  }
  for (const after of [-1, 0.5, Number.NaN, '1' as never])
    expect(() => resume(after)).toThrow(expect.objectContaining({ code: 'RUN_REQUEST_INVALID' }))
  expect(() => rig.dispatcher.run('writer', { prompt: 'hi' }, { resumable: true } as never)).toThrow(
    /for streams resumable/,
  )
  expect(rig.sent).toEqual(['a'])
})

test('when the system closes, nothing is left of what could be resumed', async () => {
  const { rig, stream, resume } = await open(1)
  const ended = await open(1)
  ended.rig.call().succeed()
  await settle()
  const reading = collect(stream)
  rig.dispatcher.close()
  ended.rig.dispatcher.close()
  await expect(reading).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
  await settle()
  expect([rig.clock.pending, ended.rig.clock.pending]).toEqual([0, 0])
  expect(() => resume()).toThrow(expect.objectContaining({ code: 'RUN_UNKNOWN' }))
})

test('a log is bounded in bytes as well, and keeps its last event however large', async () => {
  const log = new EventLog({ agent: 'writer', events: 1_000, bytes: 10_000 })
  for (let id = 1; id <= 50; id += 1) log.push(delta(id, 'x'.repeat(436)))
  log.end()
  expect(ids(await collect(read(log, 40)))).toEqual([41, 42, 43, 44, 45, 46, 47, 48, 49, 50])
  await expect(collect(read(log, 39))).rejects.toMatchObject({ code: 'RUN_EVENTS_LOST' })
  log.push({ id: 51, event: 'custom', data: { name: 'large', value: 'x'.repeat(1_000_000) } })
  expect(ids(await collect(read(log, 50)))).toEqual([51])
  await expect(collect(read(log, 49))).rejects.toMatchObject({ context: { after: 49, oldest: 51 } })
})

test('a log counts on where a run that was run again counts from 1 again', async () => {
  const log = new EventLog({ agent: 'writer', events: 1_000, bytes: 10_000 })
  for (const event of [delta(1), delta(2), delta(1, 'again')]) log.push(event)
  log.end()
  expect(await collect(read(log, 1))).toEqual([delta(2), delta(3, 'again')])
})

async function* read(log: EventLog, after: number) {
  const reader = log.from(after).read()
  for (let event = await reader.shift(); event !== undefined; event = await reader.shift()) yield event
}
