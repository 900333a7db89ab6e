/**
 * Owns W3C trace context as text: the three headers of a request, read, checked and written. Knows no OpenTelemetry, so that what
 * a caller gives goes on to Python also where Node traces nothing.
 */

/** The headers of W3C trace context and baggage, as they stand in a request. */
export interface TraceHeaders {
  traceparent: string
  tracestate?: string | undefined
  baggage?: string | undefined
}

/** Names a span: 32 and 16 hexadecimal digits. */
export interface TraceIds {
  traceId: string
  spanId: string
  traceFlags: number
}

const pattern = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/
const maxChars = { tracestate: 4_096, baggage: 8_192 }

/** The ids of a `traceparent`; undefined where it is none. */
export function readTraceparent(traceparent: string): TraceIds | undefined {
  const [, version, traceId, spanId, flags, rest] = pattern.exec(traceparent) ?? []
  if (version === undefined || traceId === undefined || spanId === undefined || flags === undefined) return undefined
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined
  if (/^0+$/.test(traceId) || /^0+$/.test(spanId)) return undefined
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) }
}

export function writeTraceparent({ traceId, spanId, traceFlags }: TraceIds): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}

/**
 * The trace context of a request's headers, for the option `trace` of a run. What is not valid is left out, as W3C wants it: without
 * a valid `traceparent` there is none.
 */
export function readTraceHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): TraceHeaders | undefined {
  const { traceparent } = headers
  if (typeof traceparent !== 'string' || readTraceparent(traceparent) === undefined) return undefined
  const tracestate = listOf(headers.tracestate, maxChars.tracestate)
  const baggage = listOf(headers.baggage, maxChars.baggage)
  return { traceparent, ...(tracestate && { tracestate }), ...(baggage && { baggage }) }
}

/** Whether it can be a header: printable ASCII, not too long. */
export function isHeaderText(value: unknown, most: number): value is string {
  return typeof value === 'string' && value.length <= most && /^[\t\x20-\x7e]+$/.test(value)
}

function listOf(value: string | string[] | undefined, most: number): string | undefined {
  const joined = Array.isArray(value) ? value.join(',') : value
  return isHeaderText(joined, most) ? joined : undefined
}

/** What is wrong with the option `trace` of a run; undefined where nothing is. */
export function faultOfTrace(trace: unknown): string | undefined {
  if (typeof trace !== 'object' || trace === null) return 'trace is not { traceparent, tracestate?, baggage? }'
  const { traceparent, tracestate, baggage, ...others } = trace as Record<string, unknown>
  if (typeof traceparent !== 'string' || readTraceparent(traceparent) === undefined)
    return 'trace.traceparent is not one of W3C trace context'
  if (tracestate !== undefined && !isHeaderText(tracestate, maxChars.tracestate)) return 'trace.tracestate is no header'
  if (baggage !== undefined && !isHeaderText(baggage, maxChars.baggage)) return 'trace.baggage is no header'
  const [other] = Object.keys(others)
  return other === undefined ? undefined : `trace has no ${other}`
}
