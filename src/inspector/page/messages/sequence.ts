/**
 * Owns what a sequence diagram of one run shows: its columns, its rows in the order of `seq`, and when each column was alive. Plain
 * data; it reads no signal and draws nothing.
 *
 * 1. At most 7 columns; actors beyond them stand in that of their parent.
 * 2. Order is that of `seq`, never of time.
 */
import type { EventFrame, HistoryFrame } from '../../frames.ts'

/** What a column needs to know of an actor. */
export interface Known {
  name: string
  parentId: string | undefined
}

export interface Column {
  id: string
  name: string
  /** Others that stand in it. */
  folded: readonly string[]
  /** Rows between which it is known to be alive; outside of them its life goes on unseen, or has not begun. */
  bornAt: number | undefined
  goneAt: number | undefined
  /** It went by a crash. */
  isCrash: boolean
}

export interface Message {
  seq: number
  /** Of the last of those that are folded. */
  toSeq: number
  at: number
  /** Columns; `from` is undefined where it came from outside. */
  from: number | undefined
  to: number
  type: string
  count: number
  isFailure: boolean
  frame: EventFrame
}

export interface Sequence {
  columns: readonly Column[]
  messages: readonly Message[]
}

const mostColumns = 7
const failures = /(^|\.)(failed|denied|exited|crashed|error|abandoned|interrupted|timed_out)$/

/** `frames`: those of the history that may belong to `run`, oldest first. */
export function sequenceOf(
  run: string,
  frames: readonly HistoryFrame[],
  know: (id: string) => Known | undefined,
): Sequence {
  const told = frames.filter((frame): frame is EventFrame => frame.type === '@xstate.event' && frame.run === run)
  const ids = [
    ...new Set(told.flatMap(({ sourceId, sessionId }) => (sourceId === undefined ? [] : [sourceId]).concat(sessionId))),
  ]
  const place = placesOf(ids, know)
  const shown = [...new Set(place.values())]
  const messages: Message[] = []
  for (const frame of told) {
    const from = frame.sourceId === undefined ? undefined : shown.indexOf(place.get(frame.sourceId) as string)
    const to = shown.indexOf(place.get(frame.sessionId) as string)
    const { type } = frame.event
    const last = messages.at(-1)
    if (last !== undefined && last.type === type && last.from === from && last.to === to && isFolded(type)) {
      last.count += frame.count ?? 1
      last.toSeq = frame.seq
    } else {
      const base = { seq: frame.seq, toSeq: frame.seq, at: frame.at, from, to, type, frame }
      messages.push({ ...base, count: frame.count ?? 1, isFailure: isFailure(frame) })
    }
  }
  const columns = shown.map((id, column): Column => {
    const born = frames.find((frame) => frame.type === '@xstate.actor' && frame.sessionId === id)
    const gone = frames.find(
      (frame) => (frame.type === 'actor.gone' || frame.type === 'crash') && frame.sessionId === id,
    )
    const touches = ({ from, to }: Message) => from === column || to === column
    // A run lives no longer than it is talked of.
    const isRun = id.startsWith('run:')
    return {
      id,
      name: nameOf(id, know),
      folded: [...place].flatMap(([actor, of]) => (of === id && actor !== id ? [nameOf(actor, know)] : [])),
      bornAt: born ? rowAt(messages, born.seq) : isRun ? messages.findIndex(touches) : undefined,
      goneAt: gone ? rowAt(messages, gone.seq) : isRun ? messages.findLastIndex(touches) + 1 : undefined,
      isCrash: gone?.type === 'crash',
    }
  })
  return { columns, messages }
}

/** In which column each actor stands: its own, while there is room. */
function placesOf(ids: readonly string[], know: (id: string) => Known | undefined): Map<string, string> {
  const place = new Map(ids.map((id) => [id, id]))
  // From the last that came to take part, as the first ones are those that a run begins with.
  for (const id of ids.toReversed()) {
    if (new Set(place.values()).size <= mostColumns) break
    const parent = know(id)?.parentId
    const column = parent === undefined ? undefined : place.get(parent)
    const target = column ?? ids[mostColumns - 1]
    if (target === undefined || target === id) continue
    for (const [actor, current] of place) if (current === id) place.set(actor, target)
  }
  return place
}

function isFolded(type: string): boolean {
  return type.endsWith('.delta') || type === 'heartbeat'
}

function isFailure({ event }: EventFrame): boolean {
  if (failures.test(event.type)) return true
  const outcome = event.outcome ?? event.status
  return event.type === 'run.settled' && typeof outcome === 'string' && !['succeeded', 'cancelled'].includes(outcome)
}

/** Before which row an event lies. */
function rowAt(messages: readonly Message[], seq: number): number {
  const found = messages.findIndex((message) => message.seq > seq)
  return found === -1 ? messages.length : found
}

/** The actor of a run is named by it. */
function nameOf(id: string, know: (id: string) => Known | undefined): string {
  return know(id)?.name ?? (id.startsWith('run:') ? id.slice(4) : id)
}
