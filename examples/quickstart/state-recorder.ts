/** Owns the states of one actor as an XState inspector sees them. */
import type { InspectionEvent } from 'xstate'

export class StateRecorder {
  /** In the order in which they were reached. */
  readonly states: string[] = []
  #actorId: string

  constructor(actorId: string) {
    this.#actorId = actorId
  }

  /** An XState observer. */
  readonly inspect = (event: InspectionEvent): void => {
    if (event.type !== '@xstate.snapshot' || (event.actorRef as { id?: string }).id !== this.#actorId) return
    const { value } = event.snapshot as { value?: unknown }
    const state = typeof value === 'string' ? value : Object.keys(value ?? {})[0]
    if (state !== undefined && state !== this.states.at(-1)) this.states.push(state)
  }
}
