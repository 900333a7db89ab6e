/**
 * Owns what is done for those who ask a supervisor to start, terminate, restart or delete a child, or to change its options.
 * A refusal is an error that is thrown here and answered by supervision.ts.
 */
import type { AnyActorRef } from 'xstate'
import { isAxonError } from '../../errors.ts'
import { Child } from './children.ts'
import type { Core } from './core.ts'
import { isAlive } from './exit.ts'
import type { SupervisorAsk } from './facts.ts'
import * as refusal from './refusal.ts'
import { type ChildSettings, childSettingsOf, settingsOf } from './settings.ts'
import type { SupervisorOptions } from './spec.ts'
import { type StartOutcome, startChild } from './starting.ts'
import { forget, terminate } from './stopping.ts'
import type { Operation } from './turns.ts'

type AskOf<Type extends SupervisorAsk['type']> = Extract<SupervisorAsk, { type: Type }>

/** A new child. It is kept only where its start did not fail, nor was ignored by a temporary or dynamic one. */
export function* addChild(core: Core, ask: AskOf<'supervisor.startChild'>): Operation<AnyActorRef | undefined> {
  const child = core.isDynamic ? newDynamicChild(core, ask) : newChild(core, ask)
  refuseWhileCooling(core)
  core.children.add(child)
  const outcome = yield* startChild(core, child)
  if (outcome.is === 'started') return outcome.ref
  if (outcome.is === 'ignored') forget(core, child)
  else core.children.delete(child)
  return startedOf(child, outcome)
}

export function* terminateChild(core: Core, { id }: AskOf<'supervisor.terminateChild'>): Operation {
  const child = typeof id === 'string' ? core.children.get(id) : core.children.of(id)
  if (typeof id === 'string') {
    if (child === undefined) throw refusal.unknownChild(id)
    return yield* terminate(core, child)
  }
  // Only dynamic children are known by their actors. One that is dead has been terminated already; a living stranger has not.
  if (!core.isDynamic) throw refusal.unknownChild(id.id)
  if (child !== undefined) return yield* terminate(core, child)
  if (isAlive(id)) throw refusal.unknownChild(id.id)
}

export function* restartChild(
  core: Core,
  { id }: AskOf<'supervisor.restartChild'>,
): Operation<AnyActorRef | undefined> {
  const child = restingChild(core, 'restartChild', id)
  refuseWhileCooling(core)
  const { state } = child
  const outcome = yield* startChild(core, child)
  if (outcome.is === 'failed') child.state = state
  return startedOf(child, outcome)
}

export function deleteChild(core: Core, { id }: AskOf<'supervisor.deleteChild'>): void {
  core.children.delete(restingChild(core, 'deleteChild', id))
}

/**
 * New options for a living supervisor: children that are known keep their actor and take the new specification, those that
 * are not named any more are kept, those that are new are added and not started.
 */
export function change(core: Core, options: SupervisorOptions): void {
  const settings = settingsOf(options)
  if ((settings.strategy === 'simple_one_for_one') !== core.isDynamic) {
    throw refusal.invalidSpec(
      'bad_combination',
      'A living supervisor cannot become simple_one_for_one, nor cease to be.',
    )
  }
  if ((settings.template === undefined) !== (core.settings.template === undefined)) {
    throw refusal.invalidSpec('bad_combination', 'A living supervisor cannot be given a template, nor lose it.')
  }
  core.settings = { ...settings, now: settings.now ?? core.settings.now }
  if (settings.template !== undefined) return changeTemplate(core, settings.template)
  const named = settings.children.map((spec) => {
    const known = core.children.get(spec.id as string)
    if (known === undefined) return new Child(spec.id as string, spec)
    known.settings = spec
    return known
  })
  const kept = [...core.children.inOrder()].filter((child) => !named.includes(child))
  core.children.reorder([...named, ...kept])
}

function changeTemplate(core: Core, template: ChildSettings): void {
  for (const child of core.children.inOrder()) if (child.settings.isTemplate) child.settings = template
}

function newChild(core: Core, { spec }: AskOf<'supervisor.startChild'>): Child {
  const settings = childSettingsOf(spec as never, core.settings.autoShutdown)
  const id = settings.id as string
  const known = core.children.get(id)
  if (known?.ref !== undefined && known.state !== 'restarting') throw refusal.alreadyStarted(id)
  if (known !== undefined) throw refusal.alreadyPresent(id)
  return new Child(id, settings)
}

function newDynamicChild(core: Core, { spec, argument }: AskOf<'supervisor.startChild'>): Child {
  const { template, maxChildren, autoShutdown } = core.settings
  const settings = template ?? childSettingsOf(spec as never, autoShutdown, false)
  if (core.children.size >= maxChildren) throw refusal.tooManyChildren(maxChildren)
  return new Child(core.children.freeName(settings.id), settings, template === undefined ? undefined : argument)
}

/** The child of that name, which must not be running, nor be about to. */
function restingChild(core: Core, operation: string, id: string): Child {
  if (core.isDynamic) throw refusal.notForDynamic(operation)
  const child = core.children.get(id)
  if (child === undefined) throw refusal.unknownChild(id)
  if (child.state === 'restarting') throw refusal.childRestarting(id)
  if (child.ref !== undefined) throw refusal.childRunning(id)
  return child
}

function startedOf(child: Child, outcome: StartOutcome): AnyActorRef | undefined {
  if (outcome.is === 'ignored') return undefined
  if (outcome.is === 'started') return outcome.ref
  throw isTaken(outcome.reason) ? outcome.reason : refusal.startFailed(child.id, outcome.reason)
}

/** Somebody else has the child's `systemId`. */
function isTaken(reason: unknown): boolean {
  return isAxonError(reason) && reason.code === 'SUPERVISOR_ALREADY_STARTED'
}

function refuseWhileCooling(core: Core): void {
  if (core.coolDown !== undefined) throw refusal.coolingDown(Math.max(0, core.coolDown.until - core.now()))
}
