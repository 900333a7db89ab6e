/**
 * Owns `axon new`: a project from one of the templates, which are the files of the folder templates/. It overwrites nothing, and what
 * it prints at the end works as it stands.
 */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { AxonError } from '../errors.ts'
import { exitCodes } from './exit-codes.ts'
import { ask } from './question.ts'
import { type Template, templateNames, templates } from './templates.ts'
import { printJson, printLine, say } from './terminal.ts'

export interface NewFlags {
  template?: Template
  /** Asks nothing. */
  yes?: boolean
  json?: boolean
}

const packageRoot = join(import.meta.dirname, '../..')
const templatesRoot = join(packageRoot, 'templates')

/** Makes it and resolves with the exit code. @throws AxonError CONFIG_EXISTS with nothing written */
export async function newProject(given: string | undefined, flags: NewFlags): Promise<number> {
  const directory = resolve(given ?? '.')
  const isAsked = process.stdin.isTTY && process.stderr.isTTY && !flags.yes && !flags.json
  const template = flags.template ?? (isAsked ? await chosen() : 'pydantic-ai')
  if (template === undefined) return exitCodes.interrupted
  const files = [...filesOf('shared'), ...filesOf(template)]
  const there = files.filter(([path]) => existsSync(join(directory, path))).map(([path]) => path)
  if (there.length > 0) throw exists(directory, there)
  const words = {
    name: nameOf(directory),
    version: JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8')).version as string,
    modelFile: templates[template].modelFile,
  }
  for (const [path, content] of files) {
    mkdirSync(dirname(join(directory, path)), { recursive: true })
    // `wx`: somebody may have been faster.
    writeFileSync(join(directory, path), filled(content, words), { flag: 'wx' })
  }
  const paths = files.map(([path]) => path).sort()
  if (flags.json) printJson({ directory, template, files: paths })
  else tell(directory, template, paths)
  return exitCodes.done
}

function tell(directory: string, template: Template, paths: readonly string[]): void {
  const place = relative(process.cwd(), directory)
  printLine(`Made ${templates[template].says}: ${paths.join(', ')}\n\nGo on with:`)
  const commands = ['npm install', "npx axon run support --prompt 'Hello'", 'npx axon dev']
  for (const command of place === '' ? commands : [`cd ${quoted(place)}`, ...commands]) printLine(`  ${command}`)
}

/** Undefined where the person would rather not. */
async function chosen(): Promise<Template | undefined> {
  for (const [at, name] of templateNames.entries()) say(`  ${at + 1}  ${name.padEnd(14)} ${templates[name].says}`)
  for (;;) {
    const answer = await ask(`Which template? 1 to ${templateNames.length}, or a name (1): `)
    if (answer === undefined) return undefined
    const wanted = answer.trim() || '1'
    const found = templateNames.find((name, at) => wanted === name || wanted === String(at + 1))
    if (found !== undefined) return found
  }
}

/** The files of a folder of templates/, with the paths that they get. */
function filesOf(folder: string): [path: string, content: string][] {
  const root = join(templatesRoot, folder)
  const entries = readdirSync(root, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return entries.map((entry) => {
    const path = relative(root, join(entry.parentPath, entry.name))
    // npm packs no file of the name .gitignore.
    return [path === 'gitignore' ? '.gitignore' : path, readFileSync(join(root, path), 'utf8')]
  })
}

function filled(content: string, words: Record<string, string>): string {
  return content.replaceAll(/\{\{(\w+)\}\}/g, (whole, word) => words[word] ?? whole)
}

/** A name that npm takes. */
function nameOf(directory: string): string {
  const name = basename(directory)
    .toLowerCase()
    .replaceAll(/[^a-z0-9._-]+/g, '-')
    .replace(/^[._-]+|-+$/g, '')
  return name.slice(0, 200) || 'agents'
}

/** As a shell takes it. */
function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`
}

function exists(directory: string, there: readonly string[]): AxonError {
  const message = `${directory} has ${there.join(', ')} already, and nothing was written. Choose another directory: axon new NAME.`
  return new AxonError('CONFIG_EXISTS', message, { context: { directory, files: there } })
}
