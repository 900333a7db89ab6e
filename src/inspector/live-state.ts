/**
 * Owns the present of a system as frames: what a page is told first, and what a keyframe is made of. A frame that replaces another
 * takes its place.
 */
import type {
  ActorFrame,
  CrashFrame,
  FiguresFrame,
  HistoryFrame,
  LiveFrame,
  MachineFrame,
  ProcessFrame,
  RunFrame,
} from './frames.ts'

/** Runs that have settled and are still told to who comes later. */
const keptRuns = 100

export class LiveState {
  readonly #machines = new Map<string, MachineFrame>()
  readonly #actors = new Map<string, ActorFrame>()
  readonly #processes = new Map<string, ProcessFrame>()
  readonly #crashes = new Map<string, CrashFrame>()
  readonly #figures = new Map<string | null, FiguresFrame>()
  readonly #runs = new Map<string, RunFrame>()

  apply(frame: HistoryFrame | MachineFrame | FiguresFrame): void {
    switch (frame.type) {
      case 'machine':
        this.#machines.set(frame.hash, frame)
        return
      case '@xstate.actor':
        this.#actors.set(frame.sessionId, frame)
        return
      case '@xstate.snapshot': {
        const actor = this.#actors.get(frame.sessionId)
        if (actor) this.#actors.set(frame.sessionId, { ...actor, snapshot: frame.snapshot })
        return
      }
      case 'actor.gone':
        this.#actors.delete(frame.sessionId)
        this.#processes.delete(frame.sessionId)
        this.#crashes.delete(frame.sessionId)
        return
      case 'process':
        this.#processes.set(frame.sessionId, frame)
        return
      case 'crash':
        this.#crashes.set(frame.sessionId, frame)
        return
      case 'figures':
        this.#figures.set(frame.agent, frame)
        return
      case 'run': {
        this.#runs.delete(frame.run)
        this.#runs.set(frame.run, frame)
        const [oldest] = this.#runs.keys()
        if (this.#runs.size > keptRuns && oldest !== undefined) this.#runs.delete(oldest)
      }
    }
  }

  /** Machines first, then actors, parents before their children. */
  frames(): LiveFrame[] {
    return [
      ...this.#machines.values(),
      ...this.#actors.values(),
      ...this.#processes.values(),
      ...this.#crashes.values(),
      ...this.#runs.values(),
      ...this.#figures.values(),
    ]
  }

  hasMachine(hash: string): boolean {
    return this.#machines.has(hash)
  }
}
