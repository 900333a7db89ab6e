/**
 * Owns a lock across processes, as files: who holds it, taking it over from the dead, waiting. It knows nothing of what it
 * protects.
 *
 * A lock is a directory of numbered files, each with its owner. The highest number counts; an empty file is a released one.
 * 1. A file appears whole, by link(2) from a private one: nobody reads half an owner.
 * 2. To take a free or a dead lock means to create the next number: of two who try, one fails.
 * 3. The highest file is never removed, only superseded. A taker who was slow, and created a number that others have passed
 *    meanwhile, sees the higher one and steps back. So two takers never both hold the lock.
 */
import { randomUUID } from 'node:crypto'
import { link, mkdir, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { isAlive, type Owner, ownerName, parseOwnerName, thisOwner } from '../process/owner.ts'

export interface LockOptions {
  signal?: AbortSignal | undefined
  /** Told once, when another live process holds the lock. */
  onWait?: ((owner: Owner) => void) | undefined
}

const firstPollMs = 20
const maxPollMs = 250

/** Takes the lock and returns the function that gives it back. Rejects with the signal's reason when aborted. */
export async function acquireLock(directory: string, options: LockOptions = {}): Promise<() => Promise<void>> {
  await mkdir(directory, { recursive: true })
  for (let pollMs = firstPollMs, hasWaited = false; ; ) {
    options.signal?.throwIfAborted()
    const top = await highest(directory)
    const holder = await liveOwner(directory, top)
    if (holder === undefined) {
      const file = await claim(directory, top + 1)
      if (file !== undefined) return () => truncate(file, 0)
      continue
    }
    if (!hasWaited) options.onWait?.(holder)
    hasWaited = true
    await delay(pollMs, undefined, options.signal === undefined ? {} : { signal: options.signal })
    pollMs = Math.min(pollMs * 1.5, maxPollMs)
  }
}

async function highest(directory: string): Promise<number> {
  return numbers(await readdir(directory)).reduce((a, b) => Math.max(a, b), -1)
}

function numbers(names: readonly string[]): number[] {
  return names.filter((name) => /^\d+$/.test(name)).map(Number)
}

async function liveOwner(directory: string, number: number): Promise<Owner | undefined> {
  if (number < 0) return undefined
  const file = join(directory, String(number))
  try {
    const owner = parseOwnerName(await readFile(file, 'utf8'))
    return owner !== undefined && isAlive(owner, (await stat(file)).mtimeMs) ? owner : undefined
  } catch (error) {
    // Superseded between listing and reading: look again.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return liveOwner(directory, await highest(directory))
    throw error
  }
}

async function claim(directory: string, number: number): Promise<string | undefined> {
  const file = join(directory, String(number))
  const own = join(directory, `.${ownerName(thisOwner())}-${randomUUID()}`)
  try {
    await writeFile(own, ownerName(thisOwner()), { flag: 'wx' })
    await link(own, file)
  } catch (error) {
    // Somebody was first, or took our private file for a dead one's: look again.
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EEXIST' || code === 'ENOENT') return undefined
    throw error
  } finally {
    await rm(own, { force: true })
  }
  const names = await readdir(directory)
  if (numbers(names).some((other) => other > number)) {
    await rm(file, { force: true })
    return undefined
  }
  await Promise.all(
    names.filter((name) => isOver(name, number)).map((name) => rm(join(directory, name), { force: true })),
  )
  return file
}

/** Superseded numbers, and private files of takers that died. */
function isOver(name: string, number: number): boolean {
  if (/^\d+$/.test(name)) return Number(name) < number
  const owner = parseOwnerName(name.slice(1))
  return owner === undefined || !isAlive(owner, 0)
}
