/** Owns the drawing of a statechart: boxes, ways, and labels where they matter. Where they are is the layout's; the outline is its equal in words. */
import { useState } from 'preact/hooks'
import type { MachineFrame } from '../../frames.ts'
import { now } from '../state.ts'
import { StateShape } from '../state-shape.tsx'
import { toneOf } from '../states.ts'
import type { Actor } from '../world.ts'
import { type Label, pathOf, placeLabels } from './labels.ts'
import { layoutOf } from './layout.ts'
import { sentenceOf } from './outline.tsx'
import { Spark } from './spark.tsx'
import { labelOf as labelText, type Standing, standingOf, visitText } from './standing.ts'
import { WayHeads, type Weight } from './way-heads.tsx'
import type { Box, Layout } from './ways.ts'

interface Props {
  actor: Actor
  machine: MachineFrame
}

export function Statechart({ actor, machine }: Props) {
  const [pointed, point] = useState<string>()
  const layout = layoutOf(machine)
  const standing = standingOf(actor, machine, layout)
  const weights = weightsOf(layout, standing, pointed)
  const drawn = layout.ways.filter(({ id, isAside }) => !isAside || weights.get(id) !== 'rest')
  drawn.sort((a, b) => heaviness(weights.get(a.id)) - heaviness(weights.get(b.id)))
  const active = layout.boxes.find(({ id, isOuter }) => standing.active.has(id) && !isOuter)
  const newest = standing.taken[0]
  const path = layout.ways.find(({ id }) => id === newest?.way)?.points
  return (
    <svg
      class={`statechart tone-${toneOf(active?.key ?? '')}`}
      viewBox={`0 0 ${layout.width} ${layout.height}`}
      role="img"
      aria-label={sentenceOf(actor, machine)}
    >
      <defs>
        <WayHeads prefix="head" sizes={{ rest: 8, out: 8, came: 8, newest: 11, pointed: 8 }} />
        <pattern id="dots" width="22" height="22" patternUnits="userSpaceOnUse">
          <circle class="chart-dot" cx="11" cy="11" r=".8" />
        </pattern>
      </defs>
      <rect class="chart-dots" width={layout.width} height={layout.height} fill="url(#dots)" />
      {layout.boxes
        .filter(({ isOuter }) => isOuter)
        .map((box) => (
          <BoxView key={box.id} box={box} actor={actor} isActive={standing.active.has(box.id)} point={point} />
        ))}
      {drawn.map(({ id, points }) => {
        const weight = weights.get(id) ?? 'rest'
        return (
          <g
            key={id}
            class={`way is-${weight}`}
            data-way={id}
            onPointerEnter={() => point(id)}
            onPointerLeave={() => point(undefined)}
          >
            <path class="way-reach" d={pathOf(points)} />
            <path class="way-line" d={pathOf(points)} marker-end={`url(#head-${weight})`} />
          </g>
        )
      })}
      {layout.boxes
        .filter(({ isOuter }) => !isOuter)
        .map((box) => (
          <BoxView key={box.id} box={box} actor={actor} isActive={standing.active.has(box.id)} point={point} />
        ))}
      {newest !== undefined && path !== undefined && <Spark path={pathOf(path)} at={newest.at} />}
      <Labels layout={layout} standing={standing} weights={weights} dueAt={actor.snapshot.dueAt} />
    </svg>
  )
}

/** How each way is drawn. */
function weightsOf(layout: Layout, { active, taken }: Standing, pointed: string | undefined): Map<string, Weight> {
  const ids = taken.map(({ way }) => way)
  return new Map(
    layout.ways.map(({ id, source, target }): [string, Weight] => {
      if (ids[0] === id) return [id, 'newest']
      if (ids.includes(id)) return [id, 'came']
      if (pointed !== undefined && [id, source, target].includes(pointed)) return [id, 'pointed']
      return [id, active.has(source) ? 'out' : 'rest']
    }),
  )
}

const order: readonly Weight[] = ['rest', 'out', 'came', 'pointed', 'newest']
const heaviness = (weight: Weight | undefined) => order.indexOf(weight ?? 'rest')

function Labels({
  layout,
  standing,
  weights,
  dueAt,
}: {
  layout: Layout
  standing: Standing
  weights: ReadonlyMap<string, Weight>
  dueAt: number | undefined
}) {
  const wanted = layout.ways.flatMap((way) => {
    const weight = weights.get(way.id) ?? 'rest'
    if (weight === 'rest') return []
    const isOut = standing.active.has(way.source)
    const isDue = isOut && dueAt !== undefined && way.edges.some(({ kind }) => kind === 'after')
    const event = isOut ? undefined : standing.taken.find((taken) => taken.way === way.id)?.event
    const text = labelText(way, { event, leftMs: isDue ? dueAt - now.value : undefined })
    return [
      { way: way.id, text, rank: isDue ? 0 : { newest: 1, pointed: 2, came: 3, out: way.isAside ? 5 : 4 }[weight] },
    ]
  })
  wanted.sort((a, b) => a.rank - b.rank)
  return placeLabels(layout, wanted).map((label) => <LabelView key={label.way} label={label} />)
}

function LabelView({ label: { x, y, width, height, text } }: { label: Label }) {
  return (
    <g class="way-label">
      <rect x={x - width / 2} y={y - height / 2} width={width} height={height} rx="4" />
      <text x={x} y={y + 3.8} text-anchor="middle">
        {text}
      </text>
    </g>
  )
}

interface BoxProps {
  box: Box
  actor: Actor
  isActive: boolean
  point: (id: string | undefined) => void
}

function BoxView({ box: { id, key, x, y, width, height, isOuter }, actor, isActive, point }: BoxProps) {
  const isVisited = actor.visits.has(id) || isActive
  const names = [
    'box',
    `tone-${toneOf(key)}`,
    isActive && 'is-active',
    isVisited && 'is-visited',
    isOuter && 'is-outer',
  ]
  return (
    <g
      class={names.filter(Boolean).join(' ')}
      data-state={id}
      onPointerEnter={() => point(id)}
      onPointerLeave={() => point(undefined)}
    >
      <rect x={x} y={y} width={width} height={height} rx="6" />
      <g transform={`translate(${x + 8} ${isOuter ? y + 6 : isVisited ? y + 7 : y + height / 2 - 6})`}>
        <StateShape state={key} size={12} />
      </g>
      <text class="box-name" x={x + 24} y={isOuter ? y + 16 : isVisited ? y + 17 : y + height / 2 + 4}>
        {key}
      </text>
      {isVisited && !isOuter && <Visit actor={actor} id={id} isActive={isActive} x={x + 9} y={y + 33} />}
    </g>
  )
}

function Visit({ actor, id, isActive, x, y }: { actor: Actor; id: string; isActive: boolean; x: number; y: number }) {
  return (
    <text class="box-visits" x={x} y={y}>
      {visitText(actor, id, isActive, isActive ? now.value : 0)}
    </text>
  )
}
