/**
 * Owns what the list of events holds: which events concern an actor, in which state each left its receiver, and the words of the
 * filter. It draws nothing.
 */
import type { CrashFrame, EventFrame, HistoryFrame, LiveFrame } from '../../frames.ts'
import { stateName } from '../../state-value.ts'
import type { WorldState } from '../world.ts'

export interface EventRow {
  readonly frame: EventFrame | CrashFrame
  /** The state that its receiver was in afterwards; undefined: the same as before. */
  after: string | undefined
}

export interface EventFilter {
  types: readonly string[]
  actors: readonly string[]
  runs: readonly string[]
  isError: boolean
  words: readonly string[]
}

/** `type:agent. actor:support/0 run:7KQ2 error word`. */
export function parseEventFilter(text: string): EventFilter {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  const after = (name: string) =>
    words.filter((word) => word.startsWith(`${name}:`)).flatMap((word) => word.slice(name.length + 1) || [])
  const isError = (word: string) => word === 'error' || word === 'error:'
  return {
    types: after('type'),
    actors: after('actor'),
    runs: after('run'),
    isError: words.some(isError),
    words: words.filter((word) => !isError(word) && !/^(?:type|actor|run):/.test(word)),
  }
}

const errors = /crashed|failed|refused|violated|exceeded|interrupted|xstate\.error/

export function isError({ frame }: EventRow): boolean {
  if (frame.type === 'crash') return true
  const { type, outcome, status } = frame.event as { type: string; outcome?: unknown; status?: unknown }
  return errors.test(type) || errors.test(String(outcome ?? status ?? ''))
}

export function typeOf({ frame }: EventRow): string {
  return frame.type === 'crash' ? `crash ${frame.class}` : frame.event.type
}

export function nameOf(world: WorldState, sessionId: string | undefined): string {
  if (sessionId === undefined) return '–'
  return world.actors.get(sessionId)?.name ?? sessionId
}

export function matchesEvent(filter: EventFilter, row: EventRow, world: WorldState): boolean {
  const { frame } = row
  const type = typeOf(row).toLowerCase()
  const source = frame.type === 'crash' ? undefined : frame.sourceId
  const names = [nameOf(world, frame.sessionId), nameOf(world, source)].map((name) => name.toLowerCase())
  const run = frame.type === 'crash' ? '' : (frame.run ?? '').toLowerCase()
  return (
    (filter.types.length === 0 || filter.types.some((wanted) => type.startsWith(wanted))) &&
    (filter.actors.length === 0 || filter.actors.some((wanted) => names.some((name) => name.includes(wanted)))) &&
    (filter.runs.length === 0 || filter.runs.some((wanted) => run.includes(wanted))) &&
    (!filter.isError || isError(row)) &&
    filter.words.every((word) => type.includes(word) || names.some((name) => name.includes(word)) || run.includes(word))
  )
}

/** The actor and all below it. */
export function below(world: WorldState, sessionId: string): Set<string> {
  const found = new Set<string>()
  const visit = (id: string) => {
    if (found.has(id)) return
    found.add(id)
    for (const child of world.actors.get(id)?.children ?? []) visit(child)
  }
  visit(sessionId)
  return found
}

/** As many as the history keeps. */
const mostRows = 20_000

/** Grows with the history, and drops the oldest. */
export class EventRows {
  readonly rows: EventRow[] = []
  readonly #last = new Map<string, EventRow>()
  #seq = 0

  get seq(): number {
    return this.#seq
  }

  add(frames: readonly (HistoryFrame | LiveFrame)[]): void {
    for (const frame of frames) {
      if (!('seq' in frame)) continue
      this.#seq = Math.max(this.#seq, frame.seq)
      if (frame.type === '@xstate.event' || frame.type === 'crash') {
        const row: EventRow = { frame, after: undefined }
        this.rows.push(row)
        this.#last.set(frame.sessionId, row)
      } else if (frame.type === '@xstate.snapshot') {
        const row = this.#last.get(frame.sessionId)
        const after = stateName(frame.snapshot.value) || frame.snapshot.status
        if (row?.frame.type === '@xstate.event') row.after = after
      }
    }
    if (this.rows.length > 1.1 * mostRows) this.rows.splice(0, this.rows.length - mostRows)
  }

  /** The last row that was at or before this event; -1 where there is none. */
  at(rows: readonly EventRow[], seq: number): number {
    let [low, high] = [0, rows.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if ((rows[middle] as EventRow).frame.seq <= seq) low = middle + 1
      else high = middle
    }
    return low - 1
  }
}
