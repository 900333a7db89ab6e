/**
 * Owns what an error is on the wire: its HTTP status, its headers, and as much of it as the caller may see.
 */
import type { FastifyError, FastifyReply } from 'fastify'
import { AxonError, type ErrorCode, isAxonError, RunError, toAxonError } from '../errors.ts'
import type { Caller } from './tokens.ts'

/** The first that a code begins with decides. */
const byPrefix: readonly (readonly [string, number])[] = [
  ['GATEWAY_REQUEST_MALFORMED', 400],
  ['GATEWAY_UNAUTHORIZED', 401],
  ['GATEWAY_FORBIDDEN', 403],
  ['GATEWAY_ROUTE_UNKNOWN', 404],
  ['GATEWAY_METHOD_UNKNOWN', 405],
  ['GATEWAY_REQUEST_SLOW', 408],
  ['GATEWAY_REQUEST_TOO_LARGE', 413],
  ['GATEWAY_REQUEST_NOT_JSON', 415],
  ['GATEWAY_CLOSING', 503],
  ['AGENT_UNKNOWN', 404],
  ['RUN_UNKNOWN', 404],
  ['TOOL_APPROVAL_UNKNOWN', 404],
  ['RUN_EVENTS_LOST', 410],
  ['RUN_REQUEST_INVALID', 422],
  ['RUN_KEY_REUSED', 422],
  ['RUN_TOO_DEEP', 422],
  ['CONFIG_INVALID', 422],
  ['RUN_REJECTED', 429],
  ['AGENT_RAISED', 500],
  ['RUN_INTERRUPTED', 502],
  ['RUN_OUTCOME_UNKNOWN', 502],
  ['PROTOCOL_', 502],
  ['RUN_CANCELLED', 503],
  ['AGENT_', 503],
  ['ENV_', 503],
  ['PROCESS_', 503],
  ['PORT_', 503],
  ['RAY_', 503],
  ['JOURNAL_', 503],
  ['SUPERVISOR_', 503],
  ['RUN_TIMEOUT', 504],
]

/** What is wanted of whoever is refused for the moment, in milliseconds, where the error does not say. */
const defaultRetryAfterMs = 1_000

/** Errors whose message tells of this machine: paths, commands, the last lines of a process. */
const isInternal =
  /^(ENV_|PROCESS_|PROTOCOL_|PORT_|RAY_|JOURNAL_|AGENT_FAILED|AGENT_BACKOFF|AGENT_M|AGENT_I|AGENT_O|INTERNAL_)/

export function statusOf(code: ErrorCode): number {
  return byPrefix.find(([prefix]) => code.startsWith(prefix))?.[1] ?? 500
}

/** Seconds, for `Retry-After`; undefined where waiting does not help. */
export function retryAfterOf(error: AxonError): string | undefined {
  const status = statusOf(error.code)
  if (status !== 429 && status !== 503) return undefined
  const { retryAfterMs } = error.context
  return String(Math.max(1, Math.ceil((typeof retryAfterMs === 'number' ? retryAfterMs : defaultRetryAfterMs) / 1_000)))
}

export const notJson = () =>
  new AxonError('GATEWAY_REQUEST_NOT_JSON', 'The body is not JSON. Send Content-Type: application/json.')

export const noRoute = () =>
  new AxonError('GATEWAY_ROUTE_UNKNOWN', 'There is nothing at this address. GET /openapi.json tells what there is.')

/** What a route or the server has thrown, as Axon's error. */
export function refusalOf(given: unknown): AxonError {
  if (isAxonError(given)) return given
  const error = given as FastifyError
  if (error.code === 'FST_ERR_CTP_INVALID_MEDIA_TYPE') return notJson()
  if (error.code === 'FST_ERR_MAX_PARAM_LENGTH') return noRoute()
  if (error.statusCode === 413)
    return new AxonError('GATEWAY_REQUEST_TOO_LARGE', 'The body is larger than maxBodyBytes.')
  if (error.statusCode !== undefined && error.statusCode < 500)
    return new AxonError('GATEWAY_REQUEST_MALFORMED', 'The request is malformed.')
  return toAxonError(error)
}

export interface WireError {
  code: string
  message: string
  run_id?: string
  agent?: string
  started?: boolean
  retryable: boolean
  attempt?: number
  kind?: string
  traceback?: string
}

/** The error as the wire has it. Where things are on this machine is for operators; everybody else learns what happened. */
export function toWire(error: AxonError, caller: Caller | undefined): { error: WireError } {
  const isOperator = caller?.roles.has('operate') === true
  const { code, retryable, agent } = error
  const message = isOperator || !isInternal.test(code) ? error.message : publicMessage(error)
  const run =
    error instanceof RunError
      ? {
          run_id: error.run,
          attempt: error.attempt,
          ...(error.started !== undefined && { started: error.started }),
          ...(error.kind !== undefined && { kind: error.kind }),
          ...(isOperator && error.traceback !== undefined && { traceback: error.traceback }),
        }
      : {}
  return { error: { code, message, retryable, ...(agent !== undefined && { agent }), ...run } }
}

/** The same within an answer of a protocol that has no headers for it. */
export function toMetadata(error: AxonError, caller: Caller): WireError & { retry_after?: number } {
  const retryAfter = retryAfterOf(error)
  return { ...toWire(error, caller).error, ...(retryAfter && { retry_after: Number(retryAfter) }) }
}

/** The headers that a refusal has whatever its body is. */
export function setRefusalHeaders(reply: FastifyReply, error: AxonError): void {
  const retryAfter = retryAfterOf(error)
  if (retryAfter !== undefined) reply.header('retry-after', retryAfter)
  if (error.code === 'GATEWAY_UNAUTHORIZED') reply.header('www-authenticate', 'Bearer realm="axon"')
}

function publicMessage({ code, agent }: AxonError): string {
  if (code === 'INTERNAL_ERROR') return 'Axon met an unexpected error. Its log has it.'
  return `${agent === undefined ? 'The system' : `Agent ${agent}`} is not available (${code}). An operator sees why.`
}
