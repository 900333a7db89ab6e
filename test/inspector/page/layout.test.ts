import { describe, expect, it } from 'vitest'
import type { MachineFrame } from '../../../src/inspector/frames.ts'
import { chartOf } from '../../../src/inspector/machine-frames.ts'
import { type Label, placeLabels } from '../../../src/inspector/page/chart/labels.ts'
import { layoutOf } from '../../../src/inspector/page/chart/layout.ts'
import { labelOf } from '../../../src/inspector/page/chart/standing.ts'
import type { Box, Layout, Point } from '../../../src/inspector/page/chart/ways.ts'
import { agentMachine } from '../../../src/machines/agent.ts'
import { poolMachine } from '../../../src/machines/pool.ts'
import { runLogic } from '../../../src/machines/run.ts'
import { supervisorMachine } from '../../../src/machines/supervision/index.ts'
import { systemMachine } from '../../../src/machines/system.ts'

const frameOf = (logic: unknown) => (chartOf(logic) as { frame: MachineFrame }).frame
const placed = {
  agent: agentMachine,
  pool: poolMachine,
  run: runLogic,
  supervisor: supervisorMachine,
  system: systemMachine,
}

/** A small part of the inside counts as outside: ways end at borders. */
function isThrough({ x, y, width, height }: Box, [ax, ay]: Point, [bx, by]: Point): boolean {
  const inset = 1
  return (
    Math.max(ax, bx) > x + inset &&
    Math.min(ax, bx) < x + width - inset &&
    Math.max(ay, by) > y + inset &&
    Math.min(ay, by) < y + height - inset
  )
}

function waysThroughBoxes({ boxes, reserved, ways }: Layout): string[] {
  return ways.flatMap(({ id, points }) =>
    points
      .slice(1)
      .flatMap((point, i) =>
        [...boxes, ...reserved]
          .filter((box) => isThrough(box, points[i] as Point, point))
          .map((box) => `${id} goes through ${box.key}`),
      ),
  )
}

const isOver = (a: Label, b: Label | Box) => {
  const [bx, by] = 'way' in b ? [b.x - b.width / 2, b.y - b.height / 2] : [b.x, b.y]
  return (
    a.x + a.width / 2 > bx &&
    a.x - a.width / 2 < bx + b.width &&
    a.y + a.height / 2 > by &&
    a.y - a.height / 2 < by + b.height
  )
}

describe.each(Object.entries(placed))('the chart of %s', (_, logic) => {
  const layout = layoutOf(frameOf(logic))

  it('has ways from border to border that go through no box', () => {
    expect(waysThroughBoxes(layout)).toEqual([])
    for (const { points } of layout.ways) expect(points.length).toBeGreaterThan(1)
  })

  it('has no two ways on one line', () => {
    const pieces = layout.ways.flatMap(({ id, points }) =>
      points.slice(1).map((to, i) => ({ id, from: points[i] as Point, to })),
    )
    const shared = pieces.flatMap((a, i) =>
      pieces.slice(i + 1).flatMap((b) => {
        if (a.id === b.id) return []
        return [0, 1].flatMap((axis) => {
          const other = 1 - axis
          const isOneLine = [a.to, b.from, b.to].every(
            (point) => Math.abs((point[axis] as number) - (a.from[axis] as number)) < 0.5,
          )
          const span = ({ from, to }: typeof a) => [from[other] as number, to[other] as number].sort((x, y) => x - y)
          const [[aFrom, aTo], [bFrom, bTo]] = [span(a), span(b)] as [[number, number], [number, number]]
          return isOneLine && Math.min(aTo, bTo) - Math.max(aFrom, bFrom) > 1 ? [`${a.id} and ${b.id}`] : []
        })
      }),
    )
    expect(shared).toEqual([])
  })

  it.each(layout.boxes.map(({ id, key }) => [key, id]))(
    'names every way out of %s, over no box and no other name',
    (_, id) => {
      const out = layout.ways.filter(({ source }) => source === id)
      const labels = placeLabels(
        layout,
        out.map((way) => ({ way: way.id, text: labelOf(way) })),
      )
      expect(labels.map(({ way }) => way).sort()).toEqual(out.map((way) => way.id).sort())
      for (const [i, label] of labels.entries()) {
        expect(layout.boxes.filter((box) => isOver(label, box))).toEqual([])
        expect(labels.slice(i + 1).filter((other) => isOver(label, other))).toEqual([])
      }
    },
  )
})

describe('the chart of a machine without places', () => {
  const machine: MachineFrame = {
    type: 'machine',
    hash: 'lamp',
    id: 'lamp',
    nodes: [
      { id: 'lamp.off', parent: undefined, key: 'off', type: 'atomic', isInitial: true },
      { id: 'lamp.on', parent: undefined, key: 'on', type: 'compound', isInitial: false },
      { id: 'lamp.on.dim', parent: 'lamp.on', key: 'dim', type: 'atomic', isInitial: true },
      { id: 'lamp.on.bright', parent: 'lamp.on', key: 'bright', type: 'atomic', isInitial: false },
    ],
    edges: [
      { id: 'a', source: 'lamp.off', target: 'lamp.on', event: 'press', kind: 'event' },
      { id: 'b', source: 'lamp.on', target: 'lamp.off', event: 'press', kind: 'event' },
      { id: 'c', source: 'lamp.on.dim', target: 'lamp.on.bright', event: 'turn', kind: 'event' },
      { id: 'd', source: 'lamp.on.dim', target: 'lamp.on.bright', event: 'push', kind: 'event' },
    ],
  }
  const { boxes, ways } = layoutOf(machine)

  it('draws nested states as boxes in boxes', () => {
    const outer = boxes.find(({ key }) => key === 'on') as Box
    expect(outer.isOuter).toBe(true)
    for (const inner of boxes.filter(({ key }) => key === 'dim' || key === 'bright')) {
      expect(inner.x).toBeGreaterThan(outer.x)
      expect(inner.x + inner.width).toBeLessThan(outer.x + outer.width)
      expect(inner.y).toBeGreaterThan(outer.y)
      expect(inner.y + inner.height).toBeLessThan(outer.y + outer.height)
    }
  })

  it('folds transitions between the same states into one way', () => {
    const folded = ways.filter(({ source, target }) => source === 'lamp.on.dim' && target === 'lamp.on.bright')
    expect(folded.map((way) => labelOf(way))).toEqual(['turn +1'])
    expect(ways).toHaveLength(3)
    for (const { points } of ways) expect(points.length).toBeGreaterThan(1)
  })
})
