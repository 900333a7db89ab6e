import { once } from 'node:events'
import { PassThrough } from 'node:stream'
import { finished } from 'node:stream/promises'
import { expect, test } from 'vitest'
import { Output, type OutputLine } from '../../../src/runtime/process/output.ts'
import { bytesInUse, mebi } from '../scratch.ts'

/** What is told of one stream that says `chunks` and ends. */
async function linesOf(...chunks: (string | Buffer)[]): Promise<OutputLine[]> {
  const lines: OutputLine[] = []
  const output = new Output((line) => lines.push(line))
  const source = new PassThrough()
  output.attach('stderr', source)
  for (const chunk of chunks) source.write(chunk)
  source.end()
  await output.ended
  return lines
}

const texts = (lines: OutputLine[]) => lines.map(({ line }) => line)

test('lines are told one by one, with their stream, whatever pieces they come in', async () => {
  expect(await linesOf('on', 'e\ntw', 'o\r\n', '\n', 'three')).toEqual([
    { stream: 'stderr', line: 'one', droppedBytes: 0 },
    { stream: 'stderr', line: 'two', droppedBytes: 0 },
    { stream: 'stderr', line: 'three', droppedBytes: 0 },
  ])
})

test('a character that comes in two pieces is whole', async () => {
  const fox = Buffer.from('a 🦊\n')
  for (let cut = 0; cut <= fox.length; cut += 1) {
    expect(texts(await linesOf(fox.subarray(0, cut), fox.subarray(cut)))).toEqual(['a 🦊'])
  }
})

test('a line is cut at 16 KiB and says how many bytes were dropped', async () => {
  const [line, next] = await linesOf('x'.repeat(20_000), `${'y'.repeat(1_000)}\n`, 'short\n')
  expect(line).toEqual({ stream: 'stderr', line: 'x'.repeat(16 * 1024), droppedBytes: 21_000 - 16 * 1024 })
  expect(next).toEqual({ stream: 'stderr', line: 'short', droppedBytes: 0 })
})

test('a line of nothing but dropped bytes is told all the same', async () => {
  const [line] = await linesOf('\u0007'.repeat(20_000))
  expect(line).toEqual({ stream: 'stderr', line: '', droppedBytes: 20_000 - 16 * 1024 })
})

test('colours, control characters of both sets and terminal commands are taken out; tabs stay', async () => {
  const said = '\u001b[31mred\u001b[0m \u001b]0;title\u0007a\tb\u0000\u0008\u007f\u0085\u009bc\n'
  expect(texts(await linesOf(said))).toEqual(['red a\tb'])
  expect(texts(await linesOf('\u0090\u0085x\u009c\n'))).toEqual(['x'])
})

test('bytes that are no UTF-8 become replacement characters', async () => {
  expect(texts(await linesOf(Buffer.from([0x66, 0xff, 0xfe, 0x67, 10])))).toEqual(['f\ufffd\ufffdg'])
})

test('the last 40 lines are kept, of both streams together, oldest first', async () => {
  const output = new Output(() => {})
  const [stdout, stderr] = [new PassThrough(), new PassThrough()]
  output.attach('stdout', stdout)
  output.attach('stderr', stderr)
  for (let count = 0; count < 100; count += 1) stdout.write(`line ${count}\n`)
  stdout.end()
  await finished(stdout)
  stderr.end('Killed')
  await output.ended
  expect(output.lastLines).toEqual([...Array.from({ length: 39 }, (_, at) => `line ${61 + at}`), 'Killed'])
})

test('a flood without a newline keeps 16 KiB of 100 MB, and counts the rest', async () => {
  const lines: OutputLine[] = []
  const output = new Output((line) => lines.push(line))
  const source = new PassThrough()
  output.attach('stdout', source)
  const chunk = Buffer.alloc(64 * 1024, 120)
  const before = bytesInUse()
  const rounds = Math.ceil(100_000_000 / chunk.length)
  for (let round = 0; round < rounds; round += 1) {
    if (!source.write(chunk)) await new Promise((resolve) => source.once('drain', resolve))
  }
  expect(bytesInUse() - before).toBeLessThan(16 * mebi)
  source.end()
  await output.ended
  expect(lines.map(({ droppedBytes }) => droppedBytes)).toEqual([rounds * chunk.length - 16 * 1024])
})

test('a flood of lines is read by turns: what else waits has its own in between', async () => {
  let told = 0
  const output = new Output(() => {
    told += 1
  })
  const source = new PassThrough()
  for (let count = 0; count < 100; count += 1) source.write('a line\n'.repeat(10_000))
  source.end()
  output.attach('stdout', source)
  await new Promise((resolve) => setImmediate(resolve))
  expect(told).toBeLessThan(50_000)
  await output.ended
  expect(told).toBe(1_000_000)
})

test('an error of the stream ends it and harms nobody', async () => {
  const output = new Output(() => {})
  const source = new PassThrough()
  output.attach('stdout', source)
  source.destroy(new Error('EIO'))
  await output.ended
})

test('close lets go of streams that something else holds open', async () => {
  const output = new Output(() => {})
  const source = new PassThrough()
  output.attach('stdout', source)
  const isRead = once(source, 'data')
  source.write('last words')
  await isRead
  output.close()
  await output.ended
  expect(source.destroyed).toBe(true)
  expect(output.lastLines).toEqual(['last words'])
})
