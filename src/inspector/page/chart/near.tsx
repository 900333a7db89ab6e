/** Owns the chart of a narrow window: from where it came, where it is, and where that leads. The outline tells the rest. */
import type { MachineFrame } from '../../frames.ts'
import { stateName } from '../../state-value.ts'
import { countdown, duration } from '../format.ts'
import { now } from '../state.ts'
import { StateShape } from '../state-shape.tsx'
import { toneOf } from '../states.ts'
import type { Actor } from '../world.ts'
import { sentenceOf } from './outline.tsx'
import { labelOf, standingOf } from './standing.ts'
import { WayHeads } from './way-heads.tsx'
import { boxFinder, type Way, waysOf } from './ways.ts'

const width = 360
const height = 246
const box = { width: 152, height: 46 }

export function NearChart({ actor, machine }: { actor: Actor; machine: MachineFrame }) {
  const ways = waysOf(machine)
  const standing = standingOf(actor, machine, { ways, boxOf: boxFinder(machine) })
  const active = [...standing.active].at(-1) ?? ''
  const came = standing.taken.flatMap(({ way, at }) => {
    const found = ways.find(({ id }) => id === way)
    return found === undefined ? [] : [{ ...found, at }]
  })
  const isChained = came[0]?.target === active
  const before = isChained ? came[0] : undefined
  const earlier = before !== undefined && came[1]?.target === before.source ? came[1] : undefined
  const next = nextWays(ways, active, actor.snapshot.dueAt)
  const nextX = next.length === 1 ? [width / 2] : [14 + box.width / 2, width - 14 - box.width / 2]
  const tone = `tone-${toneOf(keyOf(active))}`
  return (
    <svg
      class={`statechart near ${tone}`}
      viewBox={`0 0 ${width} ${height}`}
      role="img"
      aria-label={sentenceOf(actor, machine)}
    >
      <defs>
        <WayHeads prefix="near" sizes={{ came: 9, newest: 9, out: 9 }} />
      </defs>
      {earlier !== undefined && (
        <>
          <path class="way-line is-came" d={`M166 35H194`} marker-end="url(#near-came)" />
          <NearBox x={90} y={12} id={earlier.source} note={stayed(came[1]?.at, came[2]?.at)} />
        </>
      )}
      {before !== undefined && (
        <>
          <path
            class="way-line is-newest"
            d={earlier === undefined ? `M180 58V98` : `M270 58C270 84 180 72 180 98`}
            marker-end="url(#near-newest)"
          />
          <NearBox
            x={earlier === undefined ? 180 : 270}
            y={12}
            id={before.source}
            note={stayed(came[0]?.at, came[1]?.at)}
          />
        </>
      )}
      {next.map((way, i) => (
        <path
          key={way.id}
          class="way-line is-out"
          d={`M${180 + ((nextX[i] as number) - 180) / 3} 146C${180 + ((nextX[i] as number) - 180) / 3} 172 ${nextX[i]} 160 ${nextX[i]} 186`}
          marker-end="url(#near-out)"
        />
      ))}
      {next.map((way, i) => (
        <NextBox key={way.id} way={way} x={nextX[i] as number} dueAt={actor.snapshot.dueAt} />
      ))}
      <NearBox
        x={180}
        y={100}
        id={active}
        isActive
        note={<Now actor={actor} />}
        name={stateName(actor.snapshot.value)}
      />
    </svg>
  )
}

/** Two at most: what happens by itself first, then what is not possible anywhere. */
function nextWays(ways: readonly Way[], active: string, dueAt: number | undefined): Way[] {
  const isDue = (way: Way) => dueAt !== undefined && way.edges.some(({ kind }) => kind === 'after')
  return ways
    .filter(({ source }) => source === active)
    .sort((a, b) => Number(isDue(b)) - Number(isDue(a)) || Number(a.isAside) - Number(b.isAside))
    .slice(0, 2)
}

const keyOf = (id: string) => id.slice(id.indexOf('.') + 1)

function stayed(to: number | undefined, from: number | undefined): string {
  return to === undefined || from === undefined ? '' : duration(to - from)
}

function Now({ actor: { snapshot } }: { actor: Actor }) {
  const { dueAt, since } = snapshot
  if (dueAt === undefined) return <>{duration(Math.max(0, now.value - since))}</>
  return (
    <>
      {countdown(dueAt - now.value)} of {countdown(dueAt - since)}
    </>
  )
}

function NextBox({ way, x, dueAt }: { way: Way; x: number; dueAt: number | undefined }) {
  const leftMs = dueAt === undefined ? undefined : dueAt - now.value
  return <NearBox x={x} y={188} id={way.target} note={labelOf(way, { leftMs })} />
}

interface NearBoxProps {
  /** Its middle, and its top. */
  x: number
  y: number
  id: string
  note: preact.ComponentChildren
  name?: string
  isActive?: boolean
}

function NearBox({ x, y, id, note, name = keyOf(id), isActive = false }: NearBoxProps) {
  const left = x - box.width / 2
  return (
    <g class={`box is-visited tone-${toneOf(keyOf(id))}${isActive ? ' is-active' : ''}`}>
      <rect x={left} y={y} {...box} rx="6" />
      <g transform={`translate(${left + 12} ${y + 10})`}>
        <StateShape state={keyOf(id)} size={13} />
      </g>
      <text class="box-name" x={left + 32} y={y + 21}>
        {name}
      </text>
      <text class="box-visits" x={left + 32} y={y + 37}>
        {note}
      </text>
    </g>
  )
}
