/**
 * Owns what is sent to a cluster: the agent's directory as a flat zip, and the wheel of axon_agent, each with the hash of its
 * content in its name, so that what a cluster has under a name is what is meant. Uploading it belongs to writer.ts.
 */
import { createHash } from 'node:crypto'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { AxonError } from '../../../errors.ts'
import { defaultWheel, readWheel } from '../../environment/wheel.ts'
import { type ZipEntry, zip } from './zip.ts'

export interface Package {
  /** As the cluster knows it. */
  name: string
  bytes: Buffer
}

export interface Packages {
  directory: Package
  wheel: Package
}

/** Of all files of a directory; what an agent reads beyond that belongs on the cluster's own disks. */
const maxDirectoryBytes = 100 * 2 ** 20
const maxFiles = 10_000

/** Caches, and what is this machine's. Hidden files, which may hold secrets, are left out as well. */
const leftOut = new Set(['node_modules', '__pycache__'])

/** @throws AxonError CONFIG_INVALID where the directory is too large, PythonEnvError where the wheel is missing */
export async function packagesOf(name: string, cwd: string, exclude: readonly string[]): Promise<Packages> {
  const [directory, wheel] = await Promise.all([packDirectory(name, cwd, exclude), packWheel()])
  return { directory, wheel }
}

async function packDirectory(agent: string, cwd: string, exclude: readonly string[]): Promise<Package> {
  const entries: ZipEntry[] = []
  const excluded = new Set(exclude.map((path) => path.replace(/^\.\//, '').replace(/\/+$/, '')))
  let bytes = 0
  const visit = async (directory: string): Promise<void> => {
    const found = await readdir(join(cwd, directory), { withFileTypes: true })
    // A virtual environment is this machine's.
    if (directory !== '' && found.some((entry) => entry.name === 'pyvenv.cfg')) return
    for (const entry of found.sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const name = directory === '' ? entry.name : `${directory}/${entry.name}`
      if (entry.name.startsWith('.') || leftOut.has(entry.name) || excluded.has(name)) continue
      if (entry.isDirectory()) await visit(name)
      else if (entry.isFile() && !entry.name.endsWith('.pyc')) {
        const { mode, size } = await stat(join(cwd, name))
        bytes += size
        if (bytes > maxDirectoryBytes || entries.length === maxFiles) throw tooLarge(agent, cwd)
        entries.push({ name, bytes: await readFile(join(cwd, name)), isExecutable: (mode & 0o100) !== 0 })
      }
    }
  }
  await visit('')
  const archive = zip(entries)
  return { name: `axon_${hashOf(archive)}.zip`, bytes: archive }
}

/** A wheel is a zip, and goes as one: what is named a wheel Ray installs by pip, with all that it depends on. */
async function packWheel(): Promise<Package> {
  const { path, name, version, sha256 } = await readWheel(defaultWheel())
  return { name: `${name}-${version}-${sha256.slice(0, 32)}.zip`, bytes: await readFile(path) }
}

/** Names what has this content. */
export function hashOf(content: string | Buffer): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 32)
}

function tooLarge(agent: string, cwd: string): AxonError {
  const message = `The directory of agent ${agent} has more than ${maxFiles} files or ${maxDirectoryBytes / 2 ** 20} MiB, which is too much to be sent to Ray: ${cwd}. Set its cwd to the directory of its Python code, or name in placement.ray.exclude what it does not need.`
  return new AxonError('CONFIG_INVALID', message, { agent, context: { cwd } })
}
