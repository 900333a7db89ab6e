/**
 * Owns what tests of the runtime borrow from the machine and give back: directories, and a look at the memory in use.
 */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { onTestFinished } from 'vitest'

/** A directory with a short path, removed after the test. */
export function scratch(): string {
  const directory = mkdtempSync(join(tmpdir(), 'ax-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  return directory
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes in use, buffers included, after a collection. */
export function bytesInUse(): number {
  // Buffers are freed beside the first collection; the second waits until that is done.
  collectGarbage()
  collectGarbage()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

export const mebi = 1024 * 1024

/** All that an iterable gives. */
export async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const all: Item[] = []
  for await (const item of items) all.push(item)
  return all
}
