/**
 * Owns the counting of restarts by the class of the crash before them: the two are told one after the other.
 */
import type { CrashClass } from '../../machines/restart-policy.ts'
import type { AxonEvent } from './catalogue.ts'

/** Hears every event, and calls `restarted` for each restart. */
export function countedRestarts(restarted: (agent: string, crash: CrashClass) => void): (event: AxonEvent) => void {
  const crashes = new Map<string, CrashClass>()
  return (event) => {
    switch (event.type) {
      case 'agent.crashed':
        crashes.set(event.generation, event.crash.class)
        return
      case 'agent.backoff': {
        const crash = crashes.get(event.generation)
        crashes.delete(event.generation)
        if (crash !== undefined) restarted(event.agent, crash)
        return
      }
      case 'agent.failed':
      case 'agent.stopped':
      case 'agent.idle':
        crashes.delete(event.generation)
    }
  }
}
