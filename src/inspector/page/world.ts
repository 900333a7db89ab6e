/**
 * Owns what the page knows at one moment. Plain data, changed by `apply` alone; values are replaced, never changed in place, so that
 * a copy of the maps is a keyframe and a row knows that it changed by identity.
 */
import type {
  ActorFrame,
  CrashFrame,
  FiguresFrame,
  HelloFrame,
  LiveFrame,
  MachineFrame,
  ProcessFrame,
  RunFrame,
  SnapshotView,
} from '../frames.ts'

export interface Actor extends Omit<ActorFrame, 'type' | 'seq' | 'at' | 'snapshot'> {
  readonly snapshot: SnapshotView
  readonly children: readonly string[]
  readonly process: ProcessFrame | undefined
  /** The last one; it stays until the next. */
  readonly crash: CrashFrame | undefined
  /** How often each state was entered, and how long it was in it, in milliseconds. By the id of the node. */
  readonly visits: ReadonlyMap<string, { count: number; totalMs: number }>
  /** The last three edges that were taken, the newest first. */
  readonly taken: readonly { edge: string; at: number }[]
  readonly beat: { at: number; rssBytes: number | null; cpu: number | null; inFlight: number } | undefined
  readonly isGone: boolean
}

export interface WorldState {
  readonly hello: HelloFrame | undefined
  readonly actors: ReadonlyMap<string, Actor>
  readonly machines: ReadonlyMap<string, MachineFrame>
  /** By agent; `''` is all of them. */
  readonly figures: ReadonlyMap<string, FiguresFrame>
  readonly runs: ReadonlyMap<string, RunFrame>
  /** The newest event that it has seen. */
  readonly seq: number
  readonly at: number
}

/** Which parts a frame changed: ids of actors, and names of the other maps. */
export interface Changed {
  actors: Set<string>
  tree: boolean
  figures: boolean
  runs: Set<string>
}

export declare function apply(state: WorldState, frame: LiveFrame, changed: Changed): void
