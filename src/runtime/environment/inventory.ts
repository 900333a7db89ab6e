/**
 * Owns the look at the environments of a cache directory, and the removal of those that nobody needs. Which of them counts is
 * store.ts's, who runs in them is told by processes and by the records of systems.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { lstat, readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { knownSystems } from '../state/living.ts'
import { acquireLock } from './lock.ts'
import { EnvironmentStore } from './store.ts'

export interface StoredFacts {
  /** Of what it was made of: interpreter, requirements or lock, and axon_agent. */
  fingerprint: string
  /** The virtual environment's directory. */
  root: string
  /** Python's version. */
  python: string
  installer: 'uv' | 'pip'
  /** Packages that are installed in it. */
  packages: number
  /** What it takes of the disk. A file that it shares with uv's cache is counted. */
  bytes: number
  /** When an agent was last given it, in milliseconds since 1970. */
  lastUsed: number
  /** Ids of processes that run in it; of a system elsewhere that shares the records: its Node's. */
  inUseBy: number[]
}

export interface Places {
  cacheDir: string
  stateDir: string
}

/** One that was found just now may be about to be used. */
const freshMs = 10 * 60_000

/** Those that are complete, the last used first. */
export async function listEnvironments(places: Places): Promise<StoredFacts[]> {
  const stored = await new EnvironmentStore(places.cacheDir).list()
  const facts = await Promise.all(
    stored.map(async ({ fingerprint, version, installer, root, directory, lastUsedMs }) => {
      const [bytes, packages] = await Promise.all([sizeOf(directory), packagesIn(root)])
      const used = { lastUsed: Math.round(lastUsedMs), inUseBy: usersOf(root, places.stateDir) }
      return { fingerprint, root, python: version, installer, packages, bytes, ...used }
    }),
  )
  return facts.sort((a, b) => b.lastUsed - a.lastUsed)
}

export interface PruneOptions extends Places {
  /** Only those that nobody was given for so long, in milliseconds; 10 minutes at least. */
  olderThanMs: number
  /** Says what would be removed, and removes nothing. */
  isDryRun?: boolean | undefined
}

/** Removes environments that nobody uses and nobody has used for a while, and what dead builders left. Answers those it removed. */
export async function pruneEnvironments({ olderThanMs, isDryRun, ...places }: PruneOptions): Promise<StoredFacts[]> {
  const store = new EnvironmentStore(places.cacheDir)
  const sinceMs = Date.now() - Math.max(olderThanMs, freshMs)
  const removed: StoredFacts[] = []
  for (const environment of await listEnvironments(places)) {
    if (environment.lastUsed > sinceMs || environment.inUseBy.length > 0) continue
    if (isDryRun || (await removeOne(store, environment, sinceMs, places))) removed.push(environment)
  }
  if (!isDryRun) await store.prune()
  return removed
}

async function removeOne(
  store: EnvironmentStore,
  { fingerprint, root }: StoredFacts,
  sinceMs: number,
  { cacheDir, stateDir }: Places,
): Promise<boolean> {
  const release = await acquireLock(join(cacheDir, 'locks', fingerprint))
  try {
    if (usersOf(root, stateDir).length > 0) return false
    return await store.remove(fingerprint, sinceMs)
  } catch (error) {
    // Somebody else has removed it.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  } finally {
    await release()
  }
}

/** Also of a system whose records are elsewhere: its processes are started by the environment's own name for Python. */
function usersOf(root: string, stateDir: string): number[] {
  const { living, elsewhere } = knownSystems(stateDir)
  const hosts = living.flatMap((system) => system.hosts.filter((host) => host.root === root).map(({ pid }) => pid))
  const others = elsewhere.filter((system) => system.hosts.some((host) => host.root === root)).map(({ pid }) => pid)
  return [...new Set([...hosts, ...others, ...processesOf(root)])].sort((a, b) => a - b)
}

function processesOf(root: string): number[] {
  return namesIn('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith(`${root}/`)
      } catch {
        return false
      }
    })
    .map(Number)
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}

async function sizeOf(directory: string): Promise<number> {
  const entries = await readdir(directory, { withFileTypes: true }).catch(() => [])
  let bytes = 0
  for (const entry of entries) {
    const path = join(directory, entry.name)
    if (entry.isDirectory()) bytes += await sizeOf(path)
    else bytes += (await lstat(path).catch(() => undefined))?.size ?? 0
  }
  return bytes
}

async function packagesIn(root: string): Promise<number> {
  const versions = await readdir(join(root, 'lib')).catch(() => [])
  const names = await Promise.all(
    versions.map((version) => readdir(join(root, 'lib', version, 'site-packages')).catch(() => [])),
  )
  return names.flat().filter((name) => name.endsWith('.dist-info')).length
}
