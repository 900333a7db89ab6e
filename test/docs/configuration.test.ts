import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { configSchema } from '../../src/runtime/config/file.ts'

const root = join(import.meta.dirname, '../..')
const read = (path: string) => readFileSync(join(root, path), 'utf8')

interface ObjectSchema {
  properties: Record<string, ObjectSchema>
  additionalProperties: ObjectSchema
}

test('config.schema.json is what the configuration is read by', () => {
  expect(JSON.parse(read('config.schema.json'))).toEqual(configSchema())
})

test('docs/agents.md has every option of an agent, and it or docs/cli.md every option of a system', () => {
  const { properties } = configSchema() as unknown as ObjectSchema
  const row = (option: string) => new RegExp(`^\\|[^|]*\`${option.replace('$', '\\$')}[\`:.]`, 'm')
  const page = read('docs/agents.md')
  const missing = (options: object, text: string) => Object.keys(options).filter((option) => !row(option).test(text))
  expect(missing(properties.agents?.additionalProperties.properties ?? {}, page)).toEqual([])
  expect(missing(properties, page + read('docs/cli.md'))).toEqual([])
})
