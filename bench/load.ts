/** Owns a steady load on one agent: so many runs a second are begun, whether those before them have ended or not. */
import { type AgentHandle, AxonError, RunError } from 'axon-runtime'

export interface Outcome {
  /** Its id, which is its prompt. */
  run: string
  /** From when it was due, so that a load that falls behind is seen. */
  ms: number
  error: (AxonError & { started?: boolean | undefined }) | undefined
}

const tickMs = 5

export class Load {
  readonly #agent: AgentHandle
  readonly #everyMs: number
  readonly #begunAt = performance.now()
  readonly #timer: NodeJS.Timeout
  readonly #pending = new Set<Promise<void>>()
  #outcomes: Outcome[] = []
  #count = 0

  constructor(agent: AgentHandle, runsPerSecond: number) {
    this.#agent = agent
    this.#everyMs = 1_000 / runsPerSecond
    this.#timer = setInterval(() => this.#begin(), tickMs)
  }

  /** Those that have ended since the last call. */
  take(): Outcome[] {
    const taken = this.#outcomes
    this.#outcomes = []
    return taken
  }

  /** Begins no more, waits for those under way, and gives the rest. */
  async end(): Promise<Outcome[]> {
    clearInterval(this.#timer)
    await Promise.all(this.#pending)
    return this.take()
  }

  #begin(): void {
    for (;;) {
      const dueAt = this.#begunAt + this.#count * this.#everyMs
      if (dueAt > performance.now()) return
      const running = this.#run(`run-${this.#count}`, dueAt)
      this.#count += 1
      this.#pending.add(running)
      void running.then(() => this.#pending.delete(running))
    }
  }

  async #run(run: string, dueAt: number): Promise<void> {
    let error: Outcome['error']
    try {
      await this.#agent.run({ prompt: run }, { run })
    } catch (cause) {
      error =
        cause instanceof RunError || cause instanceof AxonError ? cause : new AxonError('INTERNAL_ERROR', String(cause))
    }
    this.#outcomes.push({ run, ms: performance.now() - dueAt, error })
  }
}
