/**
 * Owns the way of inspection events to an observer of the user's. XState calls it in the middle of its transitions, so that what
 * it throws would end agents: here it ends in a warning, once.
 */
import { type InspectionEvent, type Observer, toObserver } from 'xstate'

export function guardInspection(
  inspect: Observer<InspectionEvent> | ((event: InspectionEvent) => void),
): (event: InspectionEvent) => void {
  const observer = toObserver(inspect)
  let hasWarned = false
  return (event) => {
    try {
      observer.next?.(event)
    } catch (error) {
      if (hasWarned) return
      hasWarned = true
      process.emitWarning(`The observer of "inspect" threw: ${error instanceof Error ? error.message : error}`, {
        type: 'AxonListenerWarning',
        ...(error instanceof Error && error.stack !== undefined && { detail: error.stack }),
      })
    }
  }
}
