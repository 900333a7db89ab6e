/**
 * Owns what MCP's clients are told of each agent: a tool with its description and its schemas.
 *
 * 1. Looking starts no process: the schemas of an agent are known while it is ready, and until then it takes any `deps`.
 */
import type { Tool } from '@modelcontextprotocol/server'
import type { AgentSchema } from '../../../protocol/schema.ts'
import type { Axon } from '../../../runtime/axon.ts'
import { mayUse } from '../../guards.ts'
import type { Caller } from '../../tokens.ts'

/** How long a process may take to tell its schemas, in milliseconds. */
const schemaMs = 2_000

type JsonSchema = Record<string, unknown>

export class Tools {
  readonly #axon: Axon
  /** By generation, so that a new process is asked anew. */
  readonly #schemas = new Map<string, { generation: string; schema: Promise<AgentSchema | undefined> }>()

  constructor(axon: Axon) {
    this.#axon = axon
  }

  /** Of the agents that the caller may use. */
  async list(caller: Caller): Promise<Tool[]> {
    const names = this.#axon.agents.filter((name) => mayUse(caller, name))
    return await Promise.all(names.map((name) => this.#describe(name)))
  }

  forget(agent: string): void {
    this.#schemas.delete(agent)
  }

  async #describe(name: string): Promise<Tool> {
    const snapshot = this.#axon.agent(name).snapshot()
    const schema = snapshot?.state === 'ready' ? await this.#schema(name, snapshot.generation) : undefined
    const { description, title } = snapshot?.metadata ?? {}
    return {
      name,
      ...(typeof title === 'string' && { title }),
      description: typeof description === 'string' ? description : `Asks the agent ${name}.`,
      inputSchema: inputOf(schema?.input) as Tool['inputSchema'],
      ...(isObjectSchema(schema?.output) && { outputSchema: schema.output as Tool['outputSchema'] }),
    }
  }

  #schema(agent: string, generation: string): Promise<AgentSchema | undefined> {
    const known = this.#schemas.get(agent)
    if (known?.generation === generation) return known.schema
    const schema = this.#read(agent).then((read) => {
      // It is asked again where it had no time to answer.
      if (read === undefined) this.forget(agent)
      return read
    })
    this.#schemas.set(agent, { generation, schema })
    return schema
  }

  async #read(agent: string): Promise<AgentSchema | undefined> {
    const { promise: late, resolve } = Promise.withResolvers<undefined>()
    const timer = setTimeout(resolve, schemaMs, undefined)
    const asked = this.#axon.agent(agent).schema()
    return await Promise.race([asked.catch(() => undefined), late]).finally(() => clearTimeout(timer))
  }
}

const prompt = { type: 'string', description: 'What the agent is asked.' }

/** Other fields of a request, the model above all, are not for a model to choose. */
function inputOf(input: JsonSchema = {}): JsonSchema {
  const { deps } = (input.properties ?? {}) as { deps?: JsonSchema }
  const isRequired = Array.isArray(input.required) && input.required.includes('deps')
  // References point to the root of the schema that they stand in.
  const { $defs, ...own } = deps ?? {}
  const isTold = isRequired || Object.keys(own).some((key) => key !== 'title' && key !== 'default')
  return {
    type: 'object',
    properties: { prompt, ...(isTold && { deps: own }), ...(deps === undefined && { deps: {} }) },
    required: ['prompt', ...(isRequired ? ['deps'] : [])],
    additionalProperties: false,
    ...($defs !== undefined && { $defs }),
  }
}

/** The result of a tool that has a schema is an object in every version of the protocol. */
function isObjectSchema(schema: JsonSchema | undefined): schema is JsonSchema {
  return schema?.type === 'object'
}
