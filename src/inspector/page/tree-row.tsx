/** Owns one row of the tree. It is drawn again only when its actor changed, or twice a second where it sums up others. */
import { duration, megabytes } from './format.ts'
import { openActor } from './navigation.ts'
import * as state from './state.ts'
import { StateShape } from './state-shape.tsx'
import { shownState, stateText, toneOf } from './states.ts'
import { generationName, type Row, totals } from './tree-rows.ts'
import type { Actor } from './world.ts'

interface Props {
  row: Row
  isSelected: boolean
  onToggle: () => void
}

/** Health is quiet: only trouble and change are coloured words. */
const quiet: ReadonlySet<string> = new Set(['good', 'rest', 'ink3'])

export function TreeRow({ row, isSelected, onToggle }: Props) {
  const actor = state.actorSignal(row.id).value
  if (actor === undefined) return null
  if (row.hasChildren || actor.snapshot.dueAt !== undefined) state.now.value
  const world = state.shown.peek()
  const shape = shownState(world, actor)
  const isGroup = actor.kind === 'agent' || actor.kind === 'system' || actor.kind === 'supervisor'
  const tone = actor.kind === 'agent' ? 'ink3' : toneOf(shape)
  const { rssBytes, restarts } = totals(world, actor)
  const pid = actor.process?.pid ?? (actor.kind === 'system' ? world.hello?.system.pid : undefined)
  const generation = generationName(actor.process?.generation)
  return (
    // biome-ignore lint/a11y/useKeyWithClickEvents: the tree has the keys
    <div
      id={`row-${row.id}`}
      class={`row is-${actor.kind}${isSelected ? ' is-selected' : ''}`}
      role="treeitem"
      tabIndex={-1}
      style={{ '--level': row.level }}
      aria-level={row.level}
      aria-posinset={row.position}
      aria-setsize={row.siblings}
      aria-selected={isSelected}
      aria-expanded={row.hasChildren ? row.isOpen : undefined}
      onClick={() => openActor(row.id)}
    >
      <span class="cell-name">
        <span
          class="twist"
          aria-hidden="true"
          onClick={(event) => {
            if (!row.hasChildren) return
            event.stopPropagation()
            onToggle()
          }}
        >
          {row.hasChildren ? (row.isOpen ? '▾' : '▸') : ''}
        </span>
        {actor.kind !== 'supervisor' && <StateShape state={shape} left={waitLeft(actor)} />}
        <span class={isGroup ? 'name is-group' : 'name mono'}>{actor.name}</span>
      </span>
      <span class={`cell-state ${quiet.has(tone) ? '' : `toned tone-${tone}`}`}>{stateText(world, actor)}</span>
      <span class="cell-pid">{pid ?? (actor.kind === 'replica' ? '–' : '')}</span>
      <span class={`cell-gen${generation !== '' && generation !== '#1' ? ' is-later' : ''}`}>{generation}</span>
      <span class="cell-rst">{restarts ?? ''}</span>
      <span class="cell-mb">{actor.kind === 'other' && rssBytes === undefined ? '' : megabytes(rssBytes)}</span>
      <span class="cell-line">{secondLine(actor, pid, generation, rssBytes, restarts)}</span>
    </div>
  )
}

/** The second line on the phone, in place of the columns. */
function secondLine(
  actor: Actor,
  pid: number | undefined,
  generation: string,
  rssBytes: number | undefined,
  restarts: number | undefined,
): string {
  const { dueAt } = actor.snapshot
  if (dueAt !== undefined) return `next start in ${duration(Math.max(0, dueAt - state.now.peek()))}`
  const memory = rssBytes === undefined ? undefined : `${megabytes(rssBytes)} MB`
  const parts =
    actor.kind === 'agent'
      ? [restarts === undefined ? undefined : `${restarts} restarts`, memory]
      : [pid === undefined ? undefined : `pid ${pid}`, generation, memory]
  return parts.filter(Boolean).join(' · ')
}

/** How much of a backoff is left, from 0 to 1. */
function waitLeft({ snapshot: { since, dueAt } }: Actor): number {
  return dueAt === undefined || dueAt <= since ? 0.7 : (dueAt - state.now.peek()) / (dueAt - since)
}
