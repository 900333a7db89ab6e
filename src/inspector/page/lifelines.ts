/**
 * Owns the last minutes of each actor as stretches of states and ticks of crashes, and the counts of events that the tape draws.
 * It draws nothing; strip.ts and tape.tsx do.
 */
import type { LiveFrame } from '../frames.ts'
import { isHistory } from './history.ts'
import { topState } from './states.ts'
import type { WorldState } from './world.ts'

export interface Stretch {
  at: number
  state: string
}

export interface Crash {
  at: number
  seq: number
  sessionId: string
}

/** Events a second are counted in bars of this width, in milliseconds. */
export const barMs = 1000

const kept = 400

export class Lifelines {
  readonly #stretches = new Map<string, Stretch[]>()
  readonly #crashesOf = new Map<string, number[]>()
  readonly #bars = new Map<number, number>()
  readonly #events = new Map<string, number>()
  readonly crashes: Crash[] = []
  /** What was not seen, as times. */
  readonly gaps: { fromAt: number; toAt: number; count: number }[] = []
  #openGap: { fromAt: number; toAt: number; count: number } | undefined
  /** Grows with each change, so that who draws knows whether to. */
  version = 0

  /** Takes a frame, after which the world is `world`. */
  add(frame: LiveFrame, world: WorldState): void {
    if (frame.type === 'gap') {
      this.#openGap = { fromAt: world.at, toAt: world.at, count: frame.count }
      this.gaps.push(this.#openGap)
      return
    }
    if (frame.type === 'keyframe') for (const inner of frame.frames) this.#note(inner, frame.at)
    if (!isHistory(frame)) return
    if (this.#openGap !== undefined) {
      this.#openGap.toAt = frame.at
      this.#openGap = undefined
    }
    this.version += 1
    const bar = Math.floor(frame.at / barMs)
    this.#bars.set(bar, (this.#bars.get(bar) ?? 0) + (frame.type === '@xstate.event' ? (frame.count ?? 1) : 1))
    if (this.#bars.size > 8000) this.#bars.delete(this.#bars.keys().next().value as number)
    this.#note(frame, frame.at)
    if (frame.type === 'crash') this.#count(world, frame.sessionId)
    else if (frame.type === '@xstate.event') this.#count(world, frame.sessionId, frame.sourceId)
  }

  /** How many events an actor and all below it have had or sent, crashes too: what its list of events has. */
  eventsOf(sessionId: string): number {
    return this.#events.get(sessionId) ?? 0
  }

  /** States of one actor, oldest first. */
  of(sessionId: string): readonly Stretch[] {
    return this.#stretches.get(sessionId) ?? []
  }

  crashesOf(sessionId: string): readonly number[] {
    return this.#crashesOf.get(sessionId) ?? []
  }

  /** Events in the second that begins at `bar * barMs`. */
  bar(bar: number): number {
    return this.#bars.get(bar) ?? 0
  }

  /** Once for each actor that is above one of the two, or is it. */
  #count(world: WorldState, ...ends: (string | undefined)[]): void {
    const concerned = new Set<string>()
    for (let id of ends) {
      while (id !== undefined && !concerned.has(id)) {
        concerned.add(id)
        id = world.actors.get(id)?.parentId
      }
    }
    for (const id of concerned) this.#events.set(id, (this.#events.get(id) ?? 0) + 1)
  }

  #note(frame: LiveFrame, at: number): void {
    if (frame.type === '@xstate.actor') {
      if (frame.kind !== 'run')
        this.#enter(frame.sessionId, Math.min(frame.snapshot.since, at), topState(frame.snapshot.value))
    } else if (frame.type === '@xstate.snapshot') {
      if (this.#stretches.has(frame.sessionId)) this.#enter(frame.sessionId, frame.at, topState(frame.snapshot.value))
    } else if (frame.type === 'actor.gone') {
      if (this.#stretches.has(frame.sessionId)) this.#enter(frame.sessionId, frame.at, '')
      else this.#events.delete(frame.sessionId)
    } else if (frame.type === 'crash') {
      if (this.crashes.some((crash) => crash.seq === frame.seq)) return
      this.crashes.push({ at: frame.at, seq: frame.seq, sessionId: frame.sessionId })
      if (this.crashes.length > 2000) this.crashes.shift()
      push(this.#crashesOf, frame.sessionId, frame.at)
    }
  }

  #enter(sessionId: string, at: number, state: string): void {
    if (this.#stretches.get(sessionId)?.at(-1)?.state === state) return
    push(this.#stretches, sessionId, { at, state })
  }
}

function push<T>(map: Map<string, T[]>, key: string, value: T): void {
  const all = map.get(key)
  if (all === undefined) map.set(key, [value])
  else {
    all.push(value)
    if (all.length > kept) all.shift()
  }
}
