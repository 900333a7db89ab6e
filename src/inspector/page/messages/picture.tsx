/** Owns the drawing of a sequence: life lines with bars while something was alive, and an arrow for each row. */
import type { Column, Message } from './sequence.ts'

/** Of a row, in pixels. */
export const rowPx = 30

interface Props {
  columns: readonly (Column & { x: number })[]
  rows: readonly Message[]
  /** Rows before the first that is drawn. */
  hidden: number
  width: number
  place: (column: number) => number
  /** Rows after it are faint. */
  playhead: number | undefined
}

export function Picture({ columns, rows, hidden, width, place, playhead }: Props) {
  const height = rows.length * rowPx + 6
  const y = (row: number) => Math.min(height, Math.max(0, (row - hidden) * rowPx + 3))
  return (
    <svg class="sequence-picture" width={width} height={height} aria-hidden="true">
      {columns.map(({ id, x, bornAt, goneAt, isCrash }) => {
        const top = bornAt === undefined ? 0 : y(bornAt)
        const bottom = goneAt === undefined ? height : y(goneAt)
        return (
          <g key={id}>
            <line class="sequence-line" x1={x} x2={x} y1="0" y2={height} />
            <rect class="sequence-life" x={x - 3} y={top} width="6" height={Math.max(4, bottom - top)} rx="1" />
            {isCrash && <path class="sequence-crash" d={`M${x - 5} ${bottom - 5}l10 10m0-10l-10 10`} />}
          </g>
        )
      })}
      {rows.map((message, row) => (
        <Arrow
          key={message.seq}
          message={message}
          from={message.from === undefined ? undefined : place(message.from)}
          to={place(message.to)}
          y={row * rowPx + 22}
          isLater={playhead !== undefined && message.seq > playhead}
        />
      ))}
    </svg>
  )
}

interface ArrowProps {
  message: Message
  from: number | undefined
  to: number
  y: number
  isLater: boolean
}

function Arrow({ message: { type, count, isFailure }, from, to, y, isLater }: ArrowProps) {
  const start = from === undefined ? to - 48 : from
  const isSelf = start === to
  const end = isSelf ? to + 4 : to + (start < to ? -4 : 4)
  const side = !isSelf && start > to ? 1 : -1
  const text = count > 1 ? `${type} ×${count}` : type
  const line = isSelf ? `M${to + 4} ${y - 9}h22v9h-21` : `M${start + (start < to ? 4 : -4)} ${y}H${end}`
  const middle = isSelf ? to + 32 : (start + to) / 2
  return (
    <g class={`sequence-arrow${isFailure ? ' is-bad' : ''}${isLater ? ' is-later' : ''}`}>
      <path class="arrow-line" d={line} />
      <path class="arrow-head" d={`M${end} ${y}l${(isSelf ? 1 : side) * 7} -4v8z`} />
      <text x={middle} y={y - (isSelf ? 1 : 5)} text-anchor={isSelf ? 'start' : 'middle'}>
        {text}
      </text>
    </g>
  )
}
