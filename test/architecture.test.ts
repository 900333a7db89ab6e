import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, extname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = fileURLToPath(new URL('..', import.meta.url))
const maxLines = 300

/** From the bottom to the top: a layer imports itself and those below. `gateway` and `inspector` stand side by side. */
const ranks: Readonly<Record<string, number>> = {
  errors: 0,
  protocol: 1,
  machines: 2,
  runtime: 3,
  gateway: 4,
  inspector: 4,
  cli: 5,
  index: 6,
}

/** The packages that a layer may import. A layer that is not named may import any. */
const packages: Readonly<Record<string, readonly string[]>> = {
  errors: [],
  protocol: ['zod'],
  machines: ['xstate'],
}

const emptyNames = ['utils', 'util', 'helpers', 'helper', 'common', 'misc', 'lib', 'manager', 'handler']

/** `src/machines/agent.ts` is of the layer machines, `src/errors.ts` of errors. */
function layerOf(path: string): string {
  const [, second = ''] = path.split('/')
  return basename(second, extname(second))
}

/** What a file imports or exports from elsewhere, types included. Comments are left out. */
function importsOf(source: string): string[] {
  const code = source.replaceAll(/^\s*(?:\/\/|\/?\*).*$/gm, '')
  const forms = [
    /^\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]/gm,
    /^\s*import\s*['"]([^'"]+)['"]/gm,
    /\b(?:import|require)\(\s*['"]([^'"]+)['"]/g,
  ]
  return forms.flatMap((form) => [...code.matchAll(form)].map((match) => match[1] as string))
}

/** Every import of `files` (path from the root, and text) that goes the wrong way. */
function wrongImports(files: ReadonlyMap<string, string>): string[] {
  return [...files].flatMap(([path, source]) =>
    importsOf(source).flatMap((specifier) => {
      const why = specifier.startsWith('.') ? wrongNeighbour(path, specifier) : wrongPackage(path, specifier)
      return why === undefined ? [] : [`${path} imports ${specifier}: ${why}`]
    }),
  )
}

function wrongNeighbour(path: string, specifier: string): string | undefined {
  const target = normalize(join(dirname(path), specifier))
  if (!target.startsWith('src/')) return 'it is outside of src'
  const [from, to] = [layerOf(path), layerOf(target)]
  const [below, above] = [ranks[to], ranks[from]]
  if (below === undefined || above === undefined) return 'its layer is unknown'
  return from === to || below < above ? undefined : `${from} stands below or beside ${to}`
}

function wrongPackage(path: string, specifier: string): string | undefined {
  const allowed = packages[layerOf(path)]
  const name = specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/')
  return allowed === undefined || allowed.includes(name) ? undefined : `${layerOf(path)} may not`
}

/** The paths of which a folder or the file has a name that says nothing. */
function emptilyNamed(paths: readonly string[]): string[] {
  const says = (part: string) => !emptyNames.includes((part.split('.')[0] as string).toLowerCase())
  return paths.filter((path) => !path.split('/').every(says))
}

function tooLong(files: ReadonlyMap<string, string>): string[] {
  return [...files].filter(([, text]) => text.trimEnd().split('\n').length > maxLines).map(([path]) => path)
}

const skipped = new Set(['node_modules', 'dist', 'build', '__pycache__'])

function walk(folder: string): string[] {
  return readdirSync(join(root, folder), { withFileTypes: true }).flatMap((entry) => {
    const path = `${folder}/${entry.name}`
    if (entry.name.startsWith('.') || skipped.has(entry.name)) return []
    return entry.isDirectory() ? walk(path) : [path]
  })
}

function read(paths: readonly string[]): Map<string, string> {
  return new Map(paths.map((path) => [path, readFileSync(join(root, path), 'utf8')]))
}

describe('the source', () => {
  const files = read(walk('src').filter((path) => /\.tsx?$/.test(path)))

  it('is found', () => {
    expect([...files.keys()]).toContain('src/machines/agent.ts')
    expect(importsOf(files.get('src/machines/agent.ts') as string)).toContain('xstate')
  })

  it('imports downwards only, and the lower layers no package but their own', () => {
    expect(wrongImports(files)).toEqual([])
  })

  it(`has no file above ${maxLines} lines`, () => {
    expect(tooLong(files)).toEqual([])
  })

  it('has no folder or file whose name says nothing', () => {
    const folders = readdirSync(root, { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !entry.name.startsWith('.'))
      .map(({ name }) => name)
      .filter((name) => name !== 'test' && !skipped.has(name))
    expect(folders).toContain(relative(root, join(root, 'src')))
    expect(emptilyNamed(folders.flatMap(walk))).toEqual([])
  })
})

describe('the check itself', () => {
  const wrong = (path: string, source: string) => wrongImports(new Map([[path, source]]))

  it.each([
    ['src/machines/agent.ts', "import { spawn } from '../runtime/process/spawn.ts'"],
    ['src/machines/deep/agent.ts', "import type { Clock } from '../../runtime/clock.ts'"],
    ['src/machines/agent.ts', "import { readFile } from 'node:fs/promises'"],
    ['src/machines/agent.ts', "import 'execa'"],
    ['src/machines/agent.ts', "const { Pool } = await import('undici')"],
    ['src/machines/agent.ts', "import {\n  a,\n  b,\n} from 'pino'"],
    ['src/machines/agent.ts', "export * from '../index.ts'"],
    ['src/machines/agent.ts', "import { x } from '../../test/x.ts'"],
    ['src/protocol/control.ts', "import { setup } from 'xstate'"],
    ['src/protocol/control.ts', "export type { Crash } from '../machines/crash.ts'"],
    ['src/errors.ts', "import * as z from 'zod'"],
    ['src/runtime/axon.ts', "import { serve } from '../gateway/serve.ts'"],
    ['src/gateway/serve.ts', "import { page } from '../inspector/page.ts'"],
    ['src/inspector/page.ts', "import { main } from '../cli/main.ts'"],
    ['src/strange/x.ts', "import { AxonError } from '../errors.ts'"],
  ])('finds in %s: %s', (path, source) => {
    expect(wrong(path, source)).toHaveLength(1)
  })

  it.each([
    ['src/machines/agent.ts', "import { setup } from 'xstate'\nimport { AxonError } from '../errors.ts'"],
    ['src/machines/agent.ts', "import { graph } from 'xstate/graph'"],
    ['src/machines/agent.ts', " * import { createAxon } from 'axon-runtime'\n// import 'execa'"],
    ['src/protocol/control.ts', "import * as z from 'zod'"],
    ['src/runtime/axon.ts', "import { execa } from 'execa'\nimport { agentMachine } from '../machines/agent.ts'"],
    ['src/cli/main.ts', "import { createAxon } from '../runtime/axon.ts'\nimport { serve } from '../gateway/serve.ts'"],
    ['src/index.ts', "export { main } from './cli/main.ts'"],
  ])('has nothing against %s with %s', (path, source) => {
    expect(wrong(path, source)).toEqual([])
  })

  it('finds names that say nothing, of folders and of files', () => {
    const paths = ['src/lib/a.ts', 'src/a/utils.ts', 'src/Manager.test.ts', 'src/library.ts', 'src/event-handler.ts']
    expect(emptilyNamed(paths)).toEqual(paths.slice(0, 3))
  })

  it('finds files that are too long', () => {
    const of = (lines: number) => Array(lines).fill('x').join('\n')
    expect(
      tooLong(
        new Map([
          ['a', of(maxLines)],
          ['b', of(maxLines + 1)],
        ]),
      ),
    ).toEqual(['b'])
  })
})
