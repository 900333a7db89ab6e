/**
 * Owns the answer of `GET /agents/{name}/schema`: what an agent takes, gives, and can call.
 */
import * as z from 'zod'

const jsonSchema = z.record(z.string(), z.unknown())

export const agentSchema = z.object({
  name: z.string(),
  framework: z.string(),
  /** Of its requests. */
  input: jsonSchema,
  /** Of its results; `{}` where it does not say. */
  output: jsonSchema,
  tools: z.array(z.object({ name: z.string(), description: z.string().nullish(), parameters: jsonSchema })),
})
/** JSON Schemas of an agent, as its process tells them. */
export type AgentSchema = z.infer<typeof agentSchema>
