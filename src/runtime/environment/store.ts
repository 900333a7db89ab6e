/**
 * Owns the environments on disk: where one is built, which one counts, and what may be removed. Does not know how one is built.
 *
 *     <cacheDir>/environments/<fingerprint>/<builder>/venv      an environment, complete or not
 *     <cacheDir>/environments/<fingerprint>/complete.json       the facts of the one that counts; its time: the last use
 *
 * A virtual environment cannot be moved: scripts and compiled files hold its path. So each builder works in a directory of its
 * own that will not be renamed, and what is renamed, last and atomically, is the file that names it.
 * 1. What complete.json does not name is never used.
 * 2. A builder writes only in its own directory: a dead builder's last writes harm nobody.
 * 3. Directories of dead builders are removed by the next one, whatever its fingerprint.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, readdir, readFile, rename, rm, rmdir, stat, utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { isOutOfFiles } from '../descriptors.ts'
import { isAlive, ownerName, parseOwnerName, thisOwner } from '../process/owner.ts'

const markerSchema = z.object({
  format: z.literal(1),
  fingerprint: z.string(),
  /** Name of the builder's directory. */
  build: z.string(),
  version: z.string(),
  installer: z.enum(['uv', 'pip']),
})
export type Marker = z.infer<typeof markerSchema>

export interface StoredEnvironment {
  root: string
  python: string
  version: string
  installer: 'uv' | 'pip'
}

export class EnvironmentStore {
  readonly #root: string

  constructor(cacheDir: string) {
    this.#root = join(cacheDir, 'environments')
  }

  /** The complete environment of that fingerprint. */
  async find(fingerprint: string): Promise<StoredEnvironment | undefined> {
    const marker = await this.#marker(fingerprint)
    if (marker === undefined || marker.fingerprint !== fingerprint) return undefined
    const root = join(this.#root, fingerprint, marker.build, 'venv')
    const python = join(root, 'bin', 'python')
    // Follows the link: an interpreter that was removed takes its environments with it.
    const isThere = await stat(python).then(
      () => true,
      () => false,
    )
    if (!isThere || !(await this.#touch(fingerprint))) return undefined
    return { root, python, version: marker.version, installer: marker.installer }
  }

  /** The complete environments, of this version's form. */
  async list(): Promise<(Marker & { directory: string; root: string; lastUsedMs: number })[]> {
    const names = await readdir(this.#root).catch(() => [])
    const found = await Promise.all(
      names.map(async (fingerprint) => {
        const marker = await this.#marker(fingerprint)
        const stats = await stat(this.#markerFile(fingerprint)).catch(() => undefined)
        if (marker === undefined || stats === undefined) return []
        const directory = join(this.#root, fingerprint)
        return [{ ...marker, directory, root: join(directory, marker.build, 'venv'), lastUsedMs: stats.mtimeMs }]
      }),
    )
    return found.flat()
  }

  /**
   * Removes an environment that was not found since `sinceMs`, and says whether it did. Only under its lock. Who finds it at the
   * same time either keeps it, or makes it anew.
   */
  async remove(fingerprint: string, sinceMs: number): Promise<boolean> {
    const file = this.#markerFile(fingerprint)
    const aside = `${file}.removed`
    await rename(file, aside)
    if ((await stat(aside)).mtimeMs > sinceMs) {
      await rename(aside, file)
      return false
    }
    await rm(join(this.#root, fingerprint), { recursive: true, force: true, maxRetries: 3 })
    return true
  }

  /** Names a directory for a build of this process. It is made by `begin`. */
  nextBuild(fingerprint: string): string {
    return join(this.#root, fingerprint, `${ownerName(thisOwner())}-${randomBytes(4).toString('hex')}`)
  }

  async begin(build: string): Promise<void> {
    await mkdir(join(build, 'tmp'), { recursive: true })
  }

  /** From here on `find` returns the environment in `build`. */
  async complete(build: string, facts: Omit<Marker, 'format' | 'build'>): Promise<void> {
    await rm(join(build, 'tmp'), { recursive: true, force: true })
    const name = build.slice(build.lastIndexOf('/') + 1)
    const draft = join(build, 'complete.json')
    await writeFile(draft, `${JSON.stringify({ format: 1, build: name, ...facts } satisfies Marker)}\n`)
    await rename(draft, join(this.#root, facts.fingerprint, 'complete.json'))
  }

  /** Removes a build, and the fingerprint's directory where nothing else is in it. */
  async discard(build: string): Promise<void> {
    await rm(build, { recursive: true, force: true, maxRetries: 3 })
    await removeEmpty(join(build, '..'))
  }

  /** Removes what dead builders left. Never fails: it is housekeeping. */
  async prune(): Promise<void> {
    const fingerprints = await readdir(this.#root).catch(() => [])
    await Promise.all(fingerprints.map((fingerprint) => this.#pruneOne(fingerprint).catch(() => {})))
  }

  async #pruneOne(fingerprint: string): Promise<void> {
    const directory = join(this.#root, fingerprint)
    const current = (await this.#marker(fingerprint))?.build
    for (const name of await readdir(directory)) {
      const owner = parseOwnerName(name)
      if (name === current || owner === undefined) continue
      const { mtimeMs } = await stat(join(directory, name))
      if (isAlive(owner, mtimeMs)) continue
      // Read again: it may have been completed since, by an owner that then died.
      if ((await this.#marker(fingerprint))?.build === name) continue
      await rm(join(directory, name), { recursive: true, force: true })
    }
    await removeEmpty(directory)
  }

  /** Its time says when the environment was last found. False where it has been taken away meanwhile. */
  async #touch(fingerprint: string): Promise<boolean> {
    const now = new Date()
    return utimes(this.#markerFile(fingerprint), now, now).then(
      () => true,
      // One that may only be read is used all the same.
      (error: NodeJS.ErrnoException) => error.code !== 'ENOENT',
    )
  }

  #markerFile(fingerprint: string): string {
    return join(this.#root, fingerprint, 'complete.json')
  }

  async #marker(fingerprint: string): Promise<Marker | undefined> {
    try {
      return markerSchema.parse(JSON.parse(await readFile(this.#markerFile(fingerprint), 'utf8')))
    } catch (error) {
      if (isOutOfFiles(error)) throw error
      return undefined
    }
  }
}

/** rmdir refuses what is not empty. */
async function removeEmpty(directory: string): Promise<void> {
  await rmdir(directory).catch(() => {})
}
