/**
 * Owns the errors with which a supervisor refuses: one function for each, so that code, message and context agree everywhere.
 */
import { AxonError } from '../../errors.ts'
import type { ExitReason } from './exit.ts'

export function invalidSpec(reason: string, message: string, context: Record<string, unknown> = {}): AxonError {
  return new AxonError('SUPERVISOR_SPEC_INVALID', message, { context: { reason, ...context } })
}

export function alreadyStarted(id: string): AxonError {
  return new AxonError('SUPERVISOR_ALREADY_STARTED', `${quoted(id)} is running already. Choose another name.`, {
    context: { child: id },
  })
}

export function alreadyPresent(id: string): AxonError {
  const message = `The supervisor has a child ${quoted(id)} that is not running. Use restartChild, or deleteChild first.`
  return new AxonError('SUPERVISOR_ALREADY_PRESENT', message, { context: { child: id } })
}

export function unknownChild(id: string): AxonError {
  return new AxonError('SUPERVISOR_CHILD_UNKNOWN', `The supervisor has no child ${quoted(id)}.`, {
    context: { child: id, reason: 'not_found' },
  })
}

export function notForDynamic(operation: string): AxonError {
  const message = `${operation} is not for simple_one_for_one: its children are started and terminated only.`
  return new AxonError('SUPERVISOR_CHILD_UNKNOWN', message, { context: { reason: 'simple_one_for_one' } })
}

export function childRunning(id: string): AxonError {
  return new AxonError('SUPERVISOR_CHILD_RUNNING', `Child ${quoted(id)} is running. Use terminateChild first.`, {
    context: { child: id },
  })
}

export function childRestarting(id: string): AxonError {
  const message = `Child ${quoted(id)} is being restarted. Wait, or use terminateChild first.`
  return new AxonError('SUPERVISOR_CHILD_RESTARTING', message, { context: { child: id } })
}

export function tooManyChildren(maxChildren: number): AxonError {
  const message = `The supervisor has ${maxChildren} children, as many as it may have. Terminate one, or raise maxChildren.`
  return new AxonError('SUPERVISOR_MAX_CHILDREN', message, { context: { maxChildren } })
}

export function startFailed(id: string, reason: ExitReason): AxonError {
  const message = `Child ${quoted(id)} could not be started: ${described(reason)}.`
  return new AxonError('SUPERVISOR_START_FAILED', message, {
    context: { child: id, reason },
    ...(reason instanceof Error ? { cause: reason } : {}),
  })
}

export function closed(): AxonError {
  const message = 'The supervisor was not started yet, is ending, or has ended. Start it, or create another one.'
  return new AxonError('SUPERVISOR_CLOSED', message)
}

export function coolingDown(retryAfterMs: number): AxonError {
  const message = 'The supervisor had too many restarts and rests. Try again later.'
  return new AxonError('SUPERVISOR_COOLING', message, { context: { retryAfterMs } })
}

function quoted(id: string): string {
  return JSON.stringify(id)
}

function described(reason: ExitReason): string {
  if (reason instanceof Error) return reason.message
  try {
    return JSON.stringify(reason) ?? String(reason)
  } catch {
    return String(reason)
  }
}
