/**
 * Owns errors as OpenAI's clients know them: the shape, the status, and whether the client should try again.
 *
 * 1. A client tries again by itself only what has certainly not begun: `x-should-retry` tells it.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import * as z from 'zod'
import { type AxonError, RunError } from '../../../errors.ts'
import type { Front } from '../../front.ts'
import { refusalOf, setRefusalHeaders, statusOf, toWire } from '../../statuses.ts'
import type { Caller } from '../../tokens.ts'

export const errorBody = z.object({
  error: z.object({
    message: z.string(),
    type: z.string(),
    /** The field that is wrong. */
    param: z.string().nullable(),
    /** One of docs/errors.md. */
    code: z.string(),
  }),
})
export type ErrorBody = z.infer<typeof errorBody>

const types: Readonly<Record<number, string>> = {
  401: 'authentication_error',
  403: 'permission_error',
  429: 'rate_limit_error',
}

export function toErrorBody(error: AxonError, caller: Caller | undefined): ErrorBody {
  const { message } = toWire(error, caller).error
  const status = openaiStatusOf(error)
  const type = types[status] ?? (status < 500 ? 'invalid_request_error' : 'server_error')
  const { param } = error.context
  return { error: { message, type, param: typeof param === 'string' ? param : null, code: error.code } }
}

/** Answers whatever was thrown before the first piece of an answer. */
export function errorHandler(front: Front) {
  return (given: unknown, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const error = refusalOf(given)
    setRefusalHeaders(reply, error)
    if (error instanceof RunError) reply.header('x-request-id', error.run)
    reply.header('x-should-retry', String(mayRetry(error)))
    return reply.code(openaiStatusOf(error)).send(toErrorBody(error, front.knownCaller(request)))
  }
}

/** OpenAI has one status for a request that is wrong. */
function openaiStatusOf({ code }: AxonError): number {
  const status = statusOf(code)
  return status === 422 ? 400 : status
}

function mayRetry(error: AxonError): boolean {
  return error.retryable && !(error instanceof RunError && error.started !== false)
}
