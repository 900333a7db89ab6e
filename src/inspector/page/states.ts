/**
 * Owns what a state looks like: its word, its tone and its shape, and which of many speaks for all. The shapes themselves are drawn
 * by state-shape.tsx. A state that is not known is shown by its name, in grey.
 */
import type { RunStatus } from '../frames.ts'
import { stateName } from '../state-value.ts'
import type { Actor, WorldState } from './world.ts'

/** A colour of tokens.css: `--good`. */
export type Tone = 'rest' | 'moving' | 'good' | 'warn' | 'leave' | 'bad' | 'ink3'

/** In the order in which one speaks for many: the first that is there. */
const tones: ReadonlyMap<string, Tone> = new Map([
  ['failed', 'bad'],
  ['crashed', 'bad'],
  ['backoff', 'warn'],
  ['suspect', 'warn'],
  ['draining', 'leave'],
  ['stopping', 'leave'],
  ['starting', 'moving'],
  ['provisioning', 'moving'],
  ['ready', 'good'],
  ['running', 'good'],
  ['stopped', 'rest'],
  ['idle', 'rest'],
])

const runTones: Readonly<Record<RunStatus, Tone>> = {
  accepted: 'rest',
  queued: 'rest',
  cancelled: 'rest',
  assigned: 'moving',
  written: 'moving',
  started: 'moving',
  streaming: 'moving',
  waiting: 'warn',
  succeeded: 'good',
  failed: 'bad',
  timed_out: 'bad',
  interrupted: 'bad',
}

export const knownStates: readonly string[] = [...tones.keys()]

/** States of other machines, and of runs, look like one of a replica. */
const alike: ReadonlyMap<string, string> = new Map([
  ['resting', 'idle'],
  ['serving', 'running'],
  ['rolling', 'starting'],
  ['retiring', 'stopping'],
  ['retired', 'stopped'],
  ['escalating', 'crashed'],
  ['escalated', 'failed'],
  ['cooling', 'suspect'],
  ['closing', 'stopping'],
  ['closed', 'stopped'],
  ['accepted', 'idle'],
  ['queued', 'idle'],
  ['assigned', 'provisioning'],
  ['written', 'starting'],
  ['started', 'starting'],
  ['streaming', 'starting'],
  ['waiting', 'suspect'],
  ['succeeded', 'ready'],
  ['cancelled', 'stopped'],
  ['timed_out', 'failed'],
  ['interrupted', 'crashed'],
])

/** As which state this one is drawn: `crashed` for `crashed.judged`, `running` for `serving`. */
export function looksLike(state: string): string {
  const top = topState(state)
  return alike.get(top) ?? top
}

export function toneOf(state: string): Tone {
  return tones.get(looksLike(state)) ?? 'ink3'
}

/** `crashed` of `crashed.judged`: what is inside of it is no matter for a row. */
export function topState(value: unknown): string {
  return stateName(value).split('.')[0] ?? ''
}

export function runTone(status: RunStatus): Tone {
  return runTones[status] ?? 'ink3'
}

/** The state of an actor as its row says it; an agent is what the most urgent of its replicas is. */
export function shownState(world: WorldState, actor: Actor): string {
  const own = topState(actor.snapshot.value)
  if (actor.kind !== 'agent') return own
  const states = new Set(replicasOf(world, actor).map((replica) => topState(replica.snapshot.value)))
  return knownStates.find((state) => states.has(state)) ?? (states.size === 0 ? 'idle' : own)
}

/** What stands in the state column: `3 of 3 ready`, `one_for_one`, `backoff`. */
export function stateText(world: WorldState, actor: Actor): string {
  if (actor.kind === 'agent') {
    const replicas = replicasOf(world, actor)
    if (replicas.length === 0) return '0 replicas'
    const ready = replicas.filter((replica) => topState(replica.snapshot.value) === 'ready')
    return `${ready.length} of ${replicas.length} ready`
  }
  if (actor.kind === 'supervisor' && actor.strategy === undefined) return `${actor.children.length} running`
  return actor.strategy ?? topState(actor.snapshot.value)
}

export function replicasOf(world: WorldState, actor: Actor): Actor[] {
  return actor.children.flatMap((id) => {
    const child = world.actors.get(id)
    return child?.kind === 'replica' ? [child] : []
  })
}
