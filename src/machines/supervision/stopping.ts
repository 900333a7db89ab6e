/**
 * Owns how children are ended: asked where they can be, killed where they do not follow, in reverse order or all together; and
 * how the supervisor itself ends.
 */
import type { AnyActorRef } from 'xstate'
import type { Child } from './children.ts'
import type { Core } from './core.ts'
import { type ExitReason, exitReasonOf, isAlive, recordExit } from './exit.ts'
import type { Operation } from './turns.ts'

/** What a child is sent that is to end. */
const shutdownEvent = { type: 'supervisor.shutdown' }

/** Ends the child, or its wait for a restart. Its specification stays, unless it is temporary or dynamic. */
export function* terminate(core: Core, child: Child): Operation {
  yield* core.turns.breathe()
  core.disarm(child.timer)
  child.timer = undefined
  const { ref } = child
  if (ref !== undefined && isAlive(ref)) yield* endActor(core, child, ref)
  laidDown(core, child)
  forget(core, child)
}

/** The end of a child that is not started again. */
export function forget(core: Core, child: Child): void {
  child.state = 'stopped'
  child.formerRef = undefined
  if (child.isTemporary || core.isDynamic) core.children.delete(child)
}

/** Ends all: one after the other in reverse order; dynamic ones together. */
export function* terminateAll(core: Core): Operation {
  const children = [...core.children.inOrder()].reverse()
  if (core.isDynamic) yield* endTogether(core, children)
  for (const child of children) yield* terminate(core, child)
}

/** Ends all children, then the supervisor. */
export function* finish(core: Core, reason: ExitReason): Operation {
  core.phase = 'stopping'
  core.tell({ type: 'supervisor.stopping', reason })
  core.disarm(core.coolDown?.timer)
  core.coolDown = undefined
  // So that the state and the fact are seen before the first child ends.
  yield* core.turns.pause()
  yield* terminateAll(core)
  core.exitReason = reason
  core.phase = 'stopped'
  core.tell({ type: 'supervisor.stopped', reason })
}

/** Ends every child at once, with nobody asked: the supervisor itself was ended from outside, or is broken. */
export function abandon(core: Core): void {
  for (const { id, ref } of [...core.children.inOrder()].reverse()) {
    if (ref === undefined || !isAlive(ref)) continue
    recordExit(ref, 'killed')
    core.effects.end(id, ref)
  }
}

/** To be called where a child may have ended while all are waited for. */
export function noticeEnd(core: Core, child: Child): void {
  if (child.ref !== undefined && !isAlive(child.ref)) core.awaited?.delete(child)
}

function* endActor(core: Core, child: Child, ref: AnyActorRef): Operation {
  const { shutdown } = child.settings
  let isLate = false
  if (ask(core, child, ref)) {
    const timer = typeof shutdown === 'number' && isAlive(ref) ? core.arm(shutdown, () => (isLate = true)) : undefined
    yield () => isLate || !isAlive(ref)
    core.disarm(timer)
    if (isLate && isAlive(ref)) kill(core, child, ref)
  }
  yield () => !isAlive(ref)
}

/** Ends dynamic children: all are asked, then all waited for, with one timer for all that have the same time. */
function* endTogether(core: Core, children: readonly Child[]): Operation {
  const asked = new Map<number, Set<Child>>()
  const alive = new Set<Child>()
  core.awaited = alive
  for (const child of children) {
    yield* core.turns.breathe()
    const { ref } = child
    if (ref === undefined || !isAlive(ref)) continue
    alive.add(child)
    const { shutdown } = child.settings
    if (ask(core, child, ref) && isAlive(ref) && typeof shutdown === 'number') {
      const others = asked.get(shutdown) ?? new Set()
      asked.set(shutdown, others.add(child))
    }
    noticeEnd(core, child)
  }
  const timers = [...asked].map(([shutdownMs, late]) =>
    core.arm(shutdownMs, () => {
      for (const child of late) {
        if (!alive.has(child)) continue
        kill(core, child, child.ref as AnyActorRef)
        noticeEnd(core, child)
      }
    }),
  )
  yield () => alive.size === 0
  core.awaited = undefined
  for (const timer of timers) core.disarm(timer)
}

/** @returns whether the child was asked; otherwise it was ended */
function ask(core: Core, child: Child, ref: AnyActorRef): boolean {
  if (child.settings.shutdown === 'brutal') {
    kill(core, child, ref)
    return false
  }
  recordExit(ref, 'shutdown')
  if (takesShutdown(ref)) {
    core.effects.send(ref, shutdownEvent)
    return true
  }
  core.effects.end(child.id, ref)
  return false
}

function takesShutdown(ref: AnyActorRef): boolean {
  const snapshot = ref.getSnapshot() as { can?: (event: { type: string }) => boolean }
  try {
    return snapshot.can?.(shutdownEvent) ?? false
  } catch {
    return false // a guard of the child's threw
  }
}

function kill(core: Core, child: Child, ref: AnyActorRef): void {
  recordExit(ref, 'killed')
  core.effects.end(child.id, ref)
}

function laidDown(core: Core, child: Child): void {
  const { ref } = child
  if (ref === undefined) return
  child.ref = undefined
  child.exitReason = exitReasonOf(ref)
  core.tell({ type: 'child.terminated', id: child.id, reason: child.exitReason })
}
