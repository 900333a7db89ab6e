/**
 * Owns what the page remembers: a ring of frames, the state at each 500th event, and from both the state at any event. It knows no
 * socket and no view.
 *
 * 1. Frames lie in their order; one without a number lies after the event that it came after.
 * 2. At most `events` events and `bytes` bytes are kept; the oldest keyframe is never younger than the oldest frame.
 * 3. The state at an event is a keyframe and at most 500 events more.
 */
import type { GapFrame, HistoryFrame, KeyframeFrame, LiveFrame } from '../frames.ts'
import { apply, copyWorld, emptyWorld, noChange, type WorldState } from './world.ts'

export interface HistoryOptions {
  /** Default 20,000. */
  events?: number
  /** Of JSON, roughly. Default 16 MiB. */
  bytes?: number
  /** Events between two keyframes. Default 500. */
  every?: number
}

interface Entry {
  frame: LiveFrame
  seq: number
  bytes: number
}

interface Keyframe {
  seq: number
  /** How many entries lie before it, counted from the beginning of time. */
  index: number
  world: WorldState
}

const historical: ReadonlySet<string> = new Set([
  '@xstate.actor',
  '@xstate.event',
  '@xstate.snapshot',
  'actor.gone',
  'process',
  'crash',
  'run',
])

/** Whether a frame is an event of the history: one with a number of its own. */
export function isHistory(frame: LiveFrame): frame is HistoryFrame {
  return historical.has(frame.type)
}

export class History {
  readonly #limits: Required<HistoryOptions>
  #entries: Entry[] = []
  /** Entries that were dropped at the front, and holes left by that in the array. */
  #dropped = 0
  #head = 0
  #keyframes: Keyframe[] = []
  #events = 0
  #bytes = 0
  #gaps: GapFrame[] = []

  constructor(options: HistoryOptions = {}) {
    this.#limits = { events: 20_000, bytes: 16 * 1024 * 1024, every: 500, ...options }
  }

  get events(): number {
    return this.#events
  }

  get bytes(): number {
    return this.#bytes
  }

  get limit(): number {
    return this.#limits.events
  }

  /** What was not seen, oldest first. */
  get gaps(): readonly GapFrame[] {
    return this.#gaps
  }

  /** The oldest event whose state can be shown. */
  get oldestSeq(): number {
    return this.#keyframes[0]?.seq ?? 0
  }

  get oldestAt(): number | undefined {
    return this.#keyframes[0]?.world.at
  }

  /** Remembers `frame`, after which the world is `world`. */
  push(frame: LiveFrame, bytes: number, world: WorldState): void {
    if (frame.type === 'gap') this.#gaps.push(frame)
    this.#entries.push({ frame, seq: world.seq, bytes })
    this.#bytes += bytes
    if (isHistory(frame)) this.#events += 1
    const last = this.#keyframes.at(-1)
    const isDue = last === undefined || frame.type === 'keyframe' || world.seq - last.seq >= this.#limits.every
    if (isDue) this.#keyframes.push({ seq: world.seq, index: this.#end, world: copyWorld(world) })
    this.#trim()
  }

  /** All frames that are kept, oldest first. */
  *frames(): Generator<LiveFrame> {
    for (let i = this.#head; i < this.#entries.length; i++) yield (this.#entries[i] as Entry).frame
  }

  /** Events from one number to another, both included, oldest first. */
  between(fromSeq: number, toSeq: number): HistoryFrame[] {
    const found: HistoryFrame[] = []
    for (let i = this.#find(fromSeq); i < this.#entries.length; i++) {
      const { frame, seq } = this.#entries[i] as Entry
      if (seq > toSeq) break
      if (isHistory(frame)) found.push(frame)
    }
    return found
  }

  /** The event with this number, or the next one that is kept. */
  event(seq: number): HistoryFrame | undefined {
    for (let i = this.#find(seq); i < this.#entries.length; i++) {
      const { frame } = this.#entries[i] as Entry
      if (isHistory(frame) && frame.seq >= seq) return frame
    }
    return undefined
  }

  /** The number of the last event that was not later than `at`, in milliseconds since 1970. */
  seqAt(at: number): number {
    let [low, high] = [this.#head, this.#entries.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (timeOf((this.#entries[middle] as Entry).frame) <= at) low = middle + 1
      else high = middle
    }
    return Math.max(this.oldestSeq, this.#entries[low - 1]?.seq ?? 0)
  }

  /** The state after the event with this number, figures and beats that came before the next one included. */
  worldAt(seq: number): WorldState {
    const keyframe = this.#keyframes.findLast((candidate) => candidate.seq <= seq) ?? this.#keyframes[0]
    if (keyframe === undefined) return emptyWorld()
    const world = copyWorld(keyframe.world)
    const changed = noChange()
    for (let i = keyframe.index - this.#dropped + this.#head; i < this.#entries.length; i++) {
      const entry = this.#entries[i] as Entry
      if (entry.seq > seq) break
      apply(world, entry.frame, changed)
    }
    return world
  }

  get #end(): number {
    return this.#dropped + this.#entries.length - this.#head
  }

  /** The first entry whose number is not below `seq`. */
  #find(seq: number): number {
    let [low, high] = [this.#head, this.#entries.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((this.#entries[middle] as Entry).seq < seq) low = middle + 1
      else high = middle
    }
    return low
  }

  #trim(): void {
    const { events, bytes } = this.#limits
    // Whole stretches go, up to a keyframe: without one what is left could not be shown.
    while ((this.#events > events || this.#bytes > bytes) && this.#keyframes.length > 1) {
      this.#keyframes.shift()
      const until = (this.#keyframes[0] as Keyframe).index
      while (this.#dropped < until) {
        const entry = this.#entries[this.#head] as Entry
        this.#bytes -= entry.bytes
        if (isHistory(entry.frame)) this.#events -= 1
        this.#head += 1
        this.#dropped += 1
      }
    }
    if (this.#head < 4096) return
    this.#entries = this.#entries.slice(this.#head)
    this.#head = 0
    this.#gaps = this.#gaps.filter((gap) => gap.toSeq >= this.oldestSeq)
  }
}

function timeOf(frame: LiveFrame): number {
  return 'at' in frame ? frame.at : Number.NEGATIVE_INFINITY
}

/** A keyframe as a frame, for recordings. */
export function keyframeOf(world: WorldState): KeyframeFrame {
  const frames: LiveFrame[] = [...world.machines.values()]
  const { seq, at } = world
  const add = (id: string) => {
    const actor = world.actors.get(id)
    if (actor === undefined) return
    const { children, process, memory, crash, visits, taken: _, beat: __, isGone: ___, ...rest } = actor
    frames.push({ type: '@xstate.actor', seq, at, ...rest, visits: Object.fromEntries(visits) })
    if (process !== undefined) frames.push(process)
    if (crash !== undefined) frames.push(crash)
    if (memory !== undefined) frames.push(memory)
    for (const child of children) add(child)
  }
  for (const actor of world.actors.values()) if (actor.parentId === undefined && !actor.isGone) add(actor.sessionId)
  const beats = [...world.actors.values()].flatMap((actor) =>
    actor.beat === undefined ? [] : [{ ...actor.beat, id: actor.sessionId }],
  )
  if (beats.length > 0) {
    frames.push({
      type: 'beats',
      at: Math.max(...beats.map((beat) => beat.at)),
      sessionId: beats.map(({ id }) => id),
      rssBytes: beats.map(({ rssBytes }) => rssBytes),
      cpu: beats.map(({ cpu }) => cpu),
      loopLagMs: beats.map(({ loopLagMs }) => loopLagMs),
      inFlight: beats.map(({ inFlight }) => inFlight),
    })
  }
  frames.push(...world.runs.values(), ...world.figures.values())
  return { type: 'keyframe', seq, at, frames }
}
