import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { expect, test } from 'vitest'
import { catalogue } from '../../src/runtime/telemetry/catalogue.ts'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/events.md'), 'utf8')

const catalogueFile = 'src/runtime/telemetry/catalogue.ts'
const systemFile = 'src/machines/system-context.ts'
const { config } = ts.readConfigFile(join(root, 'tsconfig.json'), ts.sys.readFile)
const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root)
const program = ts.createProgram([join(root, catalogueFile), join(root, systemFile)], options)
const checker = program.getTypeChecker()

/** The rows of the tables below a heading, cell by cell, without backquotes around the first. */
function rows(heading: string): string[][] {
  const section = page.split(`\n## ${heading}\n`)[1]?.split('\n## ')[0] ?? ''
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    )
}

const named = (text = '') => [...text.matchAll(/`([^`]+)`/g)].map(([, name]) => name)

test('the page has every event of the catalogue, with its level and its meaning, in the same order', () => {
  const told = rows('Events').map(([event, level, , says]) => [named(event)[0], level, says])
  expect(told).toEqual(Object.entries(catalogue).map(([name, { level, says }]) => [name, level, says]))
})

test('the page has every field of every event', () => {
  const fields = fieldsOf(catalogueFile, 'AxonEvent')
  const told = rows('Events').map(([event, , payload]) => [named(event)[0], named(payload).sort()])
  expect(told).toEqual(Object.keys(catalogue).map((name) => [name, fields.get(name)?.sort()]))
})

test('the page has every command that may be sent, with its fields', () => {
  const commands = fieldsOf(systemFile, 'SystemCommand')
  const told = rows('Commands').map(([command, fields]) => [named(command)[0] as string, named(fields)] as const)
  expect(new Map(told)).toEqual(commands)
  expect(told).toHaveLength(commands.size)
})

test('every field that is named in the tables is explained', () => {
  const explained = new Set(rows('Fields').flatMap(([names]) => named(names)))
  const used = [...rows('Events').map((cells) => cells[2]), ...rows('Commands').map((cells) => cells[1])].flatMap(named)
  const missing = used.map((name) => (name as string).replace('?', '')).filter((name) => !explained.has(name))
  expect(missing).toEqual([])
})

/** The fields of each member of `union`, but `type`; those that may be missing end in `?`. */
function fieldsOf(file: string, union: string): Map<string, string[]> {
  const source = program.getSourceFile(join(root, file)) as ts.SourceFile
  const alias = source.statements.find((node) => ts.isTypeAliasDeclaration(node) && node.name.text === union) as ts.Node
  const type = checker.getTypeAtLocation(alias)
  const members = type.isUnion() ? type.types : [type]
  return new Map(
    members.flatMap((member) => {
      const properties = member.getProperties()
      const fields = properties
        .filter(({ name }) => name !== 'type')
        .map(({ name, flags }) => (flags & ts.SymbolFlags.Optional ? `${name}?` : name))
      const kind = checker.getTypeOfSymbol(properties.find(({ name }) => name === 'type') as ts.Symbol)
      const kinds = kind.isUnion() ? kind.types : [kind]
      return kinds.map((one) => [(one as ts.StringLiteralType).value, fields] as const)
    }),
  )
}
