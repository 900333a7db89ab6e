/**
 * Owns the reading of `uv.lock` and `pylock.toml` into requirements that pip understands. Only what installing needs is read;
 * where uv is there, it reads its own lock itself.
 */
import { dirname, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { z } from 'zod'

/** What a lock means to an installer: every package, pinned, so that nothing else is to be resolved. */
export interface LockedRequirements {
  /** Those whose files the lock has hashes of, with the hashes: `six==1.17.0 --hash=sha256:…`. */
  hashed: string[]
  /** The others: of repositories and directories. */
  plain: string[]
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
const uvFile = z.object({ hash: z.string().optional() })
const uvDependencies = z
  .array(
    z.object({
      name: z.string(),
      version: z.string().optional(),
      extra: z.array(z.string()).default([]),
      marker: z.string().optional(),
    }),
  )
  .default([])
const uvPackage = z.object({
  name: z.string(),
  version: z.string().optional(),
  source: uvSource.default({}),
  'resolution-markers': z.array(z.string()).default([]),
  dependencies: uvDependencies,
  'optional-dependencies': z.record(z.string(), uvDependencies).default({}),
  sdist: uvFile.optional(),
  wheels: z.array(uvFile).default([]),
})
const uvLock = z.object({
  version: z.number(),
  package: z.array(uvPackage).default([]),
})
type UvPackage = z.infer<typeof uvPackage>

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
  const byName = Map.groupBy(lock.package, ({ name }) => name)
  const lines = [...reach(byName, root)].map(([entry, markers]) => {
    const isForked = (byName.get(entry.name)?.length ?? 0) > 1
    const forks = isForked ? entry['resolution-markers'].map((one) => `(${one})`) : []
    const all = [
      ...(forks.length > 0 ? [forks.join(' or ')] : []),
      ...(markers.length > 0 ? [markers.join(' or ')] : []),
    ]
    const files = [...(entry.sdist ? [entry.sdist] : []), ...entry.wheels]
    return {
      pin: withMarker(
        uvPin(entry, dirname(file)),
        all.length > 1 ? all.map((one) => `(${one})`).join(' and ') : all[0],
      ),
      hashes: files.flatMap(({ hash }) => hash ?? []),
    }
  })
  return byHashes(lines)
}

/** The packages that the project needs, each with the markers of which one must hold; none: always. */
function reach(packages: ReadonlyMap<string, readonly UvPackage[]>, root: UvPackage): Map<UvPackage, string[]> {
  const reached = new Map<UvPackage, string[]>()
  /** What was followed of a package: its extras, under a condition. */
  const seen = new Map<UvPackage, Set<string>>()
  const follow = (dependencies: UvPackage['dependencies'], above: readonly string[]) => {
    for (const { name, version, extra, marker } of dependencies) {
      const under = marker === undefined ? above : [...new Set([...above, `(${marker})`])]
      const condition = under.join(' and ')
      const visit = JSON.stringify([[...extra].sort(), condition])
      for (const entry of packages.get(name) ?? []) {
        if (entry === root || (version !== undefined && entry.version !== version)) continue
        const visits = seen.get(entry) ?? new Set()
        if (visits.has(visit)) continue
        seen.set(entry, visits.add(visit))
        const known = reached.get(entry)
        if (condition === '') reached.set(entry, [])
        else if (known === undefined || known.length > 0)
          reached.set(entry, [...new Set([...(known ?? []), condition])])
        follow(entry.dependencies, under)
        for (const one of extra) follow(entry['optional-dependencies'][one] ?? [], under)
      }
    }
  }
  follow(root.dependencies, [])
  return reached
}

function byHashes(lines: readonly { pin: string; hashes: readonly string[] }[]): LockedRequirements {
  const of = (isHashed: boolean) => lines.filter(({ hashes }) => hashes.length > 0 === isHashed)
  return {
    hashed: of(true).map(({ pin, hashes }) => [pin, ...hashes.map((hash) => `--hash=${hash}`)].join(' ')),
    plain: of(false).map(({ pin }) => pin),
  }
}

function uvPin({ name, version, source }: UvPackage, base: string): string {
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

const pylockHashes = z.record(z.string(), z.string()).default({})
const pylockFile = z.object({ hashes: pylockHashes })
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
  archive: z.object({ url: z.string().optional(), path: z.string().optional(), hashes: pylockHashes }).optional(),
  sdist: pylockFile.optional(),
  wheels: z.array(pylockFile).default([]),
})
const pylock = z.object({
  'lock-version': z.string().regex(/^1\./, 'only version 1 is known'),
  'default-groups': z.array(z.string()).default([]),
  packages: z.array(pylockPackage),
})

/** @throws ZodError where it is no pylock.toml */
export function readPylock(data: unknown, file: string): LockedRequirements {
  const lock = pylock.parse(data)
  const lines = lock.packages
    .filter(({ marker }) => isDefault(marker, lock['default-groups']))
    .map((entry) => ({
      pin: withMarker(pylockPin(entry, dirname(file)), entry.marker?.match(groupMarker) ? undefined : entry.marker),
      hashes: [entry.archive, entry.sdist, ...entry.wheels].flatMap((one) =>
        Object.entries(one?.hashes ?? {}).map(([name, value]) => `${name}:${value}`),
      ),
    }))
  return byHashes(lines)
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
