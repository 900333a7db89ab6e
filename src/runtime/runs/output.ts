/**
 * Owns the `output` of an agent: the schema by which the results of its runs are parsed. Where that is done is the transport's.
 */
import * as z from 'zod'
import type { OutputDefinition } from '../../machines/definition.ts'

const made = new WeakMap<z.ZodType, Output>()

export class Output implements OutputDefinition {
  readonly schema: z.ZodType
  /** A property of its own: definitions are compared, and two schemas are never the same. */
  readonly parse: OutputDefinition['parse']

  /** Use `outputOf`. */
  constructor(schema: z.ZodType) {
    this.schema = schema
    this.parse = async (result) => {
      try {
        return { result: await z.parseAsync(schema, result) }
      } catch (cause) {
        // What a transform of the user's throws is its word, too.
        return { fault: cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause), cause }
      }
    }
  }

  /** The process is not told of it: another one calls for no other process. */
  toJSON(): undefined {
    return undefined
  }
}

/** One for each schema, so that a definition that is given again is the same. */
export function outputOf(schema: z.ZodType): Output {
  const output = made.get(schema) ?? new Output(schema)
  made.set(schema, output)
  return output
}
