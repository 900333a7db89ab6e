/**
 * Owns the events of streamed runs, for those who watch a run: told as they come, and kept for who comes later.
 */
import type { RunFact } from '../machines/facts.ts'
import type { RunStreamEvent } from '../protocol/run.ts'
import type { StreamFrame } from './frames.ts'
import { presentable } from './redaction.ts'

/** What is kept, in characters: of one run, and of all. The oldest run goes first. */
const maxRunChars = 1_024 * 1_024
const maxChars = 8 * maxRunChars
/** The messages of a result are a whole conversation, and are sent back to go on with it. */
const bounds = { maxChars: 512 * 1_024, maxDepth: 32, maxEntries: 10_000, maxValues: 100_000 }

interface Kept {
  frames: StreamFrame[]
  chars: number
  isFull: boolean
}

export class StreamFrames {
  readonly #now: () => number
  /** By run. */
  readonly #kept = new Map<string, Kept>()
  #chars = 0

  constructor(now: () => number) {
    this.#now = now
  }

  /** Keeps an event of a run. Answers its frame. */
  add(run: string, { id, event, data }: RunStreamEvent): StreamFrame {
    return this.#keep({ type: 'stream', at: this.#now(), run, id, event, data: presentable(data, bounds) })
  }

  /** How a run ended that had told something: as the last event of its stream. */
  end({ run, error, agent, started, attempt }: Extract<RunFact, { type: 'run.settled' }>): StreamFrame | undefined {
    const kept = this.#kept.get(run)
    if (kept === undefined || error === undefined) return undefined
    const id = (kept.frames.at(-1)?.id ?? 0) + 1
    const { code, message, retryable } = error
    const data = { error: { code, message, run_id: run, agent, started, attempt, retryable } }
    return this.#keep({ type: 'stream', at: this.#now(), run, id, event: 'run.error', data: presentable(data) })
  }

  of(run: string): readonly StreamFrame[] {
    return this.#kept.get(run)?.frames ?? []
  }

  #keep(frame: StreamFrame): StreamFrame {
    let kept = this.#kept.get(frame.run)
    if (kept === undefined) {
      kept = { frames: [], chars: 0, isFull: false }
      this.#kept.set(frame.run, kept)
    }
    const chars = 100 + sizeOf(frame)
    // Its beginning is kept rather than its end: a talk is read from there. How it ended is always kept.
    kept.isFull ||= kept.chars + chars > maxRunChars
    if (kept.isFull && !frame.event.startsWith('run.')) return frame
    kept.frames.push(frame)
    kept.chars += chars
    this.#chars += chars
    while (this.#chars > maxChars && this.#kept.size > 1) {
      const [[oldest, { chars: freed }]] = this.#kept as unknown as [[string, Kept]]
      this.#kept.delete(oldest)
      this.#chars -= freed
    }
    return frame
  }
}

/** Exact only for text, which is most of them. */
function sizeOf({ event, data }: StreamFrame): number {
  const isText = event === 'text.delta' || event === 'thinking.delta'
  return isText ? ((data as { text?: string }).text?.length ?? 0) : JSON.stringify(data ?? null).length
}
