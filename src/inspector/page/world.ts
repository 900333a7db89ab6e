/**
 * Owns what the page knows at one moment. Plain data, changed by `apply` alone; values are replaced, never changed in place, so that
 * a copy of the maps is a keyframe and a row knows that it changed by identity.
 *
 * 1. The same frames in the same order make the same world, from nothing or from a keyframe.
 * 2. It is bounded: 500 runs, 200 actors that are gone.
 */
import type {
  ActorFrame,
  BeatsFrame,
  ContextFrame,
  CrashFrame,
  FiguresFrame,
  HelloFrame,
  LiveFrame,
  MachineFrame,
  ProcessFrame,
  RunFrame,
  SnapshotFrame,
  SnapshotView,
} from '../frames.ts'
import { activeNodes } from '../state-value.ts'

export interface Actor extends Omit<ActorFrame, 'type' | 'seq' | 'at' | 'snapshot' | 'visits'> {
  readonly snapshot: SnapshotView
  /** Those in the tree, by their order. */
  readonly children: readonly string[]
  readonly process: ProcessFrame | undefined
  /** The last that came, while it was watched. */
  readonly memory: ContextFrame | undefined
  /** The last one; it stays until the next. */
  readonly crash: CrashFrame | undefined
  /** How often each state was entered, and how long it was in it, in milliseconds, without the visit that goes on. By id of the node. */
  readonly visits: ReadonlyMap<string, { count: number; totalMs: number }>
  /** The last three edges that were taken, the newest first. */
  readonly taken: readonly { edge: string; at: number }[]
  readonly beat:
    | { at: number; rssBytes: number | null; cpu: number | null; loopLagMs: number | null; inFlight: number }
    | undefined
  readonly isGone: boolean
}

export interface WorldState {
  readonly hello: HelloFrame | undefined
  readonly actors: ReadonlyMap<string, Actor>
  readonly machines: ReadonlyMap<string, MachineFrame>
  /** By agent; `''` is all of them. */
  readonly figures: ReadonlyMap<string, FiguresFrame>
  /** The newest last. */
  readonly runs: ReadonlyMap<string, RunFrame>
  /** The newest event that it has seen. */
  readonly seq: number
  /** When that was, or a later figure, in milliseconds since 1970. */
  readonly at: number
  readonly closedAt: number | undefined
}

/** Which parts a frame changed: ids of actors, and names of the other maps. */
export interface Changed {
  actors: Set<string>
  /** Actors came or went, runs' own actors left out. */
  tree: boolean
  figures: boolean
  runs: Set<string>
}

const keptRuns = 500
const keptGone = 200
const settled: ReadonlySet<string> = new Set(['succeeded', 'failed', 'cancelled', 'timed_out', 'interrupted'])

type Mutable = {
  -readonly [K in keyof WorldState]: WorldState[K] extends ReadonlyMap<infer Key, infer Value>
    ? Map<Key, Value>
    : WorldState[K]
}

export function emptyWorld(): WorldState {
  return {
    hello: undefined,
    actors: new Map(),
    machines: new Map(),
    figures: new Map(),
    runs: new Map(),
    seq: 0,
    at: 0,
    closedAt: undefined,
  }
}

/** The same values in maps of their own. */
export function copyWorld(state: WorldState): WorldState {
  return {
    ...state,
    actors: new Map(state.actors),
    machines: new Map(state.machines),
    figures: new Map(state.figures),
    runs: new Map(state.runs),
  }
}

export function noChange(): Changed {
  return { actors: new Set(), tree: false, figures: false, runs: new Set() }
}

export function isSettled(run: RunFrame): boolean {
  return settled.has(run.status)
}

/** The actor at the top. */
export function rootOf(state: WorldState): Actor | undefined {
  for (const actor of state.actors.values()) if (actor.parentId === undefined && !actor.isGone) return actor
  return undefined
}

/** Changes `state` as `frame` says and notes in `changed` what. What it does not know changes nothing. */
export function apply(state: WorldState, frame: LiveFrame, changed: Changed): void {
  const world = state as Mutable
  if ('seq' in frame && frame.type !== 'hello') world.seq = Math.max(world.seq, frame.seq)
  if ('at' in frame) world.at = Math.max(world.at, frame.at)
  switch (frame.type) {
    case 'hello':
      world.hello = frame
      changed.tree = true
      break
    case 'machine':
      world.machines.set(frame.hash, frame)
      break
    case '@xstate.actor':
      addActor(world, frame, changed)
      break
    case '@xstate.snapshot':
      moveActor(world, frame, changed)
      break
    case 'actor.gone':
      removeActor(world, frame.sessionId, changed)
      break
    case 'process':
      // What the last process weighed says nothing once it is gone.
      update(world, frame.sessionId, changed, {
        process: frame,
        ...(frame.pid === undefined && frame.application === undefined && { beat: undefined }),
      })
      break
    case 'crash':
      update(world, frame.sessionId, changed, { crash: frame })
      break
    case 'context':
      update(world, frame.sessionId, changed, { memory: frame })
      break
    case 'beats':
      beat(world, frame, changed)
      break
    case 'figures':
      world.figures.set(frame.agent ?? '', frame)
      changed.figures = true
      break
    case 'run':
      keepRun(world, frame, changed)
      break
    case 'keyframe':
      applyKeyframe(world, frame.frames, changed)
      break
    case 'closed':
      world.closedAt = frame.at
      changed.tree = true
      break
    default: // events, logs and streams are no state
  }
}

function update(world: Mutable, sessionId: string, changed: Changed, part: Partial<Actor>): void {
  const actor = world.actors.get(sessionId)
  if (actor === undefined) return
  world.actors.set(sessionId, { ...actor, ...part })
  changed.actors.add(sessionId)
}

function addActor(world: Mutable, frame: ActorFrame, changed: Changed): void {
  const { type: _, seq: __, at: ___, visits: told, ...rest } = frame
  const known = world.actors.get(frame.sessionId)
  const visits = new Map(told === undefined ? known?.visits : Object.entries(told))
  if (known === undefined && told === undefined) enter(world, visits, frame.machine, undefined, frame.snapshot)
  world.actors.set(frame.sessionId, {
    children: [],
    process: undefined,
    memory: undefined,
    crash: undefined,
    taken: [],
    beat: undefined,
    ...known,
    ...rest,
    visits,
    isGone: false,
  })
  changed.actors.add(frame.sessionId)
  const parent = frame.parentId === undefined ? undefined : world.actors.get(frame.parentId)
  if (parent !== undefined && !parent.children.includes(frame.sessionId)) {
    const order = (id: string) => world.actors.get(id)?.order ?? 0
    const at = parent.children.findLastIndex((id) => order(id) <= frame.order) + 1
    update(world, parent.sessionId, changed, { children: parent.children.toSpliced(at, 0, frame.sessionId) })
  }
  if (frame.kind !== 'run') changed.tree = true
}

function moveActor(world: Mutable, frame: SnapshotFrame, changed: Changed): void {
  const actor = world.actors.get(frame.sessionId)
  if (actor === undefined) return
  const before = actor.snapshot
  const moved = before.since !== frame.snapshot.since
  let visits = actor.visits
  if (moved) {
    const next = new Map(visits)
    enter(world, next, actor.machine, before, frame.snapshot)
    visits = next
  }
  const taken =
    frame.edges.length === 0
      ? actor.taken
      : [...frame.edges.map((edge) => ({ edge, at: frame.at })).reverse(), ...actor.taken].slice(0, 3)
  update(world, frame.sessionId, changed, { snapshot: frame.snapshot, visits, taken })
}

function enter(
  world: Mutable,
  visits: Map<string, { count: number; totalMs: number }>,
  hash: string | undefined,
  before: SnapshotView | undefined,
  now: SnapshotView,
): void {
  const machine = hash === undefined ? undefined : world.machines.get(hash)
  if (machine === undefined) return
  for (const node of before === undefined ? [] : activeNodes(machine, before.value)) {
    const visit = visits.get(node) ?? { count: 1, totalMs: 0 }
    visits.set(node, { ...visit, totalMs: visit.totalMs + Math.max(0, now.since - (before?.since ?? now.since)) })
  }
  for (const node of activeNodes(machine, now.value)) {
    const visit = visits.get(node) ?? { count: 0, totalMs: 0 }
    visits.set(node, { ...visit, count: visit.count + 1 })
  }
}

function removeActor(world: Mutable, sessionId: string, changed: Changed): void {
  const actor = world.actors.get(sessionId)
  if (actor === undefined || actor.isGone) return
  const parent = actor.parentId === undefined ? undefined : world.actors.get(actor.parentId)
  if (parent !== undefined) {
    update(world, parent.sessionId, changed, { children: parent.children.filter((id) => id !== sessionId) })
  }
  world.actors.delete(sessionId)
  changed.actors.add(sessionId)
  if (actor.kind === 'run') return
  changed.tree = true
  // The dead stay to be looked at, the last of them: their logs too.
  world.actors.set(sessionId, { ...actor, isGone: true })
  const gone = [...world.actors.values()].filter(({ isGone }) => isGone)
  for (const { sessionId: old } of gone.slice(0, Math.max(0, gone.length - keptGone))) world.actors.delete(old)
}

function beat(world: Mutable, frame: BeatsFrame, changed: Changed): void {
  frame.sessionId.forEach((sessionId, i) => {
    update(world, sessionId, changed, {
      beat: {
        at: frame.at,
        rssBytes: frame.rssBytes[i] ?? null,
        cpu: frame.cpu[i] ?? null,
        loopLagMs: frame.loopLagMs[i] ?? null,
        inFlight: frame.inFlight[i] ?? 0,
      },
    })
  })
}

function keepRun(world: Mutable, frame: RunFrame, changed: Changed): void {
  world.runs.set(frame.run, frame)
  changed.runs.add(frame.run)
  if (world.runs.size <= keptRuns) return
  for (const [id, run] of world.runs) {
    if (!isSettled(run)) continue
    world.runs.delete(id)
    changed.runs.add(id)
    return
  }
}

/** What it does not name is gone; what was learned of the others stays. */
function applyKeyframe(world: Mutable, frames: readonly LiveFrame[], changed: Changed): void {
  const named = new Set(frames.flatMap((frame) => (frame.type === '@xstate.actor' ? [frame.sessionId] : [])))
  for (const [id, actor] of world.actors) if (!actor.isGone && !named.has(id)) removeActor(world, id, changed)
  const { seq, at } = world
  for (const frame of frames) apply(world, frame, changed)
  world.seq = Math.max(seq, world.seq)
  world.at = Math.max(at, world.at)
}
