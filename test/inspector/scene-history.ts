/** Owns what a server would answer from the frames of a scene: the present as a keyframe, and the past on request. */
import type { KeyframeFrame, LiveFrame } from '../../src/inspector/frames.ts'
import { keyframeOf } from '../../src/inspector/page/history.ts'
import { apply, emptyWorld, noChange, type WorldState } from '../../src/inspector/page/world.ts'

/** The world after the event with this number, made from the beginning. */
export function worldFrom(frames: readonly LiveFrame[], seq: number): WorldState {
  const world = emptyWorld()
  const changed = noChange()
  for (const frame of frames) {
    if ('seq' in frame && frame.type !== 'hello' && frame.seq > seq) break
    apply(world, frame, changed)
  }
  return world
}

export function presentOf(frames: readonly LiveFrame[], seq: number): KeyframeFrame {
  return { ...keyframeOf(worldFrom(frames, seq)), seq }
}

export function historyAnswer(
  frames: readonly LiveFrame[],
  fromSeq: number,
  toSeq: number,
  oldestSeq: number,
): LiveFrame[] {
  const from = Math.max(fromSeq, oldestSeq)
  const inside = (frame: LiveFrame) =>
    !('seq' in frame) || frame.type === 'hello' || (frame.seq >= from && frame.seq <= toSeq)
  const first = frames.findIndex((frame) => 'seq' in frame && frame.type !== 'hello' && frame.seq >= from)
  if (first === -1) return []
  const answer = frames.slice(first).filter(inside)
  if (fromSeq >= oldestSeq || oldestSeq <= 1) return answer
  const gap: LiveFrame = { type: 'gap', fromSeq, toSeq: oldestSeq - 1, count: oldestSeq - fromSeq }
  return [gap, presentOf(frames, oldestSeq - 1), ...answer]
}
