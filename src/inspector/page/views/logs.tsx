/** Owns the lines that processes wrote: followed, searched, with those of the dead. */
import { useComputed, useSignal } from '@preact/signals'
import { useEffect } from 'preact/hooks'
import { count, timeOf } from '../format.ts'
import * as state from '../state.ts'
import type { Actor, WorldState } from '../world.ts'
import { ListTools } from './list-tools.tsx'
import { isErrorLine, type LogRow, logRows } from './log-rows.ts'
import { VirtualRows } from './virtual-rows.tsx'

const rowHeight = 20

export function Logs({ actor }: { actor: Actor }) {
  const sources = sourcesOf(state.live.value, actor)
  const key = sources.join(' ')
  const search = useSignal('')
  const isFollowing = useSignal(true)
  const seen = useSignal(0)
  useEffect(() => state.watch({ logs: key.split(' ').filter(Boolean) }), [key])
  const ids = useSignal(sources)
  if (ids.peek().join(' ') !== key) ids.value = sources
  const rows = useComputed(() => {
    const until = state.playhead.value === undefined ? Number.POSITIVE_INFINITY : state.shown.value.at
    const lines = ids.value.flatMap((id) => state.logsOf(id).value).filter(({ at }) => at <= until)
    return logRows(lines, search.value)
  })
  const found = rows.value
  if (isFollowing.value && seen.peek() !== found.length) seen.value = found.length
  const fresh = found.length - seen.value
  if (sources.length === 0)
    return <p class="empty">{`${actor.name} has no process, and writes no lines. Choose a replica or a host.`}</p>
  return (
    <section class="panel list-view" aria-label="Logs">
      <ListTools text={search} label="Search lines" placeholder="Search lines, or err">
        <span class="small">{`${count(found.length)} lines`}</span>
        <button
          type="button"
          class="button"
          aria-pressed={isFollowing.value}
          onClick={() => {
            isFollowing.value = !isFollowing.value
          }}
        >
          {isFollowing.value || fresh <= 0 ? 'Follow' : `Follow ↓ ${count(fresh)} new`}
        </button>
      </ListTools>
      {found.length === 0 ? (
        <p class="empty">
          {search.value === '' ? 'No lines yet. What its process prints appears here.' : `No line has ${search.value}.`}
        </p>
      ) : (
        <VirtualRows
          count={found.length}
          height={rowHeight}
          label="Lines, oldest first"
          isFollowing={isFollowing.value}
          onFollow={(follows) => {
            isFollowing.value = follows
          }}
        >
          {(index) => <Row key={(found[index] as LogRow).key} row={found[index] as LogRow} />}
        </VirtualRows>
      )}
    </section>
  )
}

function Row({ row }: { row: LogRow }) {
  if (row.kind === 'rule') return <div class="log-rule mono">{row.text}</div>
  if (row.kind === 'dropped') return <div class="log-row quiet">{`… ${count(row.count)} lines dropped`}</div>
  const { frame } = row
  const level = frame.level === undefined ? frame.stream : `${frame.stream} ${frame.level}`
  return (
    <div class={`log-row mono${isErrorLine(frame) ? ' is-error' : ''}`}>
      <span class="quiet">{timeOf(frame.at)}</span>
      <span class="quiet log-stream">{level}</span>
      <span class="log-text" title={frame.text.length > 160 ? frame.text.slice(0, 2_000) : undefined}>
        {frame.text}
      </span>
    </div>
  )
}

/** An agent's lines are those of its replicas. */
function sourcesOf(world: WorldState, actor: Actor): string[] {
  if (actor.kind === 'replica' || actor.kind === 'host') return [actor.sessionId]
  if (actor.kind !== 'agent') return []
  return actor.children.filter((id) => world.actors.get(id)?.kind === 'replica')
}
