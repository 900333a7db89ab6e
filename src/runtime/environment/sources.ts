/**
 * Owns where an environment's requirements come from: the first source that applies, read and checked. Does not resolve or
 * install.
 *
 * In order: `dependencies` and `requirements` of the spec (they add up), uv.lock, pylock.toml, pyproject.toml,
 * requirements.txt, the PEP 723 block of the script, nothing. All are looked for in the spec's `cwd` only. The project itself
 * is not installed: its directory is on the agent's sys.path.
 */
import { readFile, stat } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import { parse, TomlError } from 'smol-toml'
import { z } from 'zod'
import { PythonEnvError } from '../../errors.ts'
import type { EnvironmentSpec } from '../../machines/slots.ts'
import { type LockedRequirements, readPylock, readUvLock } from './lockfiles.ts'
import { isBuilt, readRequirementsFile, requirementFault, requirementIdentity } from './requirements.ts'
import { invalidClause } from './requires-python.ts'

export interface Source {
  kind: 'dependencies' | 'uv.lock' | 'pylock.toml' | 'pyproject.toml' | 'requirements.txt' | 'script' | 'none'
  /** For a person: `pyproject.toml`, or `the definition`. */
  label: string
  /** Everything that decides what is installed, for the fingerprint. */
  identity: string
  requirements: readonly string[]
  /** A lock, read only when an environment must be made: parsing a large one takes longer than a whole warm check. */
  lock?: { file: string; read: () => LockedRequirements } | undefined
  /** Requirements files. Absolute. */
  files: readonly string[]
  /** Those of requirements and files that have to be built: they name directories, repositories or archives. */
  built: readonly string[]
  /** Whether those files have hashes. */
  isHashed: boolean
  requires?: { specifiers: string; file: string } | undefined
}

type SourceFields = Partial<Omit<Source, 'kind' | 'identity'>> & { identity: readonly string[] }

/** @throws PythonEnvError ENV_SOURCE_INVALID with file, and line or field */
export async function readSource(spec: EnvironmentSpec): Promise<Source> {
  return (
    (await readExplicit(spec)) ??
    (await readLock(spec, 'uv.lock', readUvLock)) ??
    (await readLock(spec, 'pylock.toml', readPylock)) ??
    (await readProject(spec)) ??
    (await readRequirementsTxt(spec)) ??
    (await readScript(spec)) ??
    source('none', { label: 'axon_agent alone', identity: [] })
  )
}

function source(kind: Source['kind'], fields: SourceFields): Source {
  const { requires, requirements = [] } = fields
  if (requires !== undefined) {
    const clause = invalidClause(requires.specifiers)
    if (clause !== undefined) throw invalid(requires.file, `requires-python: "${clause}" is not a version specifier`)
  }
  return {
    label: kind,
    requirements: [],
    files: [],
    isHashed: false,
    built: requirements.filter(isBuilt),
    ...fields,
    kind,
    identity: JSON.stringify([kind, ...fields.identity]),
  }
}

async function readExplicit(spec: EnvironmentSpec): Promise<Source | undefined> {
  if (spec.dependencies === undefined && spec.requirements === undefined) return undefined
  const requirements = spec.dependencies ?? []
  for (const [index, text] of requirements.entries()) {
    const fault = requirementFault(text)
    if (fault !== undefined) throw invalid(`dependencies[${index}]`, `"${text}" ${fault}`)
  }
  const files = spec.requirements === undefined ? [] : [resolve(spec.cwd, spec.requirements)]
  const identity = await Promise.all(requirements.map((text) => requirementIdentity(text, spec.cwd)))
  const fromFiles = await Promise.all(files.map(readRequirementsFile))
  return source('dependencies', {
    label: 'the definition',
    requirements,
    files,
    isHashed: fromFiles.some(hasHashes),
    built: [...requirements, ...fromFiles.flatMap(linesOf)].filter(isBuilt),
    identity: [...identity.sort(), '', ...fromFiles],
  })
}

async function readLock(
  spec: EnvironmentSpec,
  kind: 'uv.lock' | 'pylock.toml',
  read: (data: unknown, file: string) => LockedRequirements,
): Promise<Source | undefined> {
  const file = join(spec.cwd, kind)
  const text = await readIfThere(file)
  if (text === undefined) return undefined
  const specifiers = /^requires-python\s*=\s*["']([^"']*)["']/m.exec(text)?.[1]
  return source(kind, {
    lock: {
      file,
      read: () => {
        const data = parseToml(text, file)
        try {
          return read(data, file)
        } catch (cause) {
          throw invalid(file, cause instanceof z.ZodError ? firstIssue(cause) : (cause as Error).message, cause)
        }
      },
    },
    requires: specifiers === undefined ? undefined : { specifiers, file: kind },
    identity: [text],
  })
}

const projectSchema = z.object({
  project: z
    .object({
      dependencies: z.array(z.string()).default([]),
      dynamic: z.array(z.string()).default([]),
      'requires-python': z.string().optional(),
    })
    .optional(),
  tool: z.looseObject({ uv: z.unknown().optional(), poetry: z.looseObject({}).optional() }).optional(),
})

async function readProject(spec: EnvironmentSpec): Promise<Source | undefined> {
  const file = join(spec.cwd, 'pyproject.toml')
  const text = await readIfThere(file)
  if (text === undefined) return undefined
  const parsed = projectSchema.safeParse(parseToml(text, file))
  if (!parsed.success) throw invalid(file, firstIssue(parsed.error), parsed.error)
  const { project, tool } = parsed.data
  if (project === undefined) {
    const isOther = (await readIfThere(join(spec.cwd, 'requirements.txt'))) !== undefined
    if (tool?.poetry?.dependencies === undefined || isOther) return undefined
    throw invalid(file, 'it has [tool.poetry.dependencies] but no [project].dependencies, which Axon reads')
  }
  if (project.dynamic.includes('dependencies')) {
    throw invalid(
      file,
      'project.dynamic: dependencies that are computed by a build are not read; write them out, or lock them',
    )
  }
  checkAll(project.dependencies, file, 'project.dependencies')
  const identity = await Promise.all(project.dependencies.map((line) => requirementIdentity(line, spec.cwd)))
  const specifiers = project['requires-python']
  return source('pyproject.toml', {
    requirements: project.dependencies,
    requires: specifiers === undefined ? undefined : { specifiers, file: 'pyproject.toml' },
    identity: [...identity.sort(), JSON.stringify(tool?.uv ?? null)],
  })
}

async function readRequirementsTxt(spec: EnvironmentSpec): Promise<Source | undefined> {
  const file = join(spec.cwd, 'requirements.txt')
  const isThere = await stat(file).then(
    (stats) => stats.isFile(),
    () => false,
  )
  if (!isThere) return undefined
  const text = await readRequirementsFile(file)
  const built = linesOf(text).filter(isBuilt)
  return source('requirements.txt', { files: [file], isHashed: hasHashes(text), built, identity: [text] })
}

function linesOf(text: string): string[] {
  return text.split('\n')
}

/** Of what `readRequirementsFile` gives. */
function hasHashes(text: string): boolean {
  return /\s--hash[=\s]/.test(text)
}

const scriptSchema = z.object({
  dependencies: z.array(z.string()).default([]),
  'requires-python': z.string().optional(),
})

async function readScript(spec: EnvironmentSpec): Promise<Source | undefined> {
  if (spec.script === undefined) return undefined
  const file = resolve(spec.cwd, spec.script)
  const text = await readIfThere(file)
  const block = text === undefined ? undefined : scriptBlock(text, file)
  if (block === undefined) return undefined
  const parsed = scriptSchema.safeParse(parseToml(block.toml, file, block.line))
  if (!parsed.success) throw invalid(file, firstIssue(parsed.error), parsed.error)
  const { dependencies, 'requires-python': specifiers } = parsed.data
  checkAll(dependencies, file, 'dependencies')
  const identity = await Promise.all(dependencies.map((line) => requirementIdentity(line, spec.cwd)))
  return source('script', {
    label: file,
    requirements: dependencies,
    requires: specifiers === undefined ? undefined : { specifiers, file },
    identity: identity.sort(),
  })
}

/** The PEP 723 block without its comment signs, and the line before its first. */
function scriptBlock(text: string, file: string): { toml: string; line: number } | undefined {
  const blocks = [...text.matchAll(/^# \/\/\/ script\r?$\n((?:#(?:| .*)\r?\n)+?)# \/\/\/\r?$/gm)]
  if (blocks.length > 1) throw invalid(file, 'it has more than one "# /// script" block')
  const block = blocks[0]
  if (block === undefined) return undefined
  const toml = (block[1] ?? '').replace(/^# ?/gm, '')
  return { toml, line: text.slice(0, block.index).split('\n').length }
}

function checkAll(requirements: readonly string[], file: string, field: string): void {
  for (const [index, text] of requirements.entries()) {
    const fault = requirementFault(text)
    if (fault !== undefined) throw invalid(file, `${field}[${index}]: "${text}" ${fault}`)
  }
}

async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'EISDIR') return undefined
    throw invalid(file, 'it cannot be read', cause)
  }
}

function parseToml(text: string, file: string, firstLine = 0): unknown {
  try {
    return parse(text)
  } catch (cause) {
    if (!(cause instanceof TomlError)) throw cause
    const line = cause.line + firstLine
    const why = cause.message.split('\n', 1)[0]?.replace(/^Invalid TOML document: /, '')
    throw invalid(file, `line ${line}, column ${cause.column}: ${why}`, cause, { line, column: cause.column })
  }
}

function firstIssue(error: z.ZodError): string {
  const issue = error.issues[0]
  return `${issue?.path.join('.') || 'the document'}: ${issue?.message}`
}

function invalid(file: string, why: string, cause?: unknown, place: Record<string, unknown> = {}): PythonEnvError {
  return new PythonEnvError('ENV_SOURCE_INVALID', `${file} cannot be used: ${why}. Correct it and try again.`, {
    context: { file, ...place },
    cause,
  })
}
