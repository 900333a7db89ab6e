/**
 * Owns the HTTP calls to an agent's process: one request out, one answer or one stream in, errors as Axon's own. It judges
 * nothing: what a lost connection means for a run is decided in runtime/runs.
 */
import { type Dispatcher, errors, type Pool } from 'undici'
import { AxonError, type ErrorCode, errorCodes, RunError } from '../../errors.ts'
import type { OutputDefinition } from '../../machines/definition.ts'
import type { HttpCall, RunSlots } from '../../machines/slots.ts'
import { errorBody, type RunResponse, type RunStreamEvent, runHeaders, runResponse } from '../../protocol/run.ts'
import type { Link } from '../placement/link.ts'
import { maxEventChars, readEventStream } from './event-stream.ts'
import { type Answer, exchange } from './exchange.ts'

/** The connection failed: nobody knows yet how far the run came, but where nothing had been written. */
export class ConnectionLost extends Error {
  override readonly name = 'ConnectionLost'
  readonly isWritten: boolean

  constructor(message: string, options: ErrorOptions & { isWritten: boolean }) {
    super(message, options)
    this.isWritten = options.isWritten
  }
}

/** No byte came in time. */
export class ByteTimeout extends Error {
  override readonly name = 'ByteTimeout'
}

/** The calls through the links of one system. `links` is read at each call. */
export function createTransport(links: ReadonlyMap<string, Link>): RunSlots {
  return {
    async httpRequest(call, signal) {
      const link = linkOf(links, call)
      const { status, text } = await ask(link, call, signal)
      if (status !== 200) throw refusal(status, text, link, call)
      const body = parseJson(text, link, call)
      const response = readResponse(body, link, call)
      return call.output === undefined ? response : await fitting(response, call.output, link, call)
    },

    async *httpStream(call, signal) {
      const link = linkOf(links, call)
      const response = await send(link, call, 'run_stream', signal)
      if (response.statusCode !== 200) {
        throw refusal(response.statusCode, await readText(response, link, call, signal), link, call)
      }
      let hasResult = false
      try {
        for await (const { id, event, data } of readEventStream(response.body)) {
          // The rest is read, though nothing counts any more, so that the connection can be used again.
          if (hasResult) continue
          const body = parseJson(data, link, call)
          if (event === 'run.error') throw remoteError(body, 200, link, call)
          if (event === 'run.result') {
            const response = readResponse(body, link, call)
            const data = call.output === undefined ? response : await fitting(response, call.output, link, call)
            hasResult = true
            yield { id: Number(id), event, data }
          } else yield { id: Number(id), event, data: body } as RunStreamEvent
        }
      } catch (error) {
        if (hasResult) return
        if (error instanceof AxonError) throw error
        throw error instanceof RangeError
          ? invalidResponse(link, call.run, call.attempt, 'holds an event that is too long', error)
          : lost(error, signal)
      }
      if (!hasResult) throw new ConnectionLost('The stream ended without a result.', { isWritten: true })
    },
  }
}

function linkOf(links: ReadonlyMap<string, Link>, { generation }: HttpCall): Link {
  const link = links.get(generation)
  if (link?.pool === undefined) throw new ConnectionLost(`${generation} is gone.`, { isWritten: false })
  return link
}

async function ask(link: Link, call: HttpCall, signal: AbortSignal): Promise<Answer> {
  try {
    const { pool, options } = requestOf(link, call, 'run_sync')
    return await exchange(pool, options, signal, maxEventChars, (status) => {
      if (status === 200 && link.beginMs !== undefined) link.listener?.onStarted(call.run)
    })
  } catch (error) {
    if (error instanceof RangeError) throw invalidResponse(link, call.run, call.attempt, 'is too long', error)
    throw lost(error, signal)
  }
}

async function send(link: Link, call: HttpCall, route: string, signal: AbortSignal): Promise<Dispatcher.ResponseData> {
  try {
    const { pool, options } = requestOf(link, call, route)
    return await pool.request({ ...options, signal })
  } catch (error) {
    throw lost(error, signal)
  }
}

function requestOf(link: Link, call: HttpCall, route: string): { pool: Pool; options: Dispatcher.DispatchOptions } {
  const { run, attempt, body, timeouts, deadlineMs, trace, affinity } = call
  const favoured = affinity === undefined ? undefined : link.favour?.(affinity)
  const options: Dispatcher.DispatchOptions = {
    method: 'POST',
    path: `${link.prefix}/agents/${link.agent}/${route}`,
    headers: {
      authorization: `Bearer ${link.token}`,
      'content-type': 'application/json',
      [runHeaders.run]: run,
      [runHeaders.attempt]: String(attempt),
      [runHeaders.deadlineMs]: String(Math.max(1, Math.round(deadlineMs))),
      ...(link.beginMs !== undefined && { [runHeaders.beginMs]: String(link.beginMs) }),
      ...favoured?.headers,
      ...trace,
    },
    body,
    headersTimeout: timeouts.firstByteMs,
    bodyTimeout: timeouts.idleMs,
  }
  return { pool: favoured?.pool ?? (link.pool as Pool), options }
}

function lost(error: unknown, signal: AbortSignal): Error {
  if (signal.aborted) return signal.reason
  if (error instanceof errors.HeadersTimeoutError || error instanceof errors.BodyTimeoutError) {
    return new ByteTimeout(error.message, { cause: error })
  }
  const isWritten = !(
    error instanceof errors.ConnectTimeoutError || (error as { syscall?: string }).syscall === 'connect'
  )
  return new ConnectionLost(error instanceof Error ? error.message : String(error), { cause: error, isWritten })
}

async function readText(
  { body }: Dispatcher.ResponseData,
  link: Link,
  call: HttpCall,
  signal: AbortSignal,
): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const chunk of body) {
      text += decoder.decode(chunk, { stream: true })
      if (text.length > maxEventChars) throw new RangeError(`The answer is longer than ${maxEventChars} characters.`)
    }
  } catch (error) {
    if (error instanceof RangeError) throw invalidResponse(link, call.run, call.attempt, 'is too long', error)
    throw lost(error, signal)
  }
  return text
}

/** What an answer of another status than 200 means. */
function refusal(status: number, text: string, link: Link, call: HttpCall): Error {
  return link.judge?.({ status, text }, call) ?? remoteError(parseJson(text, link, call), status, link, call)
}

function parseJson(text: string, link: Link, { run, attempt }: HttpCall): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    throw invalidResponse(link, run, attempt, 'is not JSON', cause)
  }
}

function readResponse(body: unknown, link: Link, { run, attempt }: HttpCall): RunResponse {
  const parsed = runResponse.safeParse(body)
  if (parsed.success) return body as RunResponse
  // An answer that waited for a person had begun before it was known to be an error.
  if (errorBody.safeParse(body).success) throw remoteError(body, 200, link, { run, attempt })
  throw invalidResponse(link, run, attempt, 'has no result, messages and usage', parsed.error)
}

/** The answer with the result that its agent's `output` makes of it. @throws RunError RUN_OUTPUT_INVALID */
async function fitting(
  response: RunResponse,
  output: OutputDefinition,
  link: Link,
  { run, attempt }: HttpCall,
): Promise<RunResponse> {
  const parsed = await output.parse(response.result)
  if ('result' in parsed) return { ...response, result: parsed.result }
  const message = `The result of run ${run} of ${link.agent} does not fit the agent's output: ${parsed.fault}. Change the agent, or its output.`
  const context = { generation: link.generation }
  throw new RunError('RUN_OUTPUT_INVALID', message, {
    run,
    agent: link.agent,
    started: true,
    attempt,
    cause: parsed.cause,
    context,
  })
}

function invalidResponse(link: Link, run: string, attempt: number, what: string, cause: unknown): RunError {
  return new RunError(
    'PROTOCOL_INVALID_RESPONSE',
    `The answer of ${link.generation} ${what}. Is another server on its port, or a middleware in its way?`,
    { run, agent: link.agent, started: undefined, attempt, cause },
  )
}

function remoteError(
  body: unknown,
  status: number,
  link: Link,
  { run, attempt }: Pick<HttpCall, 'run' | 'attempt'>,
): RunError {
  const parsed = errorBody.safeParse(body)
  if (!parsed.success) return invalidResponse(link, run, attempt, `has status ${status} and no error`, parsed.error)
  const { code, message, started, retryable, kind, traceback } = parsed.data.error
  const known = Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'AGENT_RAISED'
  const said = known === 'AGENT_RAISED' && kind ? `Agent ${link.agent} raised ${kind}: ${message}` : message
  return new RunError(known, said, {
    run,
    agent: link.agent,
    started: started ?? undefined,
    attempt,
    retryable: retryable ?? undefined,
    kind: kind ?? undefined,
    traceback: traceback ?? undefined,
    context: { generation: link.generation, status },
  })
}
