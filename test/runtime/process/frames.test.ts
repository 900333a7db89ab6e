import fc from 'fast-check'
import { expect, test } from 'vitest'
import { maxFrameBytes } from '../../../src/protocol/control.ts'
import { FrameReader } from '../../../src/runtime/process/frames.ts'
import { bytesInUse, mebi } from '../scratch.ts'

const frames = ['{"type":"drain"}', '{"text":"żółć 🦊"}', '', '{"run":"r-1"}']
const bytes = Buffer.from(frames.map((frame) => `${frame}\n`).join(''))

test('frames are the same wherever the bytes are split, in the middle of a character too', () => {
  for (let cut = 0; cut <= bytes.length; cut += 1) {
    const reader = new FrameReader()
    expect([...reader.lines(bytes.subarray(0, cut)), ...reader.lines(bytes.subarray(cut))]).toEqual(frames)
  }
})

test('frames are the same however many pieces the bytes come in', () => {
  fc.assert(
    fc.property(
      fc.array(fc.string({ unit: 'grapheme' })),
      fc.infiniteStream(fc.integer({ min: 1, max: 9 })),
      (texts, sizes) => {
        const sent = texts.map((text) => JSON.stringify(text))
        const all = Buffer.from(sent.map((frame) => `${frame}\n`).join(''))
        const reader = new FrameReader()
        const read: string[] = []
        for (let at = 0; at < all.length; ) {
          const size = sizes.next().value ?? 1
          read.push(...reader.lines(all.subarray(at, at + size)))
          at += size
        }
        expect(read).toEqual(sent)
      },
    ),
  )
})

test('a frame is as long as 1 MiB with its newline, and no longer', () => {
  const longest = Buffer.concat([Buffer.alloc(maxFrameBytes - 1, 120), Buffer.from('\n')])
  expect([...new FrameReader().lines(longest)][0]).toHaveLength(maxFrameBytes - 1)
  expect(() => [...new FrameReader().lines(Buffer.alloc(maxFrameBytes, 120))]).toThrow(RangeError)
})

test('a frame that never ends is refused when it is too long, not when it ends', () => {
  const reader = new FrameReader()
  const chunk = Buffer.alloc(64 * 1024, 120)
  let accepted = 0
  expect(() => {
    for (;;) {
      for (const line of reader.lines(chunk)) throw new Error(`a line: ${line.length}`)
      accepted += chunk.length
    }
  }).toThrow('A frame is longer than 1048576 bytes.')
  expect(accepted).toBeLessThan(maxFrameBytes)
})

test('what is put together from single bytes costs no more than its bytes', () => {
  const reader = new FrameReader()
  const before = bytesInUse()
  const byte = Buffer.from('x')
  for (let count = 0; count < 900_000; count += 1) reader.lines(byte).next()
  expect(bytesInUse() - before).toBeLessThan(32 * mebi)
  expect([...reader.lines(Buffer.from('\n'))][0]).toHaveLength(900_000)
})

test('nothing is kept of frames that have been read', () => {
  const reader = new FrameReader()
  const chunk = Buffer.from(`${'x'.repeat(1000)}\n`.repeat(64))
  const before = bytesInUse()
  let lines = 0
  for (let count = 0; count < 1000; count += 1) for (const _ of reader.lines(chunk)) lines += 1
  expect(lines).toBe(64_000)
  expect(bytesInUse() - before).toBeLessThan(16 * mebi)
})
