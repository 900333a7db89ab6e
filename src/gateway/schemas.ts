/**
 * Owns the bodies of the gateway's own routes: what is validated, and what OpenAPI is made from.
 */
import * as z from 'zod'
import { AxonError } from '../errors.ts'
import { errorBody, runRequest, runResponse } from '../protocol/run.ts'

export { errorBody, runRequest, runResponse }

/** What a run may be refused with, by status. */
export const runErrors = {
  404: errorBody,
  422: errorBody,
  429: errorBody,
  500: errorBody,
  502: errorBody,
  503: errorBody,
  504: errorBody,
}

export const agentEvent = z.strictObject({
  type: z.enum(['agent.start', 'agent.stop', 'agent.restart', 'agent.drain', 'agent.scale']),
  /** Of `agent.scale`. */
  replicas: z.int().nonnegative().max(1_000).optional(),
})

export const approval = z.strictObject({
  /** Of the event `tool.approval`. */
  id: z.string().min(1).max(1_000),
  approved: z.boolean(),
  /** For the model, where it is denied. */
  message: z.string().max(10_000).optional(),
})

export const status = z.strictObject({ status: z.enum(['ok', 'starting', 'closing']) })

const replicaRow = z.object({
  replica: z.string(),
  generation: z.string(),
  pid: z.int().nullable(),
  state: z.string(),
  inFlight: z.int(),
  rss: z.number().nullable(),
  cpu: z.number().nullable(),
  restarts: z.int(),
})

export const agentRow = z.object({
  name: z.string(),
  state: z.string(),
  replicas: z.array(replicaRow),
  inFlight: z.int(),
  queue: z.int(),
  runs: z.int(),
  errors: z.int(),
  restarts: z.int(),
  rss: z.number().nullable(),
  cpu: z.number().nullable(),
})

const rayReplica = z.object({
  id: z.string(),
  state: z.string(),
  actor: z.string().optional(),
  node: z.string().optional(),
  pid: z.int().optional(),
  rss: z.number().optional(),
  cpu: z.number().optional(),
  inFlight: z.int().optional(),
})

export const agentList = z.object({ agents: z.array(agentRow) })

export const agentView = agentRow.extend({
  limits: z.unknown().optional(),
  sandbox: z.object({ level: z.string(), achieved: z.record(z.string(), z.string()).optional() }).optional(),
  /** Of an agent on Ray. */
  application: z.object({ name: z.string(), replicas: z.array(rayReplica) }).optional(),
  metadata: z.record(z.string(), z.unknown()),
})

export const eventAccepted = z.object({ accepted: z.literal(true), state: z.string() })

export const runStatus = z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled', 'timed_out', 'interrupted'])

export const runAccepted = z.object({ run_id: z.string(), status: runStatus, location: z.string() })

/** Times are milliseconds since 1970. */
export const runView = z.object({
  run_id: z.string(),
  agent: z.string(),
  status: runStatus,
  attempt: z.int(),
  started: z.boolean().optional(),
  created_at: z.number(),
  finished_at: z.number().optional(),
  response: runResponse.optional(),
  error: errorBody.shape.error.optional(),
})

export const approvalAnswered = z.object({ run_id: z.string(), id: z.string(), approved: z.boolean() })

/** @throws AxonError RUN_REQUEST_INVALID naming each field that is wrong */
export function readBody<Output>(schema: z.ZodType<Output>, body: unknown): Output {
  const parsed = schema.safeParse(body)
  if (parsed.success) return parsed.data
  throw new AxonError('RUN_REQUEST_INVALID', `The body is not valid: ${z.prettifyError(parsed.error)}.`, {
    cause: parsed.error,
  })
}
