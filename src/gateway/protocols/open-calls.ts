/**
 * Owns which tool calls of a run are under way, and which of them wait for a person: what a protocol needs to know to end its
 * stream while it waits.
 */
type State = 'running' | 'waiting' | 'approved' | 'denied'

export class OpenCalls {
  readonly #calls = new Map<string, State>()

  /** `false` where the call is known already. */
  begin(id: string): boolean {
    if (this.#calls.has(id)) return false
    this.#calls.set(id, 'running')
    return true
  }

  /** A person is asked. */
  ask(id: string): void {
    this.#calls.set(id, 'waiting')
  }

  answer(id: string, isApproved: boolean): void {
    if (this.#calls.has(id)) this.#calls.set(id, isApproved ? 'approved' : 'denied')
  }

  /** What it was until now; undefined where it is not known. */
  end(id: string): State | undefined {
    const state = this.#calls.get(id)
    this.#calls.delete(id)
    return state
  }

  /**
   * Answered calls that no result was told of: code that asks a person by itself tells none. They are over when the run is.
   */
  endAnswered(): { id: string; approved: boolean }[] {
    const answered = [...this.#calls].filter(([, state]) => state === 'approved' || state === 'denied')
    for (const [id] of answered) this.#calls.delete(id)
    return answered.map(([id, state]) => ({ id, approved: state === 'approved' }))
  }

  get areThere(): boolean {
    return this.#calls.size > 0
  }

  /** Whether nothing goes on until a person has answered. */
  get areStalled(): boolean {
    const states = [...this.#calls.values()]
    return states.includes('waiting') && !states.includes('running')
  }
}
