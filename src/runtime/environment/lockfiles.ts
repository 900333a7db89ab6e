/**
 * Owns the reading of `uv.lock` and `pylock.toml` into requirements that pip understands. Only what installing needs is read;
 * where uv is there, it reads its own lock itself.
 */
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'

/** What a lock means to pip. */
export interface LockedRequirements {
  requirements: string[]
  /** Pins for what the requirements bring along. */
  constraints: string[]
}

const uvSource = z.object({
  registry: z.string().optional(),
  git: z.string().optional(),
  url: z.string().optional(),
  path: z.string().optional(),
  directory: z.string().optional(),
  editable: z.string().optional(),
  virtual: z.string().optional(),
})
const uvPackage = z.object({
  name: z.string(),
  version: z.string().optional(),
  source: uvSource.default({}),
  'resolution-markers': z.array(z.string()).default([]),
  dependencies: z
    .array(z.object({ name: z.string(), extra: z.array(z.string()).default([]), marker: z.string().optional() }))
    .default([]),
})
const uvLock = z.object({
  version: z.number(),
  package: z.array(uvPackage).default([]),
})

/**
 * @param data the parsed TOML. @param file absolute, the base of relative paths.
 * @throws ZodError where it is no uv.lock; Error where nothing in it is the project
 */
export function readUvLock(data: unknown, file: string): LockedRequirements {
  const lock = uvLock.parse(data)
  const root = lock.package.find(
    ({ source }) => source.virtual === '.' || source.editable === '.' || source.directory === '.',
  )
  if (root === undefined) throw new Error('it has no package for the directory it is in')
  const counts = new Map<string, number>()
  for (const { name } of lock.package) counts.set(name, (counts.get(name) ?? 0) + 1)
  const constraints = lock.package
    .filter((entry) => entry !== root && entry.source.virtual === undefined)
    .map((entry) => {
      const markers =
        (counts.get(entry.name) ?? 0) > 1 ? entry['resolution-markers'].map((marker) => `(${marker})`) : []
      return withMarker(uvPin(entry, dirname(file)), markers.join(' or '))
    })
  const requirements = root.dependencies.map(({ name, extra, marker }) =>
    withMarker(extra.length === 0 ? name : `${name}[${extra.join(',')}]`, marker),
  )
  return { requirements: [...new Set(requirements)], constraints }
}

function uvPin({ name, version, source }: z.infer<typeof uvPackage>, base: string): string {
  if (source.git !== undefined) {
    const url = new URL(source.git)
    const subdirectory = url.searchParams.get('subdirectory')
    const commit = url.hash.slice(1)
    const fragment = subdirectory === null ? '' : `#subdirectory=${subdirectory}`
    return `${name} @ git+${url.origin === 'null' ? `${url.protocol}//${url.host}` : url.origin}${url.pathname}@${commit}${fragment}`
  }
  if (source.url !== undefined) return `${name} @ ${source.url}`
  const local = source.path ?? source.directory ?? source.editable
  if (local !== undefined) return `${name} @ ${pathToFileURL(resolve(base, local)).href}`
  return version === undefined ? name : `${name}==${version}`
}

const pylockPackage = z.object({
  name: z.string(),
  version: z.string().optional(),
  marker: z.string().optional(),
  vcs: z
    .object({
      type: z.string(),
      url: z.string().optional(),
      path: z.string().optional(),
      'commit-id': z.string(),
      subdirectory: z.string().optional(),
    })
    .optional(),
  directory: z.object({ path: z.string() }).optional(),
  archive: z.object({ url: z.string().optional(), path: z.string().optional() }).optional(),
})
const pylock = z.object({
  'lock-version': z.string().regex(/^1\./, 'only version 1 is known'),
  'default-groups': z.array(z.string()).default([]),
  packages: z.array(pylockPackage),
})

/** @throws ZodError where it is no pylock.toml */
export function readPylock(data: unknown, file: string): LockedRequirements {
  const lock = pylock.parse(data)
  const requirements = lock.packages
    .filter(({ marker }) => isDefault(marker, lock['default-groups']))
    .map((entry) =>
      withMarker(pylockPin(entry, dirname(file)), entry.marker?.match(groupMarker) ? undefined : entry.marker),
    )
  return { requirements, constraints: [] }
}

const groupMarker = /(?:['"]([^'"]+)['"]\s+(?:not\s+)?in\s+)(?:extras|dependency_groups)/

/** Packages of extras and of groups that are not on by default are left out. */
function isDefault(marker: string | undefined, groups: readonly string[]): boolean {
  const match = marker?.match(groupMarker)
  return match === null || match === undefined || groups.includes(match[1] ?? '')
}

function pylockPin(entry: z.infer<typeof pylockPackage>, base: string): string {
  const { name, version, vcs, directory, archive } = entry
  if (vcs !== undefined) {
    const fragment = vcs.subdirectory === undefined ? '' : `#subdirectory=${vcs.subdirectory}`
    return `${name} @ ${vcs.type}+${vcs.url ?? local(vcs.path, base)}@${vcs['commit-id']}${fragment}`
  }
  if (directory !== undefined) return `${name} @ ${local(directory.path, base)}`
  if (archive !== undefined) return `${name} @ ${archive.url ?? local(archive.path, base)}`
  return version === undefined ? name : `${name}==${version}`
}

function local(path: string | undefined, base: string): string {
  return pathToFileURL(resolve(base, path ?? '.')).href
}

function withMarker(requirement: string, marker: string | undefined): string {
  return marker === undefined || marker === '' ? requirement : `${requirement} ; ${marker}`
}
