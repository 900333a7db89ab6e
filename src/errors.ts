/**
 * Owns every error that Axon raises: one table of codes and the classes that carry them.
 * Knows nothing of machines, processes or HTTP; the map to HTTP statuses belongs to the gateway.
 */

const brand = Symbol.for('axon-runtime.error')

/** What a code means to a program: whether trying again can help. What it means to a person stands in docs/errors.md. */
export const errorCodes = {
  CONFIG_EXISTS: { retryable: false },
  CONFIG_INVALID: { retryable: false },
  CONFIG_NOT_FOUND: { retryable: false },
  ENV_PYTHON_NOT_FOUND: { retryable: false },
  ENV_PYTHON_TOO_OLD: { retryable: false },
  ENV_PYTHON_UNSATISFIED: { retryable: false },
  ENV_VENV_UNAVAILABLE: { retryable: false },
  ENV_SOURCE_INVALID: { retryable: false },
  ENV_PACKAGE_NOT_FOUND: { retryable: false },
  ENV_CONFLICT: { retryable: false },
  ENV_INCOMPLETE: { retryable: false },
  ENV_NETWORK: { retryable: true },
  ENV_DISK_FULL: { retryable: true },
  ENV_OUT_OF_FILES: { retryable: true },
  ENV_PERMISSION: { retryable: false },
  ENV_HASH_MISMATCH: { retryable: false },
  ENV_INSTALL_FAILED: { retryable: false },
  ENV_CANCELLED: { retryable: true },
  AGENT_UNKNOWN: { retryable: false },
  AGENT_EXISTS: { retryable: false },
  AGENT_MODULE_NOT_FOUND: { retryable: false },
  AGENT_IMPORT_FAILED: { retryable: false },
  AGENT_OBJECT_MISSING: { retryable: false },
  AGENT_MODEL_INVALID: { retryable: false },
  AGENT_RAISED: { retryable: false },
  AGENT_BACKOFF: { retryable: true },
  AGENT_FAILED: { retryable: false },
  AGENT_STOPPED: { retryable: false },
  RAY_UNREACHABLE: { retryable: true },
  RAY_REFUSED: { retryable: false },
  RAY_DEPLOY_FAILED: { retryable: false },
  PORT_IN_USE: { retryable: false },
  PROCESS_SPAWN_FAILED: { retryable: false },
  PROCESS_LIMITS_UNAVAILABLE: { retryable: false },
  PROCESS_SANDBOX_UNAVAILABLE: { retryable: false },
  PROCESS_EXITED: { retryable: true },
  PROCESS_OUT_OF_MEMORY: { retryable: true },
  PROCESS_LIMIT_EXCEEDED: { retryable: true },
  PROCESS_HOST_LOST: { retryable: true },
  PROCESS_START_TIMEOUT: { retryable: true },
  PROCESS_HUNG: { retryable: true },
  PROTOCOL_INVALID_FRAME: { retryable: true },
  PROTOCOL_CONNECTION_CLOSED: { retryable: true },
  PROTOCOL_INVALID_RESPONSE: { retryable: false },
  PROTOCOL_UNAUTHORIZED: { retryable: false },
  PROTOCOL_MISMATCH: { retryable: false },
  RUN_REQUEST_INVALID: { retryable: false },
  RUN_KEY_REUSED: { retryable: false },
  RUN_REJECTED: { retryable: true },
  RUN_CANCELLED: { retryable: false },
  RUN_TIMEOUT: { retryable: false },
  RUN_INTERRUPTED: { retryable: false },
  RUN_OUTCOME_UNKNOWN: { retryable: false },
  RUN_OUTPUT_INVALID: { retryable: false },
  RUN_UNKNOWN: { retryable: false },
  RUN_EVENTS_LOST: { retryable: false },
  RUN_TOO_DEEP: { retryable: false },
  TOOL_UNKNOWN: { retryable: false },
  TOOL_ARGUMENTS_INVALID: { retryable: false },
  TOOL_RAISED: { retryable: false },
  TOOL_TIMEOUT: { retryable: false },
  TOOL_DENIED: { retryable: false },
  TOOL_RESULT_INVALID: { retryable: false },
  TOOL_REJECTED: { retryable: true },
  TOOL_CANCELLED: { retryable: false },
  TOOL_APPROVAL_UNKNOWN: { retryable: false },
  CONVERSATION_STORE_FAILED: { retryable: false },
  JOURNAL_UNAVAILABLE: { retryable: true },
  JOURNAL_IN_USE: { retryable: false },
  SYSTEM_UNKNOWN: { retryable: false },
  SUPERVISOR_EXCEEDED: { retryable: false },
  SUPERVISOR_CLOSED: { retryable: false },
  SUPERVISOR_SPEC_INVALID: { retryable: false },
  SUPERVISOR_START_FAILED: { retryable: false },
  SUPERVISOR_ALREADY_STARTED: { retryable: false },
  SUPERVISOR_ALREADY_PRESENT: { retryable: false },
  SUPERVISOR_CHILD_UNKNOWN: { retryable: false },
  SUPERVISOR_CHILD_RUNNING: { retryable: false },
  SUPERVISOR_CHILD_RESTARTING: { retryable: true },
  SUPERVISOR_MAX_CHILDREN: { retryable: true },
  SUPERVISOR_COOLING: { retryable: true },
  GATEWAY_REQUEST_MALFORMED: { retryable: false },
  GATEWAY_REQUEST_NOT_JSON: { retryable: false },
  GATEWAY_REQUEST_TOO_LARGE: { retryable: false },
  GATEWAY_REQUEST_SLOW: { retryable: true },
  GATEWAY_UNAUTHORIZED: { retryable: false },
  GATEWAY_FORBIDDEN: { retryable: false },
  GATEWAY_ROUTE_UNKNOWN: { retryable: false },
  GATEWAY_METHOD_UNKNOWN: { retryable: false },
  GATEWAY_CLOSING: { retryable: true },
  INSPECTOR_COMMAND_INVALID: { retryable: false },
  INSPECTOR_EVENT_REFUSED: { retryable: false },
  INSPECTOR_BUSY: { retryable: true },
  ACTOR_NOT_RUNNING: { retryable: false },
  REGISTRY_KEY_TAKEN: { retryable: false },
  PUBSUB_TOPIC_INVALID: { retryable: false },
  TASK_TIMEOUT: { retryable: true },
  TASK_EXITED: { retryable: false },
  INTERNAL_ERROR: { retryable: false },
} as const satisfies Record<string, { retryable: boolean }>

export type ErrorCode = keyof typeof errorCodes

export interface ErrorOptions {
  /** The agent that the error is about. */
  agent?: string | undefined
  /** Overrides the code's own `retryable`. */
  retryable?: boolean | undefined
  /** Facts for programs and logs; never secrets. */
  context?: Record<string, unknown> | undefined
  cause?: unknown
}

/** The one error of Axon. `message` says who, what happened, and what to try. */
export class AxonError extends Error {
  override readonly name: string = 'AxonError'
  readonly code: ErrorCode
  /** True where the same call may succeed later without any other change. */
  readonly retryable: boolean
  readonly agent?: string
  readonly context: Record<string, unknown>

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    this.retryable = options.retryable ?? errorCodes[code].retryable
    if (options.agent !== undefined) this.agent = options.agent
    this.context = options.context ?? {}
  }

  /** Marks every AxonError, so that `isAxonError` works across two copies of the package. */
  get [brand](): true {
    return true
  }

  toJSON(): Record<string, unknown> {
    const { name, code, message, retryable, agent, context } = this
    return { name, code, message, retryable, ...(agent === undefined ? {} : { agent }), context }
  }
}

/** An environment could not be made or used. `context` holds the command, the last lines of its output and what to try. */
export class PythonEnvError extends AxonError {
  override readonly name = 'PythonEnvError'
}

/** An agent's process could not start, or ended. `context` is the exit record. */
export class ProcessError extends AxonError {
  override readonly name = 'ProcessError'
}

export interface RunErrorOptions extends ErrorOptions {
  run: string
  /** Whether user code began: `undefined` where that cannot be known. */
  started: boolean | undefined
  attempt: number
  /** The Python exception's type, where the agent raised. */
  kind?: string | undefined
  traceback?: string | undefined
}

/** A run ended without a result. `started` says whether the agent's code began. */
export class RunError extends AxonError {
  override readonly name = 'RunError'
  readonly run: string
  readonly started: boolean | undefined
  readonly attempt: number
  readonly kind?: string
  readonly traceback?: string

  constructor(code: ErrorCode, message: string, options: RunErrorOptions) {
    super(code, message, options)
    this.run = options.run
    this.started = options.started
    this.attempt = options.attempt
    if (options.kind !== undefined) this.kind = options.kind
    if (options.traceback !== undefined) this.traceback = options.traceback
  }

  override toJSON(): Record<string, unknown> {
    const { run, started, attempt, kind, traceback } = this
    return { ...super.toJSON(), run, started, attempt, kind, traceback }
  }
}

/** True for errors of this package, from any copy of it. */
export function isAxonError(error: unknown): error is AxonError {
  return typeof error === 'object' && error !== null && (error as Record<symbol, unknown>)[brand] === true
}

/** The error itself where it is Axon's own, else an `INTERNAL_ERROR` with it as cause. */
export function toAxonError(error: unknown): AxonError {
  if (isAxonError(error)) return error
  const message = error instanceof Error ? error.message : String(error)
  return new AxonError('INTERNAL_ERROR', `Axon met an unexpected error: ${message}. Please report it.`, {
    cause: error,
  })
}
