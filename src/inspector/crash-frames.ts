/**
 * Owns the answer to four questions about a process that was lost: what happened, when and after how long, which runs were hit, and
 * what comes next.
 *
 * The frame is told at once, and again, with the same `generation`, as the runs that were hit are judged: that may take 250 ms.
 */

import type { AnyMachineSnapshot } from 'xstate'
import { type AgentContext, replicaOf } from '../machines/agent-context.ts'
import type { ExitRecord } from '../machines/slots.ts'
import type { AxonEvent, AxonEventOf } from '../runtime/telemetry/catalogue.ts'
import type { Actors } from './actors.ts'
import type { CrashFrame } from './frames.ts'
import type { ProcessLines } from './process-lines.ts'
import { cutText } from './redaction.ts'
import type { Timeline } from './timeline.ts'

const shownLines = 40
const shownRuns = 100
/** Runs are judged within 250 ms of the exit; later ones have another cause. */
const judgedWithinMs = 2_000

export interface CrashSurroundings {
  timeline: Timeline
  actors: Actors
  lines: ProcessLines
}

type Draft = Omit<CrashFrame, 'seq' | 'at'>

export class CrashFrames {
  readonly #around: CrashSurroundings
  /** By generation. */
  readonly #spawned = new Map<string, { at: number; pid: number | undefined }>()
  readonly #exits = new Map<string, { at: number; exit: ExitRecord }>()
  readonly #recent = new Map<string, { draft: Draft; at: number; isTold: boolean }>()

  constructor(around: CrashSurroundings) {
    this.#around = around
  }

  hear(event: AxonEvent): void {
    switch (event.type) {
      case 'process.spawned':
        this.#spawned.set(event.generation, { at: this.#around.timeline.now(), pid: event.pid })
        return
      case 'process.exited':
        this.#exits.set(event.generation, { at: this.#around.timeline.now(), exit: event.exit })
        return
      case 'agent.crashed':
        this.#crashed(event)
        return this.#forget(event.generation)
      case 'agent.stopped':
      case 'agent.idle':
        return this.#forget(event.generation)
      case 'run.requeued':
        return this.#hit(event.generation, { run: event.run, started: event.started, retried: true })
      case 'run.settled': {
        const generation = event.status === 'interrupted' ? event.error?.context.generation : undefined
        if (typeof generation !== 'string') return
        return this.#hit(generation, { run: event.run, started: event.started, retried: false })
      }
    }
  }

  /** Tells again what is known better now. */
  complete(): void {
    if (this.#recent.size === 0) return
    const now = this.#around.timeline.now()
    for (const [generation, recent] of this.#recent) {
      if (!recent.isTold) this.#around.timeline.record<CrashFrame>({ ...recent.draft, at: recent.at })
      recent.isTold = true
      if (now - recent.at > judgedWithinMs) this.#recent.delete(generation)
    }
  }

  #hit(generation: string, run: CrashFrame['runs'][number]): void {
    const recent = this.#recent.get(generation)
    if (recent === undefined || recent.draft.runs.length >= shownRuns) return
    // A run that was to be sent again may end all the same.
    const others = recent.draft.runs.filter((known) => known.run !== run.run)
    recent.draft = { ...recent.draft, runs: [...others, run] }
    recent.isTold = false
  }

  #crashed({ generation, crash, wasReady }: AxonEventOf<'agent.crashed'>): void {
    const { timeline, actors } = this.#around
    const known = actors.replica(replicaOf(generation))
    if (known === undefined) return
    const now = timeline.now()
    const spawned = this.#spawned.get(generation)
    const { at: endedAt = now, exit } = this.#exits.get(generation) ?? {}
    const { context } = known.ref.getSnapshot() as AnyMachineSnapshot & { context: AgentContext }
    const { phase, traceback } = crash.error.context
    const draft: Draft = {
      type: 'crash',
      sessionId: known.frame.sessionId,
      generation,
      class: crash.class,
      code: crash.code,
      signal: crash.signal,
      phase: typeof phase === 'string' ? phase : wasReady ? 'ready' : 'starting',
      message: cutText(crash.error.message),
      ...(spawned?.pid !== undefined && { pid: spawned.pid }),
      ...(spawned && { livedMs: endedAt - spawned.at }),
      ...(exit?.maxRssBytes !== undefined && { maxRssBytes: exit.maxRssBytes }),
      ...(exit?.cpuMs !== undefined && { cpuMs: exit.cpuMs }),
      lines: this.#lines(generation, crash.lastLines, endedAt),
      ...(typeof traceback === 'string' && { traceback: cutText(traceback) }),
      runs: [],
      next: nextOf(context, now),
    }
    this.#recent.set(generation, { draft, at: now, isTold: true })
    timeline.record<CrashFrame>({ ...draft, at: now })
  }

  /** The last that it said, with their times; where there was no process, what is known of its environment. */
  #lines(generation: string, lastLines: readonly string[], endedAt: number): CrashFrame['lines'] {
    const said = this.#around.lines.of(generation)
    if (!said.some(({ stream }) => stream !== 'axon'))
      return lastLines.map((text) => ({ atMs: null, stream: 'err', text: cutText(text) }))
    return said.slice(-shownLines).map(({ at, stream, text }) => {
      const atMs = Math.min(0, Math.round((at - endedAt) * 1_000) / 1_000)
      return { atMs, stream, text: cutText(text) }
    })
  }

  #forget(generation: string): void {
    this.#spawned.delete(generation)
    this.#exits.delete(generation)
  }
}

/** As the restart policy has decided. */
function nextOf({ definition, history, givenUp, delayMs }: AgentContext, now: number): CrashFrame['next'] {
  const { maxRestarts, withinMs } = definition.restart
  const bounds = { used: history.restarts.length, maxRestarts, withinMs }
  return givenUp === undefined ? { kind: 'restart', dueAt: now + delayMs, ...bounds } : { kind: 'failed', ...bounds }
}
