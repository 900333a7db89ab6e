/** Owns where labels of ways stand: beside or on their way, over no box and no other label. What finds no place is not drawn. */
import type { Layout, Point } from './ways.ts'

export interface Label {
  way: string
  text: string
  /** Its middle. */
  x: number
  y: number
  width: number
  height: number
}

const height = 18
const letter = 6.7
const distance = 3

interface Wanted {
  way: string
  text: string
}

/** The first ones are placed first; those that find no room then come before them in a second try. */
export function placeLabels(layout: Layout, wanted: readonly Wanted[]): Label[] {
  const placed = inOrder(layout, wanted)
  const isLeft = ({ way }: Wanted) => !placed.some((label) => label.way === way)
  const left = wanted.filter(isLeft)
  if (left.length === 0) return placed
  const again = inOrder(layout, [...left, ...wanted.filter((label) => !isLeft(label))])
  return again.length > placed.length ? again : placed
}

function inOrder(layout: Layout, wanted: readonly Wanted[]): Label[] {
  const placed: Label[] = []
  for (const { way, text } of wanted) {
    const points = layout.ways.find(({ id }) => id === way)?.points ?? []
    const size = { width: Math.ceil(text.length * letter) + 12, height }
    const spot = spotsOf(points, size).find((at) => isFree(layout, placed, at, size))
    if (spot !== undefined) placed.push({ way, text, x: spot[0], y: spot[1], ...size })
  }
  return placed
}

type Size = Pick<Label, 'width' | 'height'>

/** On the way, or right beside it; the longest piece first, and its middle. */
const close: readonly Point[] = [
  [0, 0],
  [0, 12],
  [0, -12],
]
/** Where the way is too short for that: the nearest spot round it. */
const around: readonly Point[] = [-96, -80, -64, -48, -32, -16, 0, 16, 32, 48, 64, 80, 96]
  .flatMap((dx) => [-60, -54, -48, -42, -36, -30, -24, 24, 30, 36, 42, 48, 54, 60].map((dy): Point => [dx, dy]))
  .sort((a, b) => Math.hypot(a[0] / 2, a[1]) - Math.hypot(b[0] / 2, b[1]))
const along = [0.5, 0.35, 0.65, 0.2, 0.8, 0.1, 0.9]

function spotsOf(points: readonly Point[], { width }: Size): Point[] {
  const pieces = points.slice(1).map((to, i) => ({ from: points[i] as Point, to }))
  pieces.sort((a, b) => length(b) - length(a))
  const beside: Point[] = [
    [width / 2 + 5, 0],
    [-width / 2 - 5, 0],
  ]
  const spots = (shifts: readonly Point[], parts: readonly number[]) =>
    shifts.flatMap(([dx, dy]) =>
      pieces.flatMap(({ from, to }) =>
        parts.map((part): Point => {
          return [from[0] + (to[0] - from[0]) * part + dx, from[1] + (to[1] - from[1]) * part + dy]
        }),
      ),
    )
  return [...spots(close.slice(0, 1), along), ...spots([...beside, ...close.slice(1)], along), ...spots(around, [0.5])]
}

const length = ({ from, to }: { from: Point; to: Point }) => Math.hypot(to[0] - from[0], to[1] - from[1])

function isFree(layout: Layout, placed: readonly Label[], [x, y]: Point, { width, height }: Size): boolean {
  const own = { left: x - width / 2, right: x + width / 2, top: y - height / 2, bottom: y + height / 2 }
  if (own.left < 1 || own.top < 1 || own.right > layout.width - 1 || own.bottom > layout.height - 1) return false
  const isApart = (left: number, top: number, right: number, bottom: number) =>
    own.right + distance <= left ||
    own.left - distance >= right ||
    own.bottom + distance <= top ||
    own.top - distance >= bottom
  return (
    [...layout.boxes, ...layout.reserved].every(
      (box) => box.isOuter || isApart(box.x, box.y, box.x + box.width, box.y + box.height),
    ) &&
    placed.every((other) =>
      isApart(
        other.x - other.width / 2,
        other.y - other.height / 2,
        other.x + other.width / 2,
        other.y + other.height / 2,
      ),
    )
  )
}

/** The path of a way, its corners rounded. */
export function pathOf(points: readonly Point[], radius = 7): string {
  const [start, ...rest] = points
  if (start === undefined) return ''
  let path = `M${start[0]} ${start[1]}`
  rest.forEach((corner, i) => {
    const before = points[i] as Point
    const after = rest[i + 1]
    if (after === undefined) {
      path += `L${corner[0]} ${corner[1]}`
      return
    }
    const r = Math.min(radius, length({ from: before, to: corner }) / 2, length({ from: corner, to: after }) / 2)
    const [ax, ay] = towards(corner, before, r)
    const [bx, by] = towards(corner, after, r)
    path += `L${ax} ${ay}Q${corner[0]} ${corner[1]} ${bx} ${by}`
  })
  return path
}

function towards(from: Point, to: Point, by: number): Point {
  const all = length({ from, to })
  if (all === 0) return from
  return [from[0] + ((to[0] - from[0]) * by) / all, from[1] + ((to[1] - from[1]) * by) / all]
}
