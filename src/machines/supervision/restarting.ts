/**
 * Owns what follows the end of a child: restart it, with those that the strategy names; leave it; end the supervisor; or rest.
 */
import { backoffMs } from '../restart-policy.ts'
import type { Child } from './children.ts'
import type { Core } from './core.ts'
import { type ExitReason, exitReasonOf, isAlive, isOrderly } from './exit.ts'
import { startChild } from './starting.ts'
import { finish, forget, terminate, terminateAll } from './stopping.ts'
import type { Operation } from './turns.ts'

/** Looks at a child of which something was heard. What was heard of an earlier actor of the child changes nothing. */
export function* look(core: Core, child: Child): Operation {
  const { ref } = child
  if (ref === undefined || isAlive(ref)) return
  const reason = exitReasonOf(ref)
  child.ref = undefined
  child.formerRef = ref
  child.exitReason = reason
  core.tell({ type: 'child.exited', id: child.id, reason })
  if (!isToBeRestarted(child, reason)) {
    forget(core, child)
    if (endsSupervisor(core, child)) yield* finish(core, 'shutdown')
  } else if (!isMendable(core, reason)) fail(core, child, reason)
  else yield* restart(core, child)
}

/** Counts the restart, and makes it: now, or after the backoff. */
export function* restart(core: Core, child: Child): Operation {
  const { intensity, periodMs } = core.settings
  const now = core.now()
  const isPermitted = core.window.permits(intensity, periodMs, now)
  if (!isPermitted || (core.probationUntil !== undefined && now <= core.probationUntil)) {
    return yield* giveUp(core, child)
  }
  const delayMs = nextDelayMs(core, child, now)
  child.state = 'restarting'
  core.tell({ type: 'child.restarting', id: child.id, delayMs })
  if (delayMs === 0) return yield* attempt(core, child)
  for (const other of others(core, child).reverse()) yield* terminate(core, other)
  tryLater(core, child, 'attempt', delayMs)
}

/** Starts the child with those that the strategy names. The first that fails will be tried again, in place of the child. */
export function* attempt(core: Core, child: Child): Operation {
  for (const other of others(core, child).reverse()) yield* terminate(core, other)
  child.state = 'stopped'
  for (const each of group(core, child)) {
    if (each.state !== 'stopped' || each.ref !== undefined) continue
    each.state = 'restarting'
    const outcome = yield* startChild(core, each)
    if (outcome.is === 'started') each.restarts += 1
    else if (outcome.is === 'ignored') forget(core, each)
    else if (!isMendable(core, outcome.reason)) fail(core, each, outcome.reason)
    else {
      each.state = 'restarting'
      return tryLater(core, each, 'restart', 0)
    }
  }
}

/** The one try that ends a cool-down. */
export function* probe(core: Core): Operation {
  core.coolDown = undefined
  core.phase = 'starting'
  for (const child of [...core.children.inOrder()]) {
    if (child.state !== 'restarting') continue
    const outcome = yield* startChild(core, child)
    if (outcome.is === 'started') child.restarts += 1
    else if (outcome.is === 'ignored') forget(core, child)
    else if (!isMendable(core, outcome.reason)) fail(core, child, outcome.reason)
    else {
      child.state = 'restarting'
      return yield* giveUp(core, child)
    }
  }
  core.phase = 'running'
  core.window.clear()
  core.probationUntil = core.now() + core.settings.periodMs
}

/** There were too many restarts, or a probe failed. */
function* giveUp(core: Core, child: Child): Operation {
  core.tell({ type: 'supervisor.exceeded', id: child.id, reason: child.exitReason })
  const { coolDownMs } = core.settings
  if (coolDownMs === undefined) {
    forget(core, child)
    return yield* finish(core, 'shutdown')
  }
  const resting: Child[] = []
  for (const each of core.children.inOrder()) {
    if (each.isTemporary) continue
    if (each === child || each.ref !== undefined || each.state === 'restarting') resting.push(each)
  }
  yield* terminateAll(core)
  for (const each of resting) {
    core.children.add(each)
    each.state = 'restarting'
  }
  core.phase = 'cooling'
  core.probationUntil = undefined
  const timer = core.arm(coolDownMs, (timer) => core.turns.post({ type: 'probe', timer }))
  core.coolDown = { timer, until: core.now() + coolDownMs }
  core.tell({ type: 'supervisor.cooling', forMs: coolDownMs })
}

function isToBeRestarted({ settings }: Child, reason: ExitReason): boolean {
  if (settings.restart === 'transient') return !isOrderly(reason)
  return settings.restart === 'permanent'
}

/** A mistake in the application's own judgement is no reason to leave the child dead. */
function isMendable({ settings }: Core, reason: ExitReason): boolean {
  try {
    return settings.isRestartable(reason)
  } catch {
    return true
  }
}

function fail(core: Core, child: Child, reason: ExitReason): void {
  child.state = 'failed'
  child.formerRef = undefined
  core.tell({ type: 'child.failed', id: child.id, reason })
}

/** Whether the end of this child, which is not started again, ends the supervisor too. */
function endsSupervisor({ settings, children }: Core, child: Child): boolean {
  if (!child.settings.significant || settings.autoShutdown === 'never') return false
  if (settings.autoShutdown === 'any_significant') return true
  for (const other of children.inOrder()) {
    if (other.settings.significant && (other.ref !== undefined || other.state === 'restarting')) return false
  }
  return true
}

function nextDelayMs({ settings }: Core, child: Child, now: number): number {
  const { backoff } = settings
  const { startedAt, streak } = child
  const wasStable = startedAt !== undefined && backoff !== undefined && now - startedAt >= backoff.stableMs
  child.startedAt = undefined
  child.streak = wasStable ? 1 : streak + 1
  return backoff === undefined ? 0 : backoffMs(backoff, child.streak - 1, settings.random())
}

/** In the order of their start, the child among them. */
function group(core: Core, child: Child): Child[] {
  switch (core.settings.strategy) {
    case 'one_for_all':
      return [...core.children.inOrder()]
    case 'rest_for_one':
      return core.children.from(child)
    default:
      return [child]
  }
}

function others(core: Core, child: Child): Child[] {
  return group(core, child).filter((other) => other !== child && other.state !== 'failed')
}

/** Through an event to itself, also at once: others are served between two tries, and the thread breathes. */
function tryLater(core: Core, child: Child, type: 'restart' | 'attempt', delayMs: number): void {
  child.timer = core.arm(delayMs, (timer) => core.turns.post({ type, child: child.id, timer }))
}
