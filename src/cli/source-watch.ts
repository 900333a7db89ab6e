/**
 * Owns which source files have changed: directories are watched, and contents decide. What is done about it is dev-system.ts's.
 *
 * 1. A file has changed where its content is another than it was: an event alone, a new time, or Python's own bytecode is no change.
 * 2. Several files that are saved together are one change.
 * 3. A file that is empty or gone is looked at again before it counts: editors empty or move a file before they write it.
 */
import { createHash } from 'node:crypto'
import { type FSWatcher, lstatSync, readdirSync, readFileSync, watch } from 'node:fs'
import { basename, dirname, join } from 'node:path'

const quietMs = 10
const emptyMs = 100

/** Beside Python files: what an environment is made of. */
const environmentFiles = new Set(['pyproject.toml', 'requirements.txt', 'uv.lock', 'pylock.toml'])

interface Change {
  /** Absolute. */
  paths: readonly string[]
  /** When the first of them was noticed, as `performance.now()`. */
  at: number
}

export interface SourceWatchOptions {
  onChange: (change: Change) => void
  /** Watching goes on with the other directories; for example because the system has no watches left. */
  onError: (error: Error) => void
}

export class SourceWatch {
  readonly #options: SourceWatchOptions
  /** Trees of directories whose Python files are watched. */
  #roots = new Set<string>()
  /** Files that are watched whatever their names. */
  #files = new Set<string>()
  #watchers = new Map<string, FSWatcher>()
  /** What each file had in it; undefined where there was none. */
  #contents = new Map<string, string | undefined>()
  #touched = new Map<string, number>()
  #timer: NodeJS.Timeout | undefined

  constructor(options: SourceWatchOptions) {
    this.#options = options
  }

  /** Watches these trees and files, and no others. What there is now is no change. */
  set(roots: Iterable<string>, files: Iterable<string>): void {
    this.#roots = new Set(roots)
    this.#files = new Set(files)
    for (const [directory, watcher] of this.#watchers) {
      if (this.#isInTree(directory)) continue
      watcher.close()
      this.#watchers.delete(directory)
    }
    for (const root of this.#roots) this.#enter(root)
    for (const file of this.#files) {
      this.#watch(dirname(file))
      this.#remember(file)
    }
  }

  close(): void {
    clearTimeout(this.#timer)
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
  }

  /** Watches a directory and those in it. `isNew`: its files are changes. */
  #enter(directory: string, isNew = false): void {
    let entries: string[] = []
    // Watched before it is read: what comes in between is told.
    if (!this.#watch(directory)) return
    try {
      entries = readdirSync(directory)
    } catch {
      return
    }
    if (entries.includes('pyvenv.cfg')) return this.#leave(directory)
    for (const name of entries) {
      const path = join(directory, name)
      if (this.#isSource(path)) isNew ? this.#touch(path) : this.#remember(path)
      else if (isTree(path)) this.#enter(path, isNew)
    }
  }

  #leave(directory: string): void {
    this.#watchers.get(directory)?.close()
    this.#watchers.delete(directory)
  }

  #watch(directory: string): boolean {
    if (this.#watchers.has(directory)) return true
    try {
      const watcher = watch(directory, (_, name) => name !== null && this.#hear(directory, name))
      // It was removed.
      watcher.on('error', () => this.#leave(directory))
      this.#watchers.set(directory, watcher)
      return true
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') this.#options.onError(error as Error)
      return false
    }
  }

  #hear(directory: string, name: string): void {
    const path = join(directory, name)
    if (this.#isSource(path)) return this.#touch(path)
    if (!this.#isInTree(path) || !isTree(path)) return
    // A directory that was replaced has another inode: its old watch hears nothing.
    this.#leave(path)
    this.#enter(path, true)
  }

  #touch(path: string): void {
    if (!this.#touched.has(path)) this.#touched.set(path, performance.now())
    this.#look(quietMs)
  }

  #look(delayMs: number): void {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#compare(), delayMs)
  }

  #compare(): void {
    const changed: string[] = []
    let at = Number.POSITIVE_INFINITY
    let isWaiting = false
    for (const [path, since] of this.#touched) {
      const content = hashOf(path)
      const isSame = content === this.#contents.get(path)
      if (!isSame && isNothing(content) && performance.now() - since < emptyMs) {
        isWaiting = true
        continue
      }
      this.#touched.delete(path)
      if (isSame) continue
      this.#contents.set(path, content)
      changed.push(path)
      at = Math.min(at, since)
    }
    if (isWaiting) this.#look(emptyMs)
    if (changed.length > 0) this.#options.onChange({ paths: changed, at })
  }

  #remember(path: string): void {
    if (!this.#contents.has(path)) this.#contents.set(path, hashOf(path))
  }

  #isSource(path: string): boolean {
    if (this.#files.has(path)) return true
    const name = basename(path)
    return (name.endsWith('.py') || environmentFiles.has(name)) && this.#isInTree(dirname(path))
  }

  #isInTree(path: string): boolean {
    for (const root of this.#roots) if (path === root || path.startsWith(`${root}/`)) return true
    for (const file of this.#files) if (path === dirname(file)) return true
    return false
  }
}

/** A directory that may hold sources. Links are not followed: they may go round in a circle. */
function isTree(path: string): boolean {
  const name = basename(path)
  if (name.startsWith('.') || name === '__pycache__' || name === 'node_modules') return false
  return lstatSync(path, { throwIfNoEntry: false })?.isDirectory() ?? false
}

function hashOf(path: string): string | undefined {
  try {
    return createHash('sha256').update(readFileSync(path)).digest('base64')
  } catch {
    return undefined
  }
}

const emptyHash = createHash('sha256').digest('base64')

function isNothing(content: string | undefined): boolean {
  return content === undefined || content === emptyHash
}
