/**
 * Owns how the schemas of one agent become a single JSON Schema that says nothing but types: one place for all definitions, names
 * from them alone, and nothing that a program would fetch or execute. How that is written as TypeScript is file.ts.
 */
import { isDeepStrictEqual } from 'node:util'
import type { AgentSchema } from '../../protocol/schema.ts'

export type JsonSchema = Record<string, unknown>

/** Fields of a request that are the same for every agent. */
const common = new Set(['prompt', 'message_history', 'model', 'usage_limits'])

/** Keywords whose value is taken over as it is. */
const plain = ['type', 'required', 'enum', 'const', 'description', 'deprecated'] as const
const lists = ['anyOf', 'oneOf', 'allOf'] as const
const maps = ['properties', 'patternProperties'] as const

/** `{ input, output, tools }` as one schema. */
export function typesOf({ input, output, tools }: Pick<AgentSchema, 'input' | 'output' | 'tools'>): JsonSchema {
  const definitions = new Definitions()
  const called = tools.map(({ name, description, parameters }) => {
    const schema = definitions.add(parameters, 'Arguments')
    return [name, description && !('$ref' in schema) ? { ...schema, description } : schema] as const
  })
  const properties = { input: ownInput(input, definitions), output: definitions.add(output, 'Output') }
  return {
    ...object({ ...properties, tools: object(Object.fromEntries(called)) }),
    $defs: definitions.all,
  }
}

/** Without what all requests have, and what says nothing. Each field brings its own definitions. */
function ownInput(input: JsonSchema, definitions: Definitions): JsonSchema {
  const fields = Object.entries((input.properties ?? {}) as Record<string, JsonSchema>)
    .filter(([name, schema]) => !common.has(name) && isTelling(schema))
    .map(([name, schema]) => {
      const $defs = { ...(input.$defs as JsonSchema), ...(schema.$defs as JsonSchema) }
      return [name, definitions.add({ ...schema, $defs }, 'Input')] as const
    })
  const properties = Object.fromEntries(fields)
  const required = ((input.required ?? []) as string[]).filter((name) => name in properties)
  return { ...object(properties), required }
}

/** Whether a field's schema says more than any JSON, or any object. */
function isTelling(schema: unknown): boolean {
  const { title: _title, additionalProperties, type, default: _default, ...rest } = schema as JsonSchema
  if (type === 'object') return Object.keys(rest).length > 0 || typeof additionalProperties === 'object'
  return type !== undefined || Object.keys(rest).length > 0
}

function object(properties: JsonSchema): JsonSchema {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false }
}

/** The definitions of several schemas under names that are theirs alone. */
class Definitions {
  readonly all: Record<string, JsonSchema> = {}
  /** As they were given: what two schemas define alike is one. */
  readonly #given = new Map<string, unknown>()

  /** A part of the whole: its own definitions are among all, and it refers to them there. */
  add(schema: JsonSchema, name: string): JsonSchema {
    const own = { ...(schema.definitions as JsonSchema), ...(schema.$defs as JsonSchema) }
    const names = new Map<string, string>()
    for (const [key, definition] of Object.entries(own)) names.set(`#/$defs/${key}`, this.#nameFor(key, definition))
    const { title, type } = schema
    const isModel = type === 'object' && typeof title === 'string' && /^[A-Z]\w*$/.test(title)
    const isNamed = isModel || JSON.stringify(schema).includes('"$ref":"#"')
    if (isNamed) names.set('#', this.#nameFor(isModel ? title : name, schema))
    const refer = (ref: string) => names.get(ref.replace('#/definitions/', '#/$defs/'))
    for (const [key, definition] of Object.entries(own))
      this.all[names.get(`#/$defs/${key}`) as string] = plainly(definition, refer)
    const whole = plainly(schema, refer)
    if (!isNamed) return whole
    this.all[names.get('#') as string] = whole
    return { $ref: `#/$defs/${names.get('#')}` }
  }

  #nameFor(key: string, definition: unknown): string {
    for (let count = 1; ; count += 1) {
      const name = count === 1 ? key : `${key}${count}`
      if (this.#given.has(name) && !isDeepStrictEqual(this.#given.get(name), definition)) continue
      this.#given.set(name, definition)
      return name
    }
  }
}

/** The keywords that types are made of. What refers elsewhere than to a definition can be anything. */
function plainly(given: unknown, refer: (ref: string) => string | undefined): JsonSchema {
  if (typeof given !== 'object' || given === null) return given === false ? { not: {} } : {}
  const schema = given as JsonSchema
  if (typeof schema.$ref === 'string') {
    const name = refer(schema.$ref)
    return name === undefined ? {} : { $ref: `#/$defs/${name}` }
  }
  const each = (value: unknown) => plainly(value, refer)
  const told: JsonSchema = {}
  for (const keyword of plain) if (keyword in schema) told[keyword] = schema[keyword]
  for (const keyword of lists) if (Array.isArray(schema[keyword])) told[keyword] = schema[keyword].map(each)
  for (const keyword of maps) {
    const fields = Object.entries((schema[keyword] ?? {}) as JsonSchema)
    if (keyword in schema) told[keyword] = Object.fromEntries(fields.map(([name, field]) => [name, each(field)]))
  }
  if (Array.isArray(schema.prefixItems)) {
    // A tuple, as an older draft says it.
    told.items = schema.prefixItems.map(each)
    told.additionalItems = typeof schema.items === 'object' ? each(schema.items) : false
    told.minItems = schema.minItems ?? 0
  } else if ('items' in schema) told.items = each(schema.items)
  if ('additionalProperties' in schema) {
    const { additionalProperties: others } = schema
    told.additionalProperties = typeof others === 'object' ? each(others) : others
  }
  return told
}
