/**
 * Owns one call of a tool: its arguments to a run, the run's events to progress, its end to a result.
 *
 * 1. A run that fails is a result that says so, for the model that called; only a call of no tool is an error of the protocol.
 */
import { type CallToolResult, ProtocolError, ProtocolErrorCode, type ServerContext } from '@modelcontextprotocol/server'
import * as z from 'zod'
import { type AxonError, toAxonError } from '../../../errors.ts'
import type { RunResponse, RunStreamEvent } from '../../../protocol/run.ts'
import type { Front } from '../../front.ts'
import { demandAgent } from '../../guards.ts'
import { readBody } from '../../schemas.ts'
import { toMetadata } from '../../statuses.ts'
import type { Caller } from '../../tokens.ts'
import { type Exchange, exchangeOf } from './exchange.ts'

const callArguments = z.strictObject({ prompt: z.string(), deps: z.unknown().optional() })

interface Call {
  name: string
  arguments?: Record<string, unknown> | undefined
}

/** @throws ProtocolError where there is no such tool for this caller */
export async function callTool(front: Front, call: Call, context: ServerContext): Promise<CallToolResult> {
  const exchange = exchangeOf(context.http?.req)
  const { caller } = exchange
  demandTool(front, caller, call.name)
  const signal = AbortSignal.any([context.mcpReq.signal, exchange.gone])
  try {
    const request = readBody(callArguments, call.arguments ?? {})
    const token = context.mcpReq._meta?.progressToken
    if (token === undefined) return resultOf(await front.runs.run(caller, call.name, request, { signal }))
    const stream = front.runs.stream(caller, call.name, request, { signal })
    const answer = await tellProgress(stream, exchange, (progress, message) =>
      context.mcpReq.notify({
        method: 'notifications/progress',
        params: { progressToken: token, progress, ...(message && { message }) },
      }),
    )
    return resultOf(answer)
  } catch (given) {
    return failureOf(toAxonError(given), caller)
  }
}

/** Whether there is one is told only to who may use it. */
function demandTool({ axon }: Front, caller: Caller, name: string): void {
  try {
    demandAgent(axon, caller, name)
  } catch {
    const message = `There is no tool ${JSON.stringify(name.slice(0, 63))}. tools/list has those that there are.`
    throw new ProtocolError(ProtocolErrorCode.InvalidParams, message)
  }
}

async function tellProgress(
  events: AsyncIterable<RunStreamEvent>,
  exchange: Exchange,
  tell: (progress: number, message: string | undefined) => Promise<void>,
): Promise<RunResponse> {
  const { promise, resolve } = Promise.withResolvers<RunResponse>()
  for await (const event of events) {
    if (event.event === 'run.result') resolve(event.data)
    else {
      await exchange.room()
      await tell(event.id, messageOf(event))
    }
  }
  return await promise
}

/** What a person would want to read of it. */
function messageOf({ event, data }: RunStreamEvent): string | undefined {
  if (event === 'text.delta') return data.text
  if (event === 'tool.call') return `Calls ${data.name}.`
  if (event === 'tool.approval') return `Waits for the approval of ${data.name}.`
  if (event === 'custom') return data.name
  return undefined
}

function resultOf({ result, usage }: RunResponse): CallToolResult {
  const text = typeof result === 'string' ? result : JSON.stringify(result)
  const isObject = typeof result === 'object' && result !== null && !Array.isArray(result)
  return {
    content: [{ type: 'text', text }],
    ...(isObject && { structuredContent: result as Record<string, unknown> }),
    _meta: { 'axon/usage': usage },
  }
}

function failureOf(error: AxonError, caller: Caller): CallToolResult {
  const told = toMetadata(error, caller)
  return {
    isError: true,
    content: [{ type: 'text', text: told.message }],
    _meta: { 'axon/error': told },
  }
}
