import { describe, expect, test } from 'vitest'
import type { RunResponse, RunStreamEvent } from '../../../src/protocol/run.ts'
import { ConnectionLost } from '../../../src/runtime/http/transport.ts'
import { collect } from '../scratch.ts'
import { RunRig, settle } from './rig.ts'

const text = (id: number, text: string): RunStreamEvent => ({ id, event: 'text.delta', data: { text } })
const tool: RunStreamEvent = { id: 3, event: 'tool.call', data: { id: 't', name: 'look', arguments: {} } }

/** A run that tells these events, with a process that has begun it. */
function open(events: RunStreamEvent[], isResumable = false) {
  const rig = new RunRig()
  const process = rig.ready()
  let pulled = 0
  rig.streams.set(
    'a',
    (async function* () {
      for (const event of events) {
        pulled += 1
        yield event
      }
    })(),
  )
  const stream = rig.dispatcher.stream('writer', { prompt: 'hi' }, { run: 'a', resumable: isResumable })
  process.receipt('a')
  const answer = (result: unknown) => {
    const response: RunResponse = { result, messages: [], usage: { total_tokens: 0 } }
    rig.call().succeed(response)
  }
  return { rig, process, stream, answer, pulled: () => pulled }
}

const words = [text(1, 'once '), text(2, 'upon '), tool, text(4, 'a time')]

describe('the text of a stream', () => {
  test('is its deltas, as they come and as a whole', async () => {
    const one = open(words)
    one.answer('the end')
    expect(await collect(one.stream.textStream)).toEqual(['once ', 'upon ', 'a time'])
    const other = open(words)
    other.answer('the end')
    expect(await other.stream.text()).toBe('once upon a time')
  })

  test('is the result of an agent that tells no deltas, where that is text', async () => {
    for (const [result, said] of [
      ['all at once', 'all at once'],
      [{ not: 'text' }, ''],
    ]) {
      const { stream, answer } = open([])
      answer(result)
      expect(await stream.text()).toBe(said)
    }
  })

  test('comes while the run goes on; who leaves it cancels the run', async () => {
    const { rig, process, stream } = open(words)
    for await (const piece of stream.textStream) {
      expect(piece).toBe('once ')
      break
    }
    expect(process.told).toEqual([{ type: 'cancel', run: 'a', attempt: 1, started: true }])
    await settle()
    expect(rig.load.inFlight).toBe(0)
  })

  test('is refused with the error of the run', async () => {
    const { rig, process, stream } = open(words)
    const whole = stream.text()
    await settle()
    rig.call().fail(new ConnectionLost('gone', { isWritten: true }))
    process.bury()
    await expect(whole).rejects.toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
  })

  test('is read once, whichever way', async () => {
    const { stream, answer } = open(words)
    answer('')
    await stream.text()
    await expect(stream.text()).rejects.toThrow(TypeError)
    await expect(collect(stream)).rejects.toThrow(TypeError)
    expect(() => stream.toReadableStream()).toThrow(TypeError)
  })
})

describe('a stream as a web stream', () => {
  test('gives the events and the result, and closes', async () => {
    const { stream, answer } = open(words)
    answer('the end')
    const events = await collect(stream.toReadableStream())
    expect(events).toEqual([...words, { id: 99, event: 'run.result', data: await stream.result }])
  })

  test('is pulled only as it is read: 64 events wait, and no more', async () => {
    const many = Array.from({ length: 10_000 }, (_, at) => text(at + 1, 'x'))
    const { rig, stream, pulled } = open(many)
    const reader = stream.toReadableStream().getReader()
    await settle()
    expect(pulled()).toBe(64)
    for (let count = 0; count < 100; count += 1) await reader.read()
    await settle()
    expect(pulled()).toBeLessThan(170)
    await reader.cancel()
    await settle()
    expect(rig.load.inFlight).toBe(0)
  })

  test.each([0, 1])('ends the run where it is cancelled after %i events, with the reason', async (count) => {
    const { process, stream } = open(words)
    const reader = stream.toReadableStream().getReader()
    for (let at = 0; at < count; at += 1) await reader.read()
    const reason = new Error('enough')
    await reader.cancel(reason)
    expect(process.told).toEqual([{ type: 'cancel', run: 'a', attempt: 1, started: true }])
    await expect(stream.result).rejects.toMatchObject({ code: 'RUN_CANCELLED', cause: reason })
  })

  test('errs as the run does, after what had come', async () => {
    const { rig, process, stream } = open(words)
    const reader = stream.toReadableStream().getReader()
    for (const word of words) expect(await reader.read()).toEqual({ done: false, value: word })
    const next = reader.read()
    rig.call().fail(new ConnectionLost('gone', { isWritten: true }))
    process.bury()
    await expect(next).rejects.toMatchObject({ code: 'RUN_INTERRUPTED' })
  })

  test('of a resumable run can be cancelled while it waits: the run goes on', async () => {
    const { process, stream, answer } = open([], true)
    const reader = stream.toReadableStream().getReader()
    const waiting = reader.read()
    await reader.cancel()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(process.told).toEqual([])
    answer('the end')
    expect(await stream.text()).toBe('the end')
  })
})
