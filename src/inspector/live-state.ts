/**
 * Owns the present of a system as frames: what a page is told first, and what a keyframe is made of. A frame that replaces another
 * takes its place, and an actor's frame has the visits to its states until then.
 */
import type {
  ActorFrame,
  BeatsFrame,
  CrashFrame,
  FiguresFrame,
  HistoryFrame,
  LiveFrame,
  MachineFrame,
  ProcessFrame,
  RunFrame,
  SnapshotView,
} from './frames.ts'
import { activeNodes } from './state-value.ts'

/** Runs that have settled and are still told to who comes later. */
const keptRuns = 100

export class LiveState {
  readonly #machines = new Map<string, MachineFrame>()
  readonly #actors = new Map<string, ActorFrame>()
  readonly #processes = new Map<string, ProcessFrame>()
  readonly #crashes = new Map<string, CrashFrame>()
  readonly #figures = new Map<string | null, FiguresFrame>()
  readonly #runs = new Map<string, RunFrame>()
  #beats: BeatsFrame | undefined

  apply(frame: HistoryFrame | MachineFrame | FiguresFrame | BeatsFrame): void {
    switch (frame.type) {
      case 'machine':
        this.#machines.set(frame.hash, frame)
        return
      case '@xstate.actor':
        this.#actors.set(frame.sessionId, frame)
        return
      case '@xstate.snapshot': {
        const actor = this.#actors.get(frame.sessionId)
        if (actor) this.#actors.set(frame.sessionId, this.#moved(actor, frame.snapshot))
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
      case 'beats':
        this.#beats = frame
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
      ...(this.#beats ? [this.#beats] : []),
    ]
  }

  /** The visit that is over is counted. */
  #moved(actor: ActorFrame, snapshot: SnapshotView): ActorFrame {
    const machine = this.#machines.get(actor.machine ?? '')
    if (machine === undefined || snapshot.since === actor.snapshot.since) return { ...actor, snapshot }
    const visits = { ...(actor.visits ?? firstVisits(machine, actor.snapshot)) }
    const visit = (id: string) => visits[id] ?? { count: 0, totalMs: 0 }
    for (const id of activeNodes(machine, actor.snapshot.value)) {
      const { count, totalMs } = visit(id)
      visits[id] = { count, totalMs: totalMs + Math.max(0, snapshot.since - actor.snapshot.since) }
    }
    for (const id of activeNodes(machine, snapshot.value)) {
      const { count, totalMs } = visit(id)
      visits[id] = { count: count + 1, totalMs }
    }
    return { ...actor, snapshot, visits }
  }
}

function firstVisits(machine: MachineFrame, { value }: SnapshotView): NonNullable<ActorFrame['visits']> {
  return Object.fromEntries(activeNodes(machine, value).map((id) => [id, { count: 1, totalMs: 0 }]))
}
