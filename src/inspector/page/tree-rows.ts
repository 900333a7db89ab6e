/** Owns which rows the tree has and what stands in them. The order is that of the actors and never changes by itself. */
import { type Filter, isEmpty, matches } from './filter.ts'
import { topState } from './states.ts'
import { type Actor, rootOf, type WorldState } from './world.ts'

export interface Row {
  id: string
  level: number
  /** Among its siblings that are shown, from 1. */
  position: number
  siblings: number
  hasChildren: boolean
  isOpen: boolean
}

/** Rows that a person has opened or closed; the others are as their kind is. */
export type Opened = ReadonlyMap<string, boolean>

const openKinds: ReadonlySet<string> = new Set(['system', 'supervisor', 'agent'])

export function rowsOf(world: WorldState, opened: Opened, filter: Filter): Row[] {
  const root = rootOf(world)
  if (root === undefined) return []
  const found = isEmpty(filter) ? undefined : matching(world, root, filter)
  const rows: Row[] = []
  const add = (actor: Actor, level: number, position: number, siblings: number) => {
    const isWanted = opened.get(actor.sessionId)
    const isOpen = found !== undefined || (isWanted ?? openKinds.has(actor.kind))
    // Runs come and go by the thousand: they are rows only where somebody opened their parent.
    const children = childrenOf(world, actor).filter(
      ({ kind, sessionId }) => (kind !== 'run' || isWanted === true) && (found === undefined || found.has(sessionId)),
    )
    const hasChildren = children.length > 0 || (isWanted === undefined && actor.children.length > 0)
    rows.push({ id: actor.sessionId, level, position, siblings, hasChildren, isOpen: isOpen && hasChildren })
    if (!isOpen) return
    for (const [i, child] of children.entries()) add(child, level + 1, i + 1, children.length)
  }
  if (found === undefined || found.has(root.sessionId)) add(root, 1, 1, 1)
  return rows
}

/** Those that match, and all above them. */
function matching(world: WorldState, root: Actor, filter: Filter): Set<string> {
  const found = new Set<string>()
  const visit = (actor: Actor): boolean => {
    const below = childrenOf(world, actor).map(visit).some(Boolean)
    if (!below && !matches(filter, world, actor)) return false
    found.add(actor.sessionId)
    return true
  }
  visit(root)
  return found
}

/** Those that do the system's own chores stand below the others. */
function childrenOf(world: WorldState, actor: Actor): Actor[] {
  const children = actor.children.flatMap((id) => world.actors.get(id) ?? [])
  const isChore = ({ kind }: Actor) => kind === 'other'
  return [...children.filter((child) => !isChore(child)), ...children.filter(isChore)]
}

/** How many are in each state: replicas, and agents that have none (idle). */
export function stateCounts(world: WorldState): Map<string, number> {
  const counts = new Map<string, number>()
  for (const actor of world.actors.values()) {
    if (actor.isGone) continue
    const isIdle = actor.kind === 'agent' && actor.children.length === 0
    if (actor.kind !== 'replica' && !isIdle) continue
    const state = isIdle ? 'idle' : topState(actor.snapshot.value)
    counts.set(state, (counts.get(state) ?? 0) + 1)
  }
  return counts
}

/** Of an actor and all below it: memory and restarts; undefined where nothing is known. */
export function totals(
  world: WorldState,
  actor: Actor,
): { rssBytes: number | undefined; restarts: number | undefined } {
  let rssBytes = actor.beat?.rssBytes ?? undefined
  let restarts = actor.process?.restarts
  // The system's row is its own process; all of it stands in the header.
  if (actor.kind === 'system') return { rssBytes, restarts }
  for (const child of childrenOf(world, actor)) {
    if (child.kind === 'run') continue
    const below = totals(world, child)
    if (below.rssBytes !== undefined) rssBytes = (rssBytes ?? 0) + below.rssBytes
    if (below.restarts !== undefined) restarts = (restarts ?? 0) + below.restarts
  }
  return { rssBytes, restarts: restarts ?? (actor.kind === 'agent' ? 0 : undefined) }
}

/** Memory of all processes of the system, in bytes; undefined where none has told. */
export function totalMemory(world: WorldState): number | undefined {
  let sum: number | undefined
  for (const { beat, isGone } of world.actors.values()) {
    if (beat?.rssBytes != null && !isGone) sum = (sum ?? 0) + beat.rssBytes
  }
  return sum
}

/** `#6`, of a generation that is told as `6` or as `research/1#6`. */
export function generationName(generation: string | undefined): string {
  return generation === undefined ? '' : `#${generation.slice(generation.lastIndexOf('#') + 1)}`
}
