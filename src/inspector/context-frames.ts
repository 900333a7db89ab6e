/**
 * Owns what an actor remembers, as a frame for those who watch it.
 */
import type { Known } from './actors.ts'
import type { ContextFrame } from './frames.ts'
import { presentable } from './redaction.ts'

/** None where it remembers nothing. */
export function contextFrames(known: Known | undefined, at: number): ContextFrame[] {
  const { context, output } = (known?.ref.getSnapshot() ?? {}) as { context?: unknown; output?: unknown }
  if (known === undefined || context === undefined) return []
  const { sessionId } = known.frame
  const frame: ContextFrame = { type: 'context', sessionId, at, context: presentable(context) }
  return [output === undefined ? frame : { ...frame, output: presentable(output) }]
}
