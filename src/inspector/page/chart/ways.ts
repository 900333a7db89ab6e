/**
 * Owns what is drawn of a machine: which states are boxes, and the transitions between two of them as one way. Where they are drawn is
 * the layouts'.
 */
import type { ChartEdge, ChartNode, MachineFrame } from '../../frames.ts'

/** All transitions from one box to another. */
export interface Way {
  /** `agent.ready>agent.crashed`. */
  id: string
  source: string
  target: string
  edges: readonly ChartEdge[]
  /** Drawn only where it matters. */
  isAside: boolean
}

export type Point = readonly [x: number, y: number]

export interface Box {
  id: string
  key: string
  x: number
  y: number
  width: number
  height: number
  /** Others are drawn inside of it. */
  isOuter: boolean
}

export interface Layout {
  width: number
  height: number
  boxes: readonly Box[]
  /** Kept free of ways and labels. */
  reserved: readonly Box[]
  ways: readonly (Way & { points: readonly Point[] })[]
  /** The box that stands for a state: its own, or that which it is inside of. */
  boxOf: (id: string) => string | undefined
}

export const isPlaced = ({ nodes }: MachineFrame) =>
  nodes.some(({ place }) => place !== undefined) &&
  nodes.every(({ place, parent }) => place !== undefined || parent !== undefined)

/** Where every state at the top has a place, those inside of it are not drawn. */
export function drawnNodes(machine: MachineFrame): readonly ChartNode[] {
  return isPlaced(machine) ? machine.nodes.filter(({ place }) => place !== undefined) : machine.nodes
}

export function boxFinder(machine: MachineFrame): (id: string) => string | undefined {
  const drawn = new Set(drawnNodes(machine).map(({ id }) => id))
  const parents = new Map(machine.nodes.map(({ id, parent }) => [id, parent]))
  return (id) => {
    let at: string | undefined = id
    while (at !== undefined && !drawn.has(at)) at = parents.get(at)
    return at
  }
}

/** Ways from a box to itself are told in the outline only. */
export function waysOf(machine: MachineFrame): Way[] {
  const boxOf = boxFinder(machine)
  const ways = new Map<string, Way>()
  for (const edge of machine.edges) {
    const [source, target] = [boxOf(edge.source), boxOf(edge.target)]
    if (source === undefined || target === undefined || source === target) continue
    const id = `${source}>${target}`
    const known = ways.get(id)
    ways.set(id, {
      id,
      source,
      target,
      edges: [...(known?.edges ?? []), edge],
      isAside: (known?.isAside ?? true) && edge.isAside === true,
    })
  }
  return [...ways.values()]
}
