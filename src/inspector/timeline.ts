/**
 * Owns what has happened, in its order: the numbers of the frames, what is kept of them, what the present is, and when they are told.
 * What they say is of those who record them.
 *
 * 1. A frame has its number when it is recorded, and may be completed until it is told.
 * 2. Nothing is serialised before it is told, and once only.
 */
import type { HistoryFrame, KeyframeFrame, LiveFrame } from './frames.ts'
import { LiveState } from './live-state.ts'
import { Ring, type RingBounds } from './ring.ts'

/** How long frames wait while somebody looks, and while nobody does. */
const waitMs = { watched: 50, unwatched: 1_000 }
/** So many are told at once. */
const maxPending = 1_000

type Draft<Frame> = Frame extends HistoryFrame ? Omit<Frame, 'seq' | 'at'> & { at?: number } : never
/** What is told and is no history. */
export type Untold = Exclude<LiveFrame, HistoryFrame | KeyframeFrame>

export interface Told {
  frame: LiveFrame
  text: string
}

export interface TimelineOptions {
  bounds: RingBounds
  /** Milliseconds since 1970. */
  now: () => number
  isWatched: () => boolean
  /** Called before frames are told: the last that belongs to them is recorded. */
  complete: () => void
  deliver: (told: readonly Told[]) => void
}

export class Timeline {
  readonly #options: TimelineOptions
  readonly #ring: Ring
  readonly #state = new LiveState()
  #pending: LiveFrame[] = []
  #timer: NodeJS.Timeout | undefined
  #isFlushing = false
  #isClosed = false
  seq = 0
  /** Counts the times that frames were told: what was recorded in an earlier one cannot be completed any more. */
  turn = 0

  constructor(options: TimelineOptions) {
    this.#options = options
    this.#ring = new Ring(options.bounds, () => this.#state.frames())
  }

  get oldestSeq(): number {
    return this.#ring.oldestSeq ?? this.seq + 1
  }

  get isWatched(): boolean {
    return this.#options.isWatched()
  }

  /** Milliseconds since 1970, to three decimals. */
  now(): number {
    return Math.round(this.#options.now() * 1_000) / 1_000
  }

  record<Type extends HistoryFrame>(draft: Draft<Type>): Type {
    this.seq += 1
    const frame = { at: this.now(), ...draft, seq: this.seq } as unknown as Type
    this.#add(frame)
    return frame
  }

  tell(frame: Untold): void {
    this.#add(frame)
  }

  /** Tells what waits. */
  flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    if (this.#isFlushing) return
    this.#isFlushing = true
    if (!this.#isClosed) this.#options.complete()
    this.#isFlushing = false
    const frames = this.#pending
    this.#pending = []
    this.turn += 1
    const told = frames.flatMap((frame) => this.#keep(frame))
    if (this.isWatched && told.length > 0) this.#options.deliver(told)
  }

  /** The present, at the last number that was told. */
  keyframe(): KeyframeFrame {
    this.flush()
    return { type: 'keyframe', seq: this.seq, at: this.now(), frames: this.#state.frames() }
  }

  /** Frames as JSON: a gap first where some are gone, a keyframe where the first of them cannot be shown without it. */
  between(fromSeq: number, toSeq?: number): string[] {
    this.flush()
    return this.#ring.between(fromSeq, toSeq)
  }

  close(): void {
    this.flush()
    this.#isClosed = true
    clearTimeout(this.#timer)
  }

  #add(frame: LiveFrame): void {
    if (this.#isClosed) return
    this.#pending.push(frame)
    if (this.#isFlushing) return
    if (this.#pending.length >= maxPending) return this.flush()
    const { watched, unwatched } = waitMs
    this.#timer ??= setTimeout(() => this.flush(), this.isWatched ? watched : unwatched).unref()
  }

  #keep(frame: LiveFrame): Told[] {
    if ('seq' in frame && frame.type !== 'hello' && frame.type !== 'keyframe') {
      const text = this.#ring.add(frame)
      this.#state.apply(frame)
      return [{ frame, text }]
    }
    if (frame.type === 'machine' || frame.type === 'figures' || frame.type === 'beats') this.#state.apply(frame)
    return this.isWatched ? [{ frame, text: JSON.stringify(frame) }] : []
  }
}
