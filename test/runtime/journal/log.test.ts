import { appendFileSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { expect, onTestFinished, test } from 'vitest'
import { isCorrupt } from '../../../src/runtime/journal/faults.ts'
import { encodeEntry, segmentPath, segmentsOf } from '../../../src/runtime/journal/log-format.ts'
import { LogReader } from '../../../src/runtime/journal/log-reader.ts'
import { LogWriter } from '../../../src/runtime/journal/log-writer.ts'
import type { MarkWrite, Write } from '../../../src/runtime/journal/messages.ts'
import { scratch } from '../scratch.ts'

const mark = (key: number): MarkWrite => ['mark', key, 'sent', 1]

function newLog() {
  const path = join(scratch(), 'runs.db')
  let told = 0
  const writer = new LogWriter(path, 5, 1, () => {
    told += 1
  })
  onTestFinished(() => writer.close())
  return { path, writer, reader: new LogReader(path), told: () => told }
}

/** All that is there, and removed. */
function drain(reader: LogReader): Write[] {
  const writes: Write[] = []
  for (let part = reader.read(); part; part = reader.read()) {
    writes.push(...part.writes)
    reader.drop(part)
  }
  return writes
}

test('what was appended is read once, with what its ids begin at, and the file is nobody else’s', () => {
  const { path, writer, reader } = newLog()
  expect(reader.read()).toBeUndefined()
  writer.append([mark(1), mark(2)])
  writer.append([mark(3)])
  expect(statSync(segmentPath(path, 1)).mode & 0o777).toBe(0o600)
  const part = reader.read()
  expect(part).toMatchObject({ base: 5, writes: [mark(1), mark(2), mark(3)], next: undefined })
  expect(reader.read()).toEqual(part)
  if (part) reader.drop(part)
  expect(reader.read()).toBeUndefined()
  writer.append([mark(4)])
  expect(reader.read()?.writes).toEqual([mark(4)])
})

test('a reader is told that there is more, once until it has answered', () => {
  const { writer, told } = newLog()
  writer.append([mark(1)])
  writer.append([mark(2)])
  expect(told()).toBe(1)
  writer.applied()
  expect(told()).toBe(2)
  writer.applied()
  expect(told()).toBe(2)
})

test('a log goes on in further segments, and those that were read are removed', () => {
  const { path, writer, reader } = newLog()
  const large = (key: number): Write => ['settle', key, 'succeeded', 1, 1, 0, 'x'.repeat(1024 * 1024), null]
  for (let key = 1; key <= 10; key += 1) writer.append([large(key)])
  expect(segmentsOf(path)).toEqual([1, 2, 3])
  expect(drain(reader).map(([, key]) => key)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10])
  expect(segmentsOf(path)).toEqual([3])
  expect(reader.finish()).toBe(4)
  expect(segmentsOf(path)).toEqual([])
})

test('a reader goes on where the last system has ended, whatever the numbers of its segments', () => {
  const path = join(scratch(), 'runs.db')
  for (const segment of [3, 12]) {
    const writer = new LogWriter(path, segment, segment, () => {})
    writer.append([mark(segment)])
    writer.close()
  }
  const reader = new LogReader(path)
  expect(drain(reader)).toEqual([mark(3), mark(12)])
  expect(reader.finish()).toBe(13)
})

test('wherever the log is cut off, what was whole before is read, and nothing else', () => {
  const { path, writer } = newLog()
  const ends = [1, 2, 3].map((key) => {
    writer.append([mark(key), mark(key + 10)])
    return statSync(segmentPath(path, 1)).size
  })
  const whole = readFileSync(segmentPath(path, 1))
  for (let size = whole.length; size >= 0; size -= 1) {
    truncateSync(segmentPath(path, 1), size)
    const count = ends.filter((end) => end <= size).length
    expect(new LogReader(path).read()?.writes ?? []).toHaveLength(count * 2)
  }
})

test('a last entry that is not what was written, as after a loss of power, is none', () => {
  const { path, writer, reader } = newLog()
  writer.append([mark(1)])
  appendFileSync(segmentPath(path, 1), `${'\0'.repeat(100)}\n`)
  expect(drain(reader)).toEqual([mark(1)])
})

test('a byte that has changed anywhere before the last entry is found', () => {
  const { path, writer } = newLog()
  for (let key = 1; key <= 3; key += 1) writer.append([mark(key)])
  const whole = readFileSync(segmentPath(path, 1))
  // Without the newline before the last entry, the last line is no entry, as after a loss of power.
  const before = whole.length - encodeEntry([mark(3)]).length - 1
  fc.assert(
    fc.property(fc.integer({ min: 0, max: before - 1 }), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(whole)
      changed[at] = (changed[at] as number) ^ change
      writeFileSync(segmentPath(path, 1), changed)
      let error: unknown
      try {
        new LogReader(path).read()
      } catch (thrown) {
        error = thrown
      }
      expect(isCorrupt(error)).toBe(true)
      expect(String(error)).toContain(segmentPath(path, 1))
    }),
  )
})
