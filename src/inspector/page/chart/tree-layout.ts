/** Owns the layout of machines without places: dagre's layers, from left to right, with nested states as boxes in boxes. */
import { graphlib, layout } from '@dagrejs/dagre'
import type { MachineFrame } from '../../frames.ts'
import { type Box, boxFinder, type Layout, type Point, type Way, waysOf } from './ways.ts'

const height = 40
const letter = 7.2

export function treeLayout(machine: MachineFrame): Layout {
  const graph = new graphlib.Graph({ compound: true, multigraph: true })
  graph.setGraph({ rankdir: 'TB', nodesep: 34, ranksep: 44, edgesep: 14, marginx: 14, marginy: 34 })
  const outer = new Set(machine.nodes.map(({ parent }) => parent))
  for (const { id, key } of machine.nodes) graph.setNode(id, { width: Math.max(104, key.length * letter + 46), height })
  for (const { id, parent } of machine.nodes) if (parent !== undefined) graph.setParent(id, parent)
  const ways = waysOf(machine)
  // Dagre draws no edge to a box with others in it: its first one stands for it.
  const first = (id: string): string => {
    const inner = machine.nodes.find(({ parent, isInitial }) => parent === id && isInitial)
    const any = inner ?? machine.nodes.find(({ parent }) => parent === id)
    return any === undefined ? id : first(any.id)
  }
  for (const { id, source, target } of ways) {
    const [from, to] = [first(source), first(target)]
    if (from !== to) graph.setEdge(from, to, {}, id)
  }
  layout(graph)
  const boxes = machine.nodes
    .map(({ id, key }): Box => {
      const { x, y, width, height } = graph.node(id) as { x: number; y: number; width: number; height: number }
      return { id, key, x: x - width / 2, y: y - height / 2, width, height, isOuter: outer.has(id) }
    })
    .sort((a, b) => b.width * b.height - a.width * a.height)
  const pointsOf = ({ id, source, target }: Way): Point[] => {
    const edge = graph.edge(first(source), first(target), id) as { points?: { x: number; y: number }[] } | undefined
    return (edge?.points ?? []).map(({ x, y }) => [x, y])
  }
  const size = graph.graph() as { width?: number; height?: number }
  return {
    width: size.width ?? 100,
    height: size.height ?? 100,
    boxes,
    reserved: [],
    ways: ways.map((way) => ({ ...way, points: pointsOf(way) })),
    boxOf: boxFinder(machine),
  }
}
