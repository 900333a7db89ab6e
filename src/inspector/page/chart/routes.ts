/**
 * Owns the ways between boxes in a grid: right-angled, along the channels between columns and rows and through cells without a box, so
 * that none crosses a box. Those that share a channel get tracks of their own: tracks.ts.
 *
 * Lines are counted: an even one is a channel (0 before the first column), an odd one goes through the centres of boxes.
 */
import { spread } from './tracks.ts'
import type { Point } from './ways.ts'

export interface Grid {
  columns: number
  rows: number
  box: { width: number; height: number }
  gap: { x: number; y: number }
  margin: { x: number; y: number }
}

interface Cell {
  column: number
  row: number
}

interface Asked {
  id: string
  source: string
  target: string
  isAside: boolean
}

/** A straight piece of a way. It lies on `line` (a column's if it is vertical), between two crossing lines. */
export interface Piece {
  isVertical: boolean
  line: number
  from: number
  to: number
}

type Vertex = readonly [x: number, y: number]

const turnCost = 45
const sharedCost = 14
const crossedCost = 30
const steps: readonly Vertex[] = [
  [1, 0],
  [0, 1],
  [-1, 0],
  [0, -1],
]

export function route(
  grid: Grid,
  cells: ReadonlyMap<string, Cell>,
  asked: readonly Asked[],
): Map<string, readonly Point[]> {
  const traffic = new Map<string, number>()
  const paths = new Map<string, Piece[]>()
  const inOrder = [...asked].sort(
    (a, b) => Number(a.isAside) - Number(b.isAside) || far(cells, a) - far(cells, b) || (a.id < b.id ? -1 : 1),
  )
  for (const { id, source, target } of inOrder) {
    const [from, to] = [cells.get(source), cells.get(target)]
    if (from === undefined || to === undefined) continue
    const path = shortest(grid, cells, traffic, centre(from), centre(to))
    note(traffic, path)
    paths.set(id, piecesOf(path))
  }
  return spread(grid, paths)
}

const centre = ({ column, row }: Cell): Vertex => [2 * column + 1, 2 * row + 1]

function far(cells: ReadonlyMap<string, Cell>, { source, target }: Asked): number {
  const [from, to] = [cells.get(source), cells.get(target)]
  if (from === undefined || to === undefined) return 0
  return Math.abs(from.column - to.column) + Math.abs(from.row - to.row)
}

/** The place of a line, in pixels. */
export function position(grid: Grid, isVertical: boolean, line: number): number {
  const [size, gap, margin, last] = isVertical
    ? [grid.box.width, grid.gap.x, grid.margin.x, 2 * grid.columns]
    : [grid.box.height, grid.gap.y, grid.margin.y, 2 * grid.rows]
  if (line === 0) return margin / 2
  const end = margin + (line / 2) * (size + gap) - gap
  if (line === last) return end + margin / 2
  return line % 2 === 0 ? end + gap / 2 : margin + ((line - 1) / 2) * (size + gap) + size / 2
}

interface Reached {
  vertex: Vertex
  step: number
  cost: number
  before: Reached | undefined
}

/** Dijkstra over vertices and directions: short, with few turns, and away from others. */
function shortest(
  grid: Grid,
  cells: ReadonlyMap<string, Cell>,
  traffic: ReadonlyMap<string, number>,
  from: Vertex,
  to: Vertex,
): Vertex[] {
  const taken = new Set([...cells.values()].map((cell) => String(centre(cell))))
  const open: Reached[] = [{ vertex: from, step: -1, cost: 0, before: undefined }]
  const done = new Set<string>()
  while (open.length > 0) {
    const best = open.reduce((a, b) => (b.cost < a.cost ? b : a))
    open.splice(open.indexOf(best), 1)
    const key = `${best.vertex} ${best.step}`
    if (done.has(key)) continue
    done.add(key)
    if (String(best.vertex) === String(to)) return trace(best)
    steps.forEach((step, i) => {
      if (best.step !== -1 && (i + 2) % 4 === best.step) return
      const vertex: Vertex = [best.vertex[0] + step[0], best.vertex[1] + step[1]]
      if (!isInside(grid, vertex) || (taken.has(String(vertex)) && String(vertex) !== String(to))) return
      const isVertical = step[0] === 0
      const axis = isVertical ? 1 : 0
      const length = Math.abs(
        position(grid, !isVertical, vertex[axis]) - position(grid, !isVertical, best.vertex[axis]),
      )
      const shared = traffic.get(edgeKey(best.vertex, vertex)) ?? 0
      const crossed = traffic.get(`${vertex} ${isVertical ? 'h' : 'v'}`) ?? 0
      const turn = best.step === -1 || best.step === i ? 0 : turnCost
      const cost = best.cost + length + turn + shared * sharedCost + crossed * crossedCost
      open.push({ vertex, step: i, cost, before: best })
    })
  }
  return [from, to]
}

function isInside(grid: Grid, [x, y]: Vertex): boolean {
  return x >= 0 && y >= 0 && x <= 2 * grid.columns && y <= 2 * grid.rows
}

function trace(last: Reached): Vertex[] {
  const path: Vertex[] = []
  for (let at: Reached | undefined = last; at !== undefined; at = at.before) path.unshift(at.vertex)
  return path
}

const edgeKey = (a: Vertex, b: Vertex) => (String(a) < String(b) ? `${a}-${b}` : `${b}-${a}`)

function note(traffic: Map<string, number>, path: readonly Vertex[]): void {
  const add = (key: string) => traffic.set(key, (traffic.get(key) ?? 0) + 1)
  path.forEach((vertex, i) => {
    const next = path[i + 1]
    const before = path[i - 1]
    if (next !== undefined) add(edgeKey(vertex, next))
    if (next === undefined || before === undefined) return
    if (before[0] === next[0]) add(`${vertex} v`)
    if (before[1] === next[1]) add(`${vertex} h`)
  })
}

function piecesOf(path: readonly Vertex[]): Piece[] {
  const pieces: Piece[] = []
  for (let i = 1; i < path.length; i++) {
    const [a, b] = [path[i - 1] as Vertex, path[i] as Vertex]
    const isVertical = a[0] === b[0]
    const last = pieces.at(-1)
    if (last?.isVertical === isVertical) last.to = isVertical ? b[1] : b[0]
    else
      pieces.push({
        isVertical,
        line: isVertical ? a[0] : a[1],
        from: isVertical ? a[1] : a[0],
        to: isVertical ? b[1] : b[0],
      })
  }
  return pieces
}
