/**
 * Owns the history of a system: the newest frames within bounds, and a keyframe before each 500 of them.
 *
 * 1. What is kept begins with a keyframe: it can be shown without what was before.
 * 2. Sequence numbers have no gap.
 */
import type { HistoryFrame, KeyframeFrame, LiveFrame } from './frames.ts'

const chapterFrames = 500

interface Chapter {
  keyframe: KeyframeFrame
  frames: HistoryFrame[]
  texts: string[]
  bytes: number
}

export interface RingBounds {
  /** Default 20 000. */
  events: number
  /** As JSON. Default 16 MiB. */
  bytes: number
}

export class Ring {
  readonly bounds: RingBounds
  readonly #keyframe: () => readonly LiveFrame[]
  #chapters: Chapter[] = []
  #events = 0
  #bytes = 0

  /** @param keyframe the present as frames: asked before a frame that begins a chapter is added */
  constructor(bounds: RingBounds, keyframe: () => readonly LiveFrame[]) {
    this.bounds = bounds
    this.#keyframe = keyframe
  }

  /** The first sequence number that is kept; that of the next where there is none. */
  get oldestSeq(): number | undefined {
    return this.#chapters[0]?.frames[0]?.seq
  }

  /** Answers the frame as JSON. */
  add(frame: HistoryFrame): string {
    let chapter = this.#chapters.at(-1)
    if (chapter === undefined || chapter.frames.length === chapterFrames) {
      chapter = this.#begin(frame)
    }
    const text = JSON.stringify(frame)
    chapter.frames.push(frame)
    chapter.texts.push(text)
    chapter.bytes += text.length
    this.#bytes += text.length
    this.#events += 1
    while (this.#chapters.length > 1 && (this.#events > this.bounds.events || this.#bytes > this.bounds.bytes))
      this.#drop()
    return text
  }

  /**
   * What is kept from `fromSeq` to `toSeq`, as JSON texts of frames: a gap first where some are gone, and a keyframe where the
   * first of them cannot be shown without it.
   */
  between(fromSeq: number, toSeq = Number.POSITIVE_INFINITY): string[] {
    const oldest = this.oldestSeq
    if (oldest === undefined) return []
    const first = this.#chapters[0] as Chapter
    const told =
      fromSeq < oldest
        ? [
            JSON.stringify({ type: 'gap', fromSeq, toSeq: oldest - 1, count: oldest - fromSeq }),
            JSON.stringify(first.keyframe),
          ]
        : fromSeq === oldest
          ? [JSON.stringify(first.keyframe)]
          : []
    for (const { frames, texts } of this.#chapters)
      for (const [at, { seq }] of frames.entries()) if (seq >= fromSeq && seq <= toSeq) told.push(texts[at] as string)
    return told
  }

  #begin({ seq, at }: HistoryFrame): Chapter {
    const keyframe: KeyframeFrame = { type: 'keyframe', seq: seq - 1, at, frames: this.#keyframe() }
    const chapter: Chapter = { keyframe, frames: [], texts: [], bytes: 0 }
    this.#chapters.push(chapter)
    return chapter
  }

  #drop(): void {
    const oldest = this.#chapters.shift()
    this.#events -= oldest?.frames.length ?? 0
    this.#bytes -= oldest?.bytes ?? 0
  }
}
