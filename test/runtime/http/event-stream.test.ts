import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readEventStream, type ServerSentEvent } from '../../../src/runtime/http/event-stream.ts'
import { collect } from '../scratch.ts'

async function* cut(bytes: Buffer, sizes: Iterator<number>): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; ) {
    const size = sizes.next().value ?? 1
    yield bytes.subarray(at, at + size)
    at += size
  }
}

async function read(...chunks: (string | Buffer)[]): Promise<ServerSentEvent[]> {
  const body = (async function* () {
    for (const chunk of chunks) yield Buffer.from(chunk)
  })()
  return collect(readEventStream(body))
}

const lineOfText = fc.string({ unit: 'grapheme' }).map((text) => text.replaceAll(/[\r\n\0]/g, ''))
const name = lineOfText.filter((text) => text !== '')
const event = fc.record({
  id: name,
  event: name,
  data: fc.array(lineOfText, { minLength: 1 }).map((lines) => lines.join('\n')),
})

test('any events, cut anywhere, with any line ends and comments between them, are read as they were written', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(event, fc.constantFrom('\n', '\r\n'), fc.option(lineOfText))),
      fc.infiniteStream(fc.integer({ min: 1, max: 40 })),
      async (written, sizes) => {
        const text = written.map(([{ id, event, data }, end, comment]) => {
          const lines = [`id: ${id}`, `event: ${event}`, ...data.split('\n').map((line) => `data: ${line}`)]
          if (comment !== null) lines.splice(1, 0, `: ${comment}`)
          return `${lines.join(end)}${end}${end}`
        })
        const events = await collect(readEventStream(cut(Buffer.from(text.join('')), sizes)))
        expect(events).toEqual(written.map(([event]) => event))
      },
    ),
  )
})

test('the blank after a colon is optional, and only one is taken', async () => {
  expect(await read('id:7\nevent:x\ndata:  two\n\n')).toEqual([{ id: '7', event: 'x', data: ' two' }])
})

test('an event without a name is a message; one without data is none', async () => {
  expect(await read('data: x\n\nevent: y\n\n: keep-alive\n\ndata\n\n')).toEqual([
    { id: '', event: 'message', data: 'x' },
    { id: '', event: 'message', data: '' },
  ])
})

test('an event that is not finished at the end is dropped', async () => {
  expect(await read('data: a\n\ndata: b\n')).toEqual([{ id: '', event: 'message', data: 'a' }])
})

test('fields that nobody knows are skipped', async () => {
  expect(await read('retry: 3000\nnonsense\ndata: x\n\n')).toEqual([{ id: '', event: 'message', data: 'x' }])
})

test('a long event in many chunks costs time in proportion to its length', async () => {
  const megabytes = 16
  const chunk = Buffer.alloc(16 * 1024, 120)
  const chunks = [Buffer.from('data: '), ...Array.from({ length: megabytes * 64 }, () => chunk), Buffer.from('\n\n')]
  const before = process.cpuUsage()
  const [long] = await read(...chunks)
  expect(long?.data).toHaveLength(megabytes * 1024 * 1024)
  // Searched from its beginning at every chunk, this takes several seconds.
  expect(process.cpuUsage(before).user / 1e6).toBeLessThan(1.5)
})

test('an event that never ends is refused at 64 Mi characters', async () => {
  const body = (async function* () {
    yield Buffer.from('data: ')
    for (;;) yield Buffer.alloc(1024 * 1024, 120)
  })()
  await expect(collect(readEventStream(body))).rejects.toThrow(RangeError)
})

test('who stops reading closes the body', async () => {
  let isClosed = false
  const body = (async function* () {
    try {
      for (;;) yield Buffer.from('data: x\n\n')
    } finally {
      isClosed = true
    }
  })()
  for await (const _ of readEventStream(body)) break
  expect(isClosed).toBe(true)
})
