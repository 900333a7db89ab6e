/**
 * Owns the way of frames from the wire into the page: a queue that is drained once for each paint, in 8 ms at most, and what happens
 * when a connection comes (again): the present first, the past behind it, nothing twice.
 */
import { batch } from '@preact/signals'
import type { KeyframeFrame, LiveFrame, LogFrame, StreamFrame } from '../frames.ts'
import { History, isHistory } from './history.ts'
import { Lifelines } from './lifelines.ts'
import * as state from './state.ts'
import { apply, emptyWorld, noChange, type WorldState } from './world.ts'

const drainMs = 8
const hiddenMs = 1000

interface Queued {
  frame: LiveFrame
  bytes: number
}

let world: WorldState = emptyWorld()
/** What each row's strip and the tape are drawn from. */
export let lifelines = new Lifelines()
let queue: Queued[] = []
let first = 0
let isScheduled = false
/** The past that was asked for and is on its way, up to this event. */
let past:
  | { upTo: number; untilAt: number; isFirst: boolean; hasPresent: boolean; frames: Queued[]; later: Queued[] }
  | undefined

let tapped: ((frame: LiveFrame, bytes: number) => void) | undefined

/** Shows each frame that is applied to `listener` too, for a recording. */
export function tap(listener: typeof tapped): void {
  tapped = listener
}

/** Takes frames that came together in `bytes` bytes. */
export function receive(frames: readonly LiveFrame[], bytes: number): void {
  for (const frame of frames) queue.push({ frame, bytes: bytes / frames.length })
  schedule()
}

/** Forgets everything: another system, or a recording, is looked at. */
export function reset(): void {
  world = emptyWorld()
  lifelines = new Lifelines()
  queue = []
  first = 0
  past = undefined
  batch(() => {
    state.history.value = new History()
    state.playhead.value = undefined
    state.newestSeq.value = 0
    state.live.value = world
    state.clearStreams()
    state.refreshActors()
  })
}

/** The last event that is known, so that the next connection goes on after it; 0 where nothing is. */
export function lastSeq(): number {
  return world.seq
}

/** A connection's past is on its way: events up to `upTo`, and figures up to the time `untilAt`. Called when `hello` has come. */
export function expectPast(upTo: number, untilAt: number): void {
  past = { upTo, untilAt, isFirst: world.seq === 0, hasPresent: false, frames: [], later: [] }
}

/** All of the past has come (`isWhole`), or no more of it will. */
export function pastHasCome(isWhole: boolean): void {
  if (past === undefined) return
  drain()
  const { isFirst, later } = past
  const frames = isWhole ? past.frames : []
  past = undefined
  if (isFirst) {
    if (frames.length > 0) rebuild([...frames, ...later])
    return
  }
  const missed = frames.filter(({ frame }) => !isHistory(frame) || frame.seq > world.seq)
  // Where nothing of it is kept, the present is all that there is, and what lies between was not seen.
  const present = later.find(({ frame }) => frame.type === 'keyframe')?.frame as KeyframeFrame | undefined
  if (missed.length === 0 && present !== undefined && present.seq > world.seq) {
    const count = present.seq - world.seq
    missed.push({ frame: { type: 'gap', fromSeq: world.seq + 1, toSeq: present.seq, count }, bytes: 0 })
  }
  queue = [...missed, ...later, ...queue.slice(first)]
  first = 0
  schedule()
}

/** Everything again from the beginning: the past was put before the present. */
function rebuild(all: readonly Queued[]): void {
  const { hello, machines } = world
  world = { ...emptyWorld(), hello, machines }
  lifelines = new Lifelines()
  const history = new History()
  const changed = noChange()
  for (const { frame, bytes } of all) {
    if (isHistory(frame) && frame.seq <= world.seq) continue
    apply(world, frame, changed)
    lifelines.add(frame, world)
    history.push(frame, bytes, world)
  }
  batch(() => {
    state.history.value = history
    state.newestSeq.value = world.seq
    state.live.value = { ...world }
    state.refreshActors()
    state.treeVersion.value += 1
    state.figuresVersion.value += 1
  })
}

function schedule(): void {
  if (isScheduled) return
  isScheduled = true
  const run = () => {
    isScheduled = false
    drain(drainMs)
    if (first < queue.length) schedule()
  }
  if (typeof document === 'undefined' || document.hidden) setTimeout(run, hiddenMs)
  else requestAnimationFrame(run)
}

/** Applies what is queued, for `budgetMs` at most, and writes each changed signal once. */
export function drain(budgetMs = Number.POSITIVE_INFINITY): void {
  const begun = performance.now()
  const changed = noChange()
  const logs = new Map<string, LogFrame[]>()
  const streams = new Map<string, StreamFrame[]>()
  const history = state.history.peek()
  const before = world.seq
  while (first < queue.length) {
    const { frame, bytes } = queue[first] as Queued
    first += 1
    if (take(frame, bytes)) {
      apply(world, frame, changed)
      tapped?.(frame, bytes)
      if (frame.type === 'log') group(logs, frame.sessionId, frame)
      else if (frame.type === 'stream') group(streams, frame.run, frame)
      else if (frame.type !== 'hello' && frame.type !== 'ack') {
        lifelines.add(frame, world)
        history.push(frame, bytes, world)
      }
    }
    if ((first & 31) === 0 && performance.now() - begun > budgetMs) break
  }
  if (first === queue.length) {
    queue = []
    first = 0
  }
  batch(() => {
    for (const [id, lines] of logs) state.addLogs(id, lines)
    for (const [run, events] of streams) state.addStream(run, events)
    state.live.value = { ...world }
    if (world.seq !== before) state.newestSeq.value = world.seq
    state.frameAgeMs.value = Math.max(0, Date.now() + state.clockOffset.peek() - world.at)
    if (state.playhead.peek() !== undefined) return
    state.refreshActors(changed.actors)
    if (changed.tree) state.treeVersion.value += 1
    if (changed.figures) state.figuresVersion.value += 1
  })
}

/** Whether a frame is applied now; those of the past wait for the rest of it, and what is known already is left out. */
function take(frame: LiveFrame, bytes: number): boolean {
  const isNew = !isHistory(frame) || frame.seq > world.seq
  if (past === undefined || frame.type === 'hello' || frame.type === 'ack' || frame.type === 'machine') return isNew
  if (!isOfPast(frame, past)) {
    past.hasPresent ||= frame.type === 'keyframe'
    past.later.push({ frame, bytes })
    return past.isFirst && isNew
  }
  past.frames.push({ frame, bytes })
  return false
}

/** The keyframe of the present comes before the past does. */
function isOfPast(frame: LiveFrame, { upTo, untilAt, hasPresent }: NonNullable<typeof past>): boolean {
  if (frame.type === 'keyframe') return hasPresent && frame.seq <= upTo
  if (frame.type === 'gap') return true
  if (isHistory(frame)) return frame.seq <= upTo
  return (frame.type === 'beats' || frame.type === 'figures') && frame.at <= untilAt
}

function group<T>(map: Map<string, T[]>, key: string, value: T): void {
  const all = map.get(key)
  if (all === undefined) map.set(key, [value])
  else all.push(value)
}
