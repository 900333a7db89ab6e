/**
 * Owns those who look at a system: what each watches, and that all get one serialisation of what is told to everybody.
 */
import type { LiveFrame } from './frames.ts'
import type { Told } from './timeline.ts'

/** What one viewer watches, by session id of the actor, and by id of the run. */
export interface Watches {
  readonly actors: ReadonlySet<string>
  readonly logs: ReadonlySet<string>
  readonly runs: ReadonlySet<string>
}

export interface Viewer {
  /** May change at any time. */
  readonly watches: Watches
  /**
   * Must not throw, and is never waited for.
   * @param batch a JSON array of frames, the same text for everybody who gets the same
   */
  receive(batch: string): void
}

/** No batch is much longer, in characters. */
const maxBatch = 64 * 1_024

export class Viewers {
  readonly #viewers = new Set<Viewer>()

  get size(): number {
    return this.#viewers.size
  }

  add(viewer: Viewer): void {
    this.#viewers.add(viewer)
  }

  delete(viewer: Viewer): boolean {
    return this.#viewers.delete(viewer)
  }

  isWatched(what: keyof Watches, id: string): boolean {
    for (const { watches } of this.#viewers) if (watches[what].has(id)) return true
    return false
  }

  /** What anybody watches. */
  watched(what: keyof Watches): Set<string> {
    return new Set([...this.#viewers].flatMap(({ watches }) => [...watches[what]]))
  }

  deliver(told: readonly Told[]): void {
    const own = told.filter(({ frame }) => watchedBy(frame) !== undefined)
    /** By what is left out of it. */
    const batches = new Map<string, readonly string[]>()
    for (const viewer of this.#viewers) {
      const unseen = new Set(own.filter(({ frame }) => !isFor(viewer.watches, frame)))
      const key = own.length === 0 ? '' : own.map((one) => Number(unseen.has(one))).join('')
      let texts = batches.get(key)
      if (texts === undefined) {
        texts = batched(told.filter((one) => !unseen.has(one)).map(({ text }) => text))
        batches.set(key, texts)
      }
      for (const text of texts) viewer.receive(text)
    }
  }
}

/** JSON arrays of frames that are JSON. */
export function batched(texts: readonly string[]): string[] {
  const batches: string[] = []
  let batch: string[] = []
  let length = 0
  for (const text of texts) {
    if (length > 0 && length + text.length > maxBatch) {
      batches.push(`[${batch.join()}]`)
      batch = []
      length = 0
    }
    batch.push(text)
    length += text.length
  }
  if (batch.length > 0) batches.push(`[${batch.join()}]`)
  return batches
}

/** Whose watchers alone a frame is for. */
function watchedBy(frame: LiveFrame): [keyof Watches, string] | undefined {
  switch (frame.type) {
    case 'context':
      return ['actors', frame.sessionId]
    case 'log':
      return ['logs', frame.sessionId]
    case 'stream':
      return ['runs', frame.run]
    default:
      return undefined
  }
}

export function isFor(watches: Watches, frame: LiveFrame): boolean {
  const [what, id] = watchedBy(frame) ?? []
  return what === undefined || id === undefined || watches[what].has(id)
}
