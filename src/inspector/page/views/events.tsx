/** Owns the list of events of an actor and all below it: filter, pause, and the playhead that a click puts there. */
import { useComputed, useSignal, useSignalEffect } from '@preact/signals'
import { useEffect, useMemo, useRef } from 'preact/hooks'
import { count, timeOf } from '../format.ts'
import * as state from '../state.ts'
import { StateShape } from '../state-shape.tsx'
import { toneOf } from '../states.ts'
import { goTo } from '../time.ts'
import type { Actor } from '../world.ts'
import {
  below,
  type EventRow,
  EventRows,
  isError,
  matchesEvent,
  nameOf,
  parseEventFilter,
  typeOf,
} from './event-rows.ts'
import { ListTools } from './list-tools.tsx'
import { Payload } from './payload.tsx'
import { VirtualRows } from './virtual-rows.tsx'

const rowHeight = 27
/** The list is made anew no more often. */
const refreshMs = 200

export function Events({ actor }: { actor: Actor }) {
  const all = useMemo(() => new EventRows(), [state.history.value])
  const text = useSignal('')
  const isFollowing = useSignal(true)
  /** The last event that the list shows while it is paused. */
  const pausedAt = useSignal<number | undefined>(undefined)
  const newest = useSignal(0)
  const chosen = useSignal<number | undefined>(undefined)
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined)

  useSignalEffect(() => {
    const seq = state.newestSeq.value
    all.add(state.history.peek().between(all.seq + 1, seq))
    if (newest.peek() === 0) newest.value = seq
    timer.current ??= setTimeout(() => {
      timer.current = undefined
      newest.value = all.seq
    }, refreshMs)
  })
  useEffect(() => () => clearTimeout(timer.current), [])
  const rows = useComputed(() => {
    const upTo = pausedAt.value ?? newest.value
    state.treeVersion.value
    const world = state.live.peek()
    const inside = actor.kind === 'system' ? undefined : below(world, actor.sessionId)
    const filter = parseEventFilter(text.value)
    const concerns = ({ frame }: EventRow) =>
      inside === undefined ||
      inside.has(frame.sessionId) ||
      (frame.type !== 'crash' && frame.sourceId !== undefined && inside.has(frame.sourceId))
    return all.rows.filter((row) => row.frame.seq <= upTo && concerns(row) && matchesEvent(filter, row, world))
  })
  useEffect(() => {
    chosen.value = undefined
  }, [actor.sessionId])

  const found = rows.value
  const playhead = state.playhead.value
  const marked = playhead === undefined ? chosen.value : playhead
  const at = marked === undefined ? -1 : all.at(found, marked)
  const detail = at === -1 ? undefined : found[at]
  const missed = pausedAt.value === undefined ? 0 : newest.value - pausedAt.value
  const pause = () => {
    pausedAt.value = pausedAt.value === undefined ? newest.value : undefined
    isFollowing.value = pausedAt.value === undefined
  }
  const open = ({ frame }: EventRow) => {
    chosen.value = frame.seq
    isFollowing.value = false
    goTo(frame.seq)
  }
  return (
    <section class="panel list-view" aria-label="Events">
      <ListTools
        text={text}
        label="Filter events by type:, actor:, run:, error or a word"
        placeholder="type:agent. actor:support/0 run:7K error"
      >
        <span class="small" aria-live="polite">{`${count(found.length)} events`}</span>
        {missed > 0 && <span class="small">{`${count(missed)} new`}</span>}
        <button type="button" class="button" aria-pressed={pausedAt.value !== undefined} onClick={pause}>
          Pause
        </button>
      </ListTools>
      {found.length === 0 ? (
        <p class="empty">
          {text.value === ''
            ? 'No events yet. What this actor hears and says appears here.'
            : `No event matches ${text.value}.`}
        </p>
      ) : (
        <VirtualRows
          count={found.length}
          height={rowHeight}
          label="Events, oldest first"
          isFollowing={isFollowing.value && playhead === undefined}
          onFollow={(follows) => {
            isFollowing.value = follows
          }}
          revealed={playhead === undefined ? undefined : at}
        >
          {(index) => {
            const row = found[index] as EventRow
            return <Row key={row.frame.seq} row={row} isMarked={index === at} onOpen={() => open(row)} />
          }}
        </VirtualRows>
      )}
      {detail !== undefined && <Detail row={detail} />}
    </section>
  )
}

function Row({ row, isMarked, onOpen }: { row: EventRow; isMarked: boolean; onOpen: () => void }) {
  const { frame, after } = row
  const world = state.live.peek()
  const source = frame.type === 'crash' ? undefined : frame.sourceId
  const times = frame.type === 'crash' ? 1 : (frame.count ?? 1)
  return (
    <button
      type="button"
      class={`event-row${isMarked ? ' is-marked' : ''}${isError(row) ? ' is-error' : ''}`}
      onClick={onOpen}
      aria-current={isMarked ? 'true' : undefined}
    >
      <span class="mono quiet">{timeOf(frame.at)}</span>
      <span class="mono quiet is-seq">{frame.seq}</span>
      <span class="event-way">
        {source !== undefined && <>{nameOf(world, source)} → </>}
        {nameOf(world, frame.sessionId)}
      </span>
      <span class="mono event-type">
        {typeOf(row)}
        {times > 1 && <span class="quiet"> ×{times}</span>}
      </span>
      <span class={`event-after tone-${toneOf(after ?? '')}`}>
        {after !== undefined && (
          <>
            <StateShape state={after} size={10} /> {after}
          </>
        )}
      </span>
    </button>
  )
}

function Detail({ row: { frame } }: { row: EventRow }) {
  const { type: _, ...payload } =
    frame.type === 'crash' ? { type: '', class: frame.class, message: frame.message } : frame.event
  return (
    <div class="list-detail">
      <Payload title={frame.type === 'crash' ? 'crash' : frame.event.type} value={payload} />
    </div>
  )
}
