/**
 * Owns what the value of a state says: its name, and the nodes that are active. The server and the page both read values by it.
 */
import type { MachineFrame } from './machine-shape.ts'

/** `ready`; nested states as `running.busy`, parallel ones joined by a space. Empty where the actor has no states. */
export function stateName(value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value !== 'object' || value === null) return ''
  return Object.entries(value)
    .map(([key, inner]) => [key, stateName(inner)].filter(Boolean).join('.'))
    .join(' ')
}

/** The ids of all state nodes that are active. */
export function activeNodes(machine: MachineFrame, value: unknown, parent?: string): string[] {
  const entries = typeof value === 'string' ? [[value, undefined] as const] : Object.entries(value ?? {})
  return entries.flatMap(([key, inner]) => {
    const id = machine.nodes.find((node) => node.parent === parent && node.key === key)?.id
    return id === undefined ? [] : [id, ...activeNodes(machine, inner, id)]
  })
}
