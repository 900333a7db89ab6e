/**
 * Owns the tracks of ways that share a line: each piece that overlaps others gets a place of its own beside them, in the order in which
 * the fewest ways cross.
 */
import { type Grid, type Piece, position } from './routes.ts'
import type { Point } from './ways.ts'

interface Track extends Piece {
  way: string
  /** From the middle of its line, in pixels. */
  offset: number
}

const wide = 16

export function spread(grid: Grid, paths: ReadonlyMap<string, readonly Piece[]>): Map<string, readonly Point[]> {
  const ways = new Map<string, Track[]>()
  for (const [way, pieces] of paths)
    ways.set(
      way,
      pieces.map((piece) => ({ ...piece, way, offset: 0 })),
    )
  const groups = groupsOf([...ways.values()].flat())
  for (const group of groups) arrange(grid, group)
  untangle(grid, ways, groups)
  return new Map([...ways].map(([way, tracks]) => [way, pointsOf(grid, tracks)]))
}

/** Pieces on one line that overlap, also through others. */
function groupsOf(tracks: readonly Track[]): Track[][] {
  const groups: Track[][] = []
  const byLine = Map.groupBy(tracks, ({ isVertical, line }) => `${isVertical} ${line}`)
  for (const onLine of byLine.values()) {
    let end = Number.NEGATIVE_INFINITY
    for (const track of onLine.toSorted((a, b) => first(a) - first(b))) {
      // At the centre of a box the lines of both sides end.
      const isApart = first(track) > end || (first(track) === end && track.line % 2 === 1 && end % 2 === 1)
      if (isApart) groups.push([])
      groups.at(-1)?.push(track)
      end = Math.max(isApart ? Number.NEGATIVE_INFINITY : end, Math.max(track.from, track.to))
    }
  }
  return groups
}

const first = ({ from, to }: Piece) => Math.min(from, to)

/** Side by side in the order of the group. */
function arrange(grid: Grid, group: readonly Track[]): void {
  const room = Math.min(...group.map((track) => roomOf(grid, track)))
  const step = group.length < 2 ? 0 : Math.min(wide, room / (group.length - 1))
  group.forEach((track, i) => {
    track.offset = (i - (group.length - 1) / 2) * step
  })
}

function roomOf(grid: Grid, { isVertical, line }: Piece): number {
  const [size, gap, margin, last] = isVertical
    ? [grid.box.width, grid.gap.x, grid.margin.x, 2 * grid.columns]
    : [grid.box.height, grid.gap.y, grid.margin.y, 2 * grid.rows]
  if (line % 2 === 1) return size - 16
  return line === 0 || line === last ? margin - 6 : gap - 10
}

/** Swaps two of a group while that makes fewer crossings. */
function untangle(grid: Grid, ways: ReadonlyMap<string, readonly Track[]>, groups: readonly Track[][]): void {
  const points = new Map([...ways].map(([way, tracks]) => [way, pointsOf(grid, tracks)]))
  const redraw = (way: string) => points.set(way, pointsOf(grid, ways.get(way) ?? []))
  const crossed = (way: string) => {
    const own = points.get(way) ?? []
    let count = 0
    for (const [other, theirs] of points) if (other !== way) count += crossings(own, theirs)
    return count
  }
  for (let round = 0; round < 3; round++) {
    let isBetter = false
    for (const group of groups) {
      for (const [i, a] of group.entries()) {
        for (const b of group.slice(i + 1)) {
          const before = crossed(a.way) + crossed(b.way)
          if (before === 0) continue
          swap(a, b)
          redraw(a.way)
          redraw(b.way)
          if (crossed(a.way) + crossed(b.way) < before) isBetter = true
          else {
            swap(a, b)
            redraw(a.way)
            redraw(b.way)
          }
        }
      }
    }
    if (!isBetter) return
  }
}

function swap(a: Track, b: Track): void {
  const { offset } = a
  a.offset = b.offset
  b.offset = offset
}

function crossings(a: readonly Point[], b: readonly Point[]): number {
  let count = 0
  for (let i = 1; i < a.length; i++)
    for (let j = 1; j < b.length; j++)
      if (isCrossed(a[i - 1] as Point, a[i] as Point, b[j - 1] as Point, b[j] as Point)) count += 1
  return count
}

/** Whether two straight pieces cross, one of them upright and one level. */
function isCrossed(a: Point, b: Point, c: Point, d: Point): boolean {
  if ((a[0] === b[0]) === (c[0] === d[0])) return false
  if (a[0] !== b[0]) return isCrossed(c, d, a, b)
  return (
    a[0] > Math.min(c[0], d[0]) &&
    a[0] < Math.max(c[0], d[0]) &&
    c[1] > Math.min(a[1], b[1]) &&
    c[1] < Math.max(a[1], b[1])
  )
}

/** The corners of a way, from border to border. */
function pointsOf(grid: Grid, tracks: readonly Track[]): Point[] {
  const at = (track: Track) => position(grid, track.isVertical, track.line) + track.offset
  const head = tracks[0] as Track
  const tail = tracks.at(-1) as Track
  const end = (track: Track, line: number, towards: number): Point => {
    const half = (track.isVertical ? grid.box.height : grid.box.width) / 2
    const border = position(grid, !track.isVertical, line) + Math.sign(towards - line) * half
    return track.isVertical ? [at(track), border] : [border, at(track)]
  }
  const corners = tracks.slice(1).map((track, i): Point => {
    const before = tracks[i] as Track
    return track.isVertical ? [at(track), at(before)] : [at(before), at(track)]
  })
  return [end(head, head.from, head.to), ...corners, end(tail, tail.to, tail.from)]
}
