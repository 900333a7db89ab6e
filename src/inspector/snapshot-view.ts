/**
 * Owns what is shown of an actor's state: where it is, since when and until when, and which events a page may send it.
 */
import type { AnyActorRef, AnyMachineSnapshot, AnyStateNode } from 'xstate'
import type { ActorKind, SnapshotView } from './frames.ts'
import { cutText } from './redaction.ts'
import { stateName } from './state-value.ts'

/** The events that a page may send, a closed list for each kind of actor. */
export const sendable: Readonly<Partial<Record<ActorKind, readonly string[]>>> = {
  agent: ['agent.start', 'agent.restart', 'agent.scale', 'agent.drain', 'agent.stop'],
  replica: ['agent.start', 'agent.restart', 'agent.stop'],
}

/** @param since when its state was entered, in milliseconds since 1970 */
export function viewSnapshot(ref: AnyActorRef, kind: ActorKind, since: number): SnapshotView {
  const snapshot = ref.getSnapshot() as AnyMachineSnapshot | undefined
  const { status = 'active', value, error } = snapshot ?? {}
  const dueAt = snapshot && isOfMachine(snapshot) ? dueAtOf(snapshot, since) : undefined
  return {
    status,
    value,
    since,
    next: status === 'active' && snapshot ? nextOf(snapshot, kind) : [],
    ...(dueAt !== undefined && { dueAt }),
    ...(error !== undefined && { error: cutText(error instanceof Error ? error.message : String(error)) }),
  }
}

function nextOf(snapshot: AnyMachineSnapshot, kind: ActorKind): SnapshotView['next'] {
  return (sendable[kind] ?? []).map((event) => {
    const allowed = !isOfMachine(snapshot) || isTaken(snapshot, event)
    return { event, allowed, ...(!allowed && { why: `Nothing follows ${event} in ${stateName(snapshot.value)}.` }) }
  })
}

/** Without asking guards, which need the whole event: whether the state has a transition for it at all. */
function isTaken(snapshot: AnyMachineSnapshot, event: string): boolean {
  return snapshot._nodes.some((node) => node.transitions.has(event))
}

/** The soonest of the delays that run in the states it is in. */
function dueAtOf(snapshot: AnyMachineSnapshot, since: number): number | undefined {
  const dues = snapshot._nodes
    .flatMap((node) => node.after.map(({ delay }) => delayOf(snapshot, node, delay)))
    .filter((delay) => delay !== undefined)
  return dues.length === 0 ? undefined : since + Math.min(...dues)
}

function delayOf(snapshot: AnyMachineSnapshot, node: AnyStateNode, delay: unknown): number | undefined {
  const known = typeof delay === 'string' ? (node.machine.implementations.delays[delay] ?? Number(delay)) : delay
  const found =
    typeof known === 'function' ? known({ context: snapshot.context, event: { type: '' } }, undefined) : known
  return typeof found === 'number' && Number.isFinite(found) ? found : undefined
}

function isOfMachine(snapshot: object): snapshot is AnyMachineSnapshot {
  return '_nodes' in snapshot
}
