/**
 * Owns requirements as text: single PEP 508 strings and requirements files with what they include. Checks only what would
 * otherwise fail late or be taken for an option; resolving is the installer's.
 */
import { readFile, stat } from 'node:fs/promises'
import { dirname, isAbsolute, resolve } from 'node:path'
import { PythonEnvError } from '../../errors.ts'

const name = '[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?'
const extras = '(?:\\s*\\[[^\\]]*\\])?'
const clause = '(?:===|~=|==|!=|<=|>=|<|>)\\s*[^\\s,;()<>=!~]+'
const clauses = `${clause}(?:\\s*,\\s*${clause})*\\s*,?`
const pep508 = new RegExp(`^${name}${extras}\\s*(?:@\\s*\\S.*|(?:${clauses}|\\(\\s*${clauses}\\s*\\))?\\s*(?:;.+)?)$`)

/** Why the text is no requirement, or undefined where it is one. Paths and URLs are taken as they are. */
export function requirementFault(text: string): string | undefined {
  if (text.trim() === '') return 'is empty'
  if (/[\r\n\0]/.test(text)) return 'has more than one line'
  if (text.trimStart().startsWith('-')) return 'starts with "-": options belong in a requirements file'
  if (isLocation(text)) return undefined
  return pep508.test(text.trim()) ? undefined : 'is not a requirement such as "name>=1.0"'
}

function isLocation(text: string): boolean {
  const bare = text.split(/\s*;|\s+#/, 1)[0] ?? ''
  return (
    /^[a-z+]+:\/\//i.test(bare) ||
    /^(\.|~|\/)/.test(bare) ||
    /^[^\s@<>=!~]*\/[^\s]*$/.test(bare) ||
    /\.(whl|zip|tar\.gz)$/.test(bare)
  )
}

/** Whether it names a place of which there is only source: a directory, a repository, an archive that is no wheel. */
export function isBuilt(text: string): boolean {
  const place = /^(?:[^\s@]+\s*@\s*)?(\S+)/.exec(text.trim())?.[1] ?? ''
  return isLocation(place) && !/\.whl(?:[#?]|$)/.test(place)
}

/**
 * What stands for the requirement in a fingerprint: the text itself, and for local files and directories also their state.
 * @param base absolute directory that relative paths start from.
 */
export async function requirementIdentity(text: string, base: string): Promise<string> {
  const normal = text.trim().replace(/\s+/g, ' ')
  const path = /(?:^|@\s*)(?:file:\/\/)?((?:\.|\/)[^\s;#[]*)/.exec(normal)?.[1]
  if (path === undefined) return normal
  const file = isAbsolute(path) ? path : resolve(base, path)
  const states = await Promise.all([file, `${file}/pyproject.toml`, `${file}/setup.py`].map(fileState))
  return [normal, ...states].join(' ')
}

async function fileState(file: string): Promise<string> {
  try {
    const { mtimeMs, size } = await stat(file)
    return `${mtimeMs}:${size}`
  } catch {
    return ''
  }
}

/**
 * Reads a requirements file and all that it includes, and returns what stands for them in a fingerprint.
 * @throws PythonEnvError ENV_SOURCE_INVALID with file and line
 */
export async function readRequirementsFile(file: string): Promise<string> {
  return (await readLines(file, new Set())).join('\n')
}

async function readLines(file: string, seen: Set<string>): Promise<string[]> {
  if (seen.has(file)) return []
  seen.add(file)
  const identities: string[] = []
  for (const { line, text } of logicalLines(await readText(file))) {
    const included = /^(?:-r|--requirement|-c|--constraint)(?:\s*=\s*|\s*)(\S.*)$/.exec(text)?.[1]
    if (included !== undefined) {
      identities.push(text.slice(0, 3))
      if (!/^[a-z]+:\/\//i.test(included)) {
        const target = resolve(dirname(file), included)
        identities.push(...(await readLines(target, seen).catch(notFoundAt(file, line, included))))
      } else identities.push(included)
      continue
    }
    if (text.startsWith('-')) {
      identities.push(await requirementIdentity(text.replace(/^(?:-e|--editable)[\s=]+/, ''), dirname(file)))
      continue
    }
    const requirement = text.replace(/\s+--(?:hash|global-option|config-settings?)\b.*$/, '')
    const fault = requirementFault(requirement)
    if (fault !== undefined) {
      throw new PythonEnvError(
        'ENV_SOURCE_INVALID',
        `${file}, line ${line}: "${requirement}" ${fault}. Correct the line.`,
        {
          context: { file, line },
        },
      )
    }
    identities.push((await requirementIdentity(requirement, dirname(file))) + text.slice(requirement.length))
  }
  return identities
}

function logicalLines(content: string): { line: number; text: string }[] {
  const result: { line: number; text: string }[] = []
  let open = ''
  let openedAt = 0
  for (const [index, raw] of content.split(/\r?\n/).entries()) {
    if (open === '') openedAt = index + 1
    if (/\\$/.test(raw) && !/^\s*#/.test(raw)) {
      open += `${raw.slice(0, -1)} `
      continue
    }
    const text = (open + raw).replace(/(^|\s)#.*$/, '').trim()
    open = ''
    if (text !== '') result.push({ line: openedAt, text })
  }
  return result
}

async function readText(file: string): Promise<string> {
  try {
    const bytes = await readFile(file)
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    const why = cause instanceof TypeError ? 'is not UTF-8 text' : 'cannot be read'
    throw new PythonEnvError(
      'ENV_SOURCE_INVALID',
      `The requirements file ${file} ${why}. Give the path of an existing one.`,
      {
        context: { file, isMissing: (cause as NodeJS.ErrnoException).code === 'ENOENT' },
        cause,
      },
    )
  }
}

function notFoundAt(file: string, line: number, included: string): (error: unknown) => never {
  return (error) => {
    if (!(error instanceof PythonEnvError) || error.context.isMissing !== true) throw error
    throw new PythonEnvError(
      'ENV_SOURCE_INVALID',
      `${file}, line ${line}: ${included} does not exist. Correct the line.`,
      {
        context: { file, line },
        cause: error,
      },
    )
  }
}
