/**
 * Owns what a caller may say of one run beside its request.
 */
import { randomUUID } from 'node:crypto'
import * as z from 'zod'
import { AxonError } from '../../errors.ts'
import { faultOfTrace, type TraceHeaders } from '../telemetry/trace-context.ts'
import type { TracedRun } from '../telemetry/traces.ts'
import { RunParent } from './parent.ts'

/** The longest delay that a timer can wait for. */
const maxMs = 2 ** 31 - 1

const isSignal = (value: unknown): value is AbortSignal =>
  typeof (value as AbortSignal)?.addEventListener === 'function' && 'aborted' in (value as AbortSignal)

const runOptions = z.strictObject(
  {
    /** Cancels the run. */
    signal: z.custom<AbortSignal>(isSignal, 'signal is no AbortSignal').optional(),
    /** The whole run, queue included, in milliseconds. Default: `timeouts.runMs` of the agent. */
    runMs: z
      .number(`runMs is not a number`)
      .positive(`runMs is not above 0`)
      .max(maxMs, `runMs is above ${maxMs}`)
      .optional(),
    /** Names the run in events and logs. Default: a random UUID. */
    run: z
      .string()
      .regex(/^[A-Za-z0-9._:/#-]{1,200}$/, 'its id is not 1 to 200 of A-Z, a-z, 0-9 and . _ : / # -')
      .optional(),
    /** Runs of one key go to one process while it has a place: for caches, not for truth. Default: none. */
    affinity: z
      .string('affinity is no string')
      .min(1, 'affinity is empty')
      .max(1_000, 'affinity is longer than 1000')
      .optional(),
    /**
     * Names the request, within its agent: calls with the same key and the same request get the answer of one run, also after it
     * has ended. Of the run itself, the options of the first call count. Only of `run`. Default: none.
     */
    idempotencyKey: z
      .string('idempotencyKey is no string')
      .min(1, 'idempotencyKey is empty')
      .max(255, 'idempotencyKey is longer than 255')
      .optional(),
    /**
     * The trace that the run belongs to, as headers of W3C trace context: `readTraceHeaders(request.headers)`. Default: the active
     * context of OpenTelemetry.
     */
    trace: z
      .custom<TraceHeaders>()
      .superRefine((value, { addIssue }) => {
        const message = faultOfTrace(value)
        if (message !== undefined) addIssue({ code: 'custom', message })
      })
      .optional(),
    /** Names the conversation on the run's span. Default: the id of `axon.conversation()`, else none. */
    conversation: z
      .string('conversation is no string')
      .min(1, 'conversation is empty')
      .max(1_000, 'conversation is longer than 1000')
      .optional(),
    /** The run on whose behalf this one is: `run` of a tool's context. It ends with that one. Default: none. */
    parent: z.custom<RunParent>((value) => value instanceof RunParent, 'parent is not the run of a tool').optional(),
  },
  {
    error: (issue) =>
      issue.code === 'unrecognized_keys'
        ? `there is no option ${issue.keys.join(', ')}; there are signal, runMs, run, affinity, idempotencyKey, trace, conversation, parent, and for streams resumable`
        : undefined,
  },
)
export type RunOptions = z.input<typeof runOptions>

export interface ReadRunOptions {
  id: string
  runMs: number | undefined
  signal: AbortSignal | undefined
  affinity: string | undefined
  parent: RunParent | undefined
  given: TracedRun['given']
}

/** The options, or what is wrong with them. */
export function readRunOptions(options: RunOptions): ReadRunOptions | { fault: string } {
  const parsed = runOptions.safeParse(options)
  if (!parsed.success) return { fault: parsed.error.issues.map(({ message }) => message).join('; ') }
  const { run = randomUUID(), runMs, signal, affinity, trace, conversation, parent } = parsed.data
  const given = trace !== undefined || conversation !== undefined ? { trace, conversation } : undefined
  return { id: run, runMs, signal, affinity, parent, given }
}

export function invalidOptions(agent: string, what: string): AxonError {
  return new AxonError('RUN_REQUEST_INVALID', `The options of a run of ${agent} are not valid: ${what}.`, { agent })
}
