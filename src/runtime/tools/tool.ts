/**
 * Owns `tool()`: a function of the user's with a description and a schema, offered to an agent. How it is called is
 * process-calls.ts.
 */
import { isDeepStrictEqual } from 'node:util'
import * as z from 'zod'
import { AxonError } from '../../errors.ts'
import type { AgentDefinition, ToolDefinition } from '../../machines/definition.ts'
import { positiveMs } from '../config/fields.ts'
import type { RunParent } from '../runs/parent.ts'
import type { AgentCalls } from './agent-calls.ts'

const brand = Symbol.for('axon-runtime.tool')
const defaultTimeoutMs = 60_000

/** What a tool's function gets beside its input. */
export interface ToolContext {
  /** The run that calls. */
  run: RunParent
  /** Names the call within its run. */
  id: string
  /** Aborted when nobody waits any more: the call's time or its run is over, its process is gone, or the agent took it back. */
  signal: AbortSignal
  /** Other agents: their runs are children of this one, cancelled with it and within its deadline. */
  axon: AgentCalls
}

export interface ToolOptions<Input extends z.ZodType> {
  /** For the model: what the tool does, and when to use it. */
  description: string
  /** The arguments: a `z.object`. What a model sends is checked by it, and what is wrong is told to the model. */
  input: Input
  /**
   * Returns the result, any JSON of at most 1 MiB; nothing is `null`. What it throws is told to the model as the tool's error.
   */
  execute: (input: z.output<Input>, context: ToolContext) => unknown
  /** Whether a person must approve a call first. Default: false. */
  needsApproval?: boolean | ((input: z.output<Input>) => boolean | Promise<boolean>) | undefined
  /** How long `execute` may take, in milliseconds. Default 60 000. */
  timeoutMs?: number | undefined
}

/** A tool of an agent, made with `tool()`. It is equal to itself only. */
export class Tool implements ToolDefinition {
  readonly execute: (input: unknown, context: ToolContext) => unknown
  readonly input: z.ZodType
  readonly needsApproval: boolean | ((input: unknown) => boolean | Promise<boolean>)
  readonly timeoutMs: number
  readonly description: string
  readonly parameters: Readonly<Record<string, unknown>>

  /** Use `tool`. */
  constructor({ execute, input, needsApproval = false, timeoutMs, description }: ToolOptions<z.ZodType>) {
    this.execute = execute
    this.input = input
    this.needsApproval = needsApproval
    this.timeoutMs = timeoutMs ?? defaultTimeoutMs
    this.description = description
    this.parameters = parametersOf(input)
  }

  /** Marks every tool, so that `isTool` works across two copies of the package. */
  get [brand](): true {
    return true
  }

  /** What the agent is told of it, and all that snapshots and inspectors see. */
  toJSON(): ToolDefinition {
    return { description: this.description, parameters: this.parameters }
  }
}

const toolOptions = z.strictObject({
  description: z.string('is no text').min(1, 'is empty'),
  input: z.custom<z.ZodType>((value) => value instanceof z.core.$ZodType, 'is no schema of zod 4'),
  execute: z.custom((value) => typeof value === 'function', 'is no function'),
  needsApproval: z
    .custom((value) => typeof value === 'boolean' || typeof value === 'function', 'is neither a boolean nor a function')
    .optional(),
  timeoutMs: positiveMs.optional(),
})

/**
 * A tool written in TypeScript, for the `tools` of an agent: `tool({ description, input: z.object({ id: z.string() }), execute })`.
 * @throws AxonError CONFIG_INVALID where an option is wrong, or the input cannot be written as JSON Schema
 */
export function tool<Input extends z.ZodType>(options: ToolOptions<Input>): Tool {
  const parsed = toolOptions.safeParse(options)
  if (!parsed.success) throw invalid(z.prettifyError(parsed.error), parsed.error)
  return new Tool(options as unknown as ToolOptions<z.ZodType>)
}

/** The tool of a process: as its definition has it now, where the process was told the same of it; else as when it began. */
export function toolFor(name: string, began: AgentDefinition, now: AgentDefinition | undefined): Tool | undefined {
  const [told, newer] = [own(began, name), own(now, name)]
  return told && newer && isDeepStrictEqual(told.parameters, newer.parameters) ? newer : told
}

function own(definition: AgentDefinition | undefined, name: string): Tool | undefined {
  const tools = definition?.tools ?? {}
  return Object.hasOwn(tools, name) ? (tools[name] as Tool) : undefined
}

export function isTool(value: unknown): value is Tool {
  return typeof value === 'object' && value !== null && (value as Record<symbol, unknown>)[brand] === true
}

function parametersOf(input: z.ZodType): Readonly<Record<string, unknown>> {
  const { $schema, ...schema } = converted(input)
  if (schema.type === 'object') return schema
  throw invalid('its input is no z.object, and the arguments of a tool are one')
}

function converted(input: z.ZodType): Record<string, unknown> {
  try {
    // What a model writes is the input: fields with a default may be left out.
    return { ...z.toJSONSchema(input, { io: 'input' }) }
  } catch (cause) {
    throw invalid(`its input cannot be written as JSON Schema: ${(cause as Error).message}`, cause)
  }
}

function invalid(what: string, cause?: unknown): AxonError {
  return new AxonError('CONFIG_INVALID', `A tool is not valid: ${what}. Give tool({ description, input, execute }).`, {
    cause,
  })
}
