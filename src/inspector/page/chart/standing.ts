/** Owns where an actor stands in its chart: the active boxes, the ways that it came, and what each way is called now. */
import type { MachineFrame } from '../../frames.ts'
import { activeNodes } from '../../state-value.ts'
import { countdown, duration } from '../format.ts'
import type { Actor } from '../world.ts'
import type { Layout, Way } from './ways.ts'

export interface Standing {
  /** Boxes of the active states. */
  active: ReadonlySet<string>
  /** The last ways taken, newest first. */
  taken: readonly { way: string; edge: string; event: string; at: number }[]
}

interface Drawn {
  ways: readonly Way[]
  boxOf: Layout['boxOf']
}

export function standingOf(actor: Actor, machine: MachineFrame, { ways, boxOf }: Drawn): Standing {
  const active = new Set(activeNodes(machine, actor.snapshot.value).flatMap((id) => boxOf(id) ?? []))
  const taken: { way: string; edge: string; event: string; at: number }[] = []
  actor.taken.forEach(({ edge, at }, i) => {
    // A transition that several states share is several ways: the one before it tells from where it was taken.
    const all = ways.filter((way) => way.edges.some(({ id }) => id === edge))
    const older = actor.taken[i + 1]?.edge
    const came = machine.edges.find(({ id }) => id === older)
    const from = came === undefined ? undefined : boxOf(came.target)
    const way =
      all.find(({ source }) => source === from) ?? all.find(({ source }) => actor.visits.has(source)) ?? all[0]
    const event = way?.edges.find(({ id }) => id === edge)?.event
    if (way !== undefined && event !== undefined) taken.push({ way: way.id, edge, event, at })
  })
  return { active, taken }
}

/** `after 3.4 s`, `agent.start +1`. */
export function labelOf(
  way: Way,
  { event, leftMs }: { event?: string | undefined; leftMs?: number | undefined } = {},
): string {
  const after = way.edges.find(({ kind }) => kind === 'after')
  if (leftMs !== undefined && after !== undefined) return `after ${countdown(leftMs)}`
  const events = new Set(way.edges.map(({ event }) => event))
  const first = event ?? way.edges[0]?.event ?? ''
  return event !== undefined || events.size === 1 ? first : `${first} +${events.size - 1}`
}

/** How often a state was entered, and how long it was in it, the visit that goes on included. */
export function visitText(actor: Actor, id: string, isActive: boolean, now: number): string {
  const visit = actor.visits.get(id)
  if (visit === undefined) return ''
  const totalMs = visit.totalMs + (isActive ? Math.max(0, now - actor.snapshot.since) : 0)
  return `×${visit.count} ${duration(totalMs)}`
}
