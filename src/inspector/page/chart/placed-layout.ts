/** Owns the layout of machines whose states have places: boxes in columns and rows, ways along the channels between them. */
import type { MachineFrame } from '../../frames.ts'
import { type Grid, route } from './routes.ts'
import { type Box, boxFinder, drawnNodes, type Layout, waysOf } from './ways.ts'

const box = { width: 112, height: 40 }
const gap = { x: 27, y: 57 }
const margin = { x: 10, y: 20 }
const rows = ['leaving', 'life', 'trouble'] as const

export function placedLayout(machine: MachineFrame): Layout {
  const nodes = drawnNodes(machine)
  const used = rows.filter((row) => nodes.some(({ place }) => place?.row === row))
  const columns = Math.max(5, ...nodes.map(({ place }) => (place?.column ?? 0) + 1))
  const boxes: Box[] = []
  const cells = new Map<string, { column: number; row: number }>()
  for (const { id, key, place } of nodes) {
    if (place === undefined) continue
    const [column, row] = [place.column, used.indexOf(place.row)]
    const x = margin.x + column * (box.width + gap.x)
    const y = margin.y + row * (box.height + gap.y)
    boxes.push({ id, key, x, y, ...box, isOuter: false })
    cells.set(id, { column, row })
  }
  // The switch to the outline stands in the first cell, where no state does.
  const corner = { column: 0, row: 0 }
  const isFree = ![...cells.values()].some(({ column, row }) => column === 0 && row === 0)
  const reserved = isFree ? [{ id: '', key: '', x: margin.x, y: margin.y, ...box, isOuter: false }] : []
  const grid: Grid = { columns, rows: used.length, box, gap, margin }
  const ways = waysOf(machine)
  const points = route(grid, isFree ? new Map([...cells, ['', corner]]) : cells, ways)
  return {
    width: 2 * margin.x + columns * box.width + (columns - 1) * gap.x,
    height: 2 * margin.y + used.length * box.height + (used.length - 1) * gap.y,
    boxes,
    reserved,
    ways: ways.map((way) => ({ ...way, points: points.get(way.id) ?? [] })),
    boxOf: boxFinder(machine),
  }
}
