/**
 * Owns the one clock of the page: what time it is there, the five minutes that strips and tape show, and the ways the playhead moves.
 */
import { effect, signal, untracked } from '@preact/signals'
import { lifelines } from './intake.ts'
import * as state from './state.ts'

export const windowMs = 300_000
const tickMs = 500

/** From when to when strips and the tape are drawn, in milliseconds since 1970. */
export const axis = signal({ from: Date.now() - windowMs, to: Date.now() })

/** Begins to count; twice a second. */
export function startClock(): void {
  tick()
  setInterval(tick, tickMs)
}

function tick(): void {
  const { phase } = state.connection.value
  const isRunning = phase === 'live' && state.hello.value !== undefined
  const end = isRunning ? Date.now() + state.clockOffset.value : state.live.value.at
  if (end === 0) return
  if (state.playhead.value !== undefined) return
  state.now.value = end
  axis.value = { from: end - windowMs, to: end }
}

// The server's clock is known from its first word on, not half a second later.
effect(() => {
  state.hello.value
  untracked(tick)
})

// In replay the axis stands still, until the playhead leaves it.
effect(() => {
  if (state.playhead.value === undefined) {
    untracked(tick)
    return
  }
  const { at } = state.shown.value
  const { from, to } = untracked(() => axis.value)
  if (at >= from && at <= to) return
  const end = Math.min(state.live.value.at, at + windowMs / 2)
  axis.value = { from: end - windowMs, to: end }
})

/** Back to what is now; in a recording, to its end. */
export function goLive(): void {
  const isRecording = state.connection.value.phase === 'recording'
  state.playhead.value = isRecording ? state.newestSeq.value : undefined
}

/** Looks at the state after the event with this number; kept within what is remembered. */
export function goTo(seq: number): void {
  const newest = state.newestSeq.value
  if (newest === 0) return
  state.playhead.value = Math.min(newest, Math.max(state.history.value.oldestSeq, seq))
}

/** Looks at this time, in milliseconds since 1970. */
export function goToTime(at: number): void {
  goTo(state.history.value.seqAt(at))
}

export function togglePause(): void {
  if (state.playhead.value === undefined) goTo(state.newestSeq.value)
  else goLive()
}

/** So many events on, or back. Beyond the newest it is live again. */
export function stepEvents(by: number): void {
  const seq = (state.playhead.value ?? state.newestSeq.value) + by
  if (seq > state.newestSeq.value) goLive()
  else goTo(seq)
}

/** The transition of the actor that is looked at before the playhead, or after it. */
export function stepTransition(direction: 1 | -1): void {
  const id = state.selectedActor.value?.sessionId
  const here = state.playhead.value ?? state.newestSeq.value
  const history = state.history.value
  const [from, to] = direction === 1 ? [here + 1, state.newestSeq.value] : [history.oldestSeq, here - 1]
  const moves = history.between(from, to).filter((frame) => frame.type === '@xstate.snapshot' && frame.sessionId === id)
  const found = direction === 1 ? moves[0] : moves.at(-1)
  if (found !== undefined) goTo(found.seq)
}

/** The crash before the playhead, or after it; its actor is selected. */
export function stepCrash(direction: 1 | -1): void {
  const here = state.playhead.value ?? state.newestSeq.value + 1
  const crashes = lifelines.crashes
  const found = direction === 1 ? crashes.find(({ seq }) => seq > here) : crashes.findLast(({ seq }) => seq < here)
  if (found === undefined) return
  goTo(found.seq)
  state.selected.value = found.sessionId
}
