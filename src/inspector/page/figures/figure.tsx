/** Owns one row of figures: its name, its value at the time that is looked at, and its lines over the shared axis. */
import { useWidth } from '../talk/width.ts'
import { type FigureRow, pathOf, roundUp, topOf, valueAt } from './series.ts'

interface Props {
  row: FigureRow
  axis: { from: number; to: number }
  /** What the values are of, in milliseconds since 1970. */
  at: number
  crashes: readonly number[]
}

const heightPx = 54
const topPx = 8

export function Figure({ row, axis: { from, to }, at, crashes }: Props) {
  const [ref, width] = useWidth<HTMLDivElement>()
  const top = roundUp(topOf(row))
  const place = (time: number) => ((time - from) / (to - from)) * width
  const height = (value: number) => heightPx - 1 - (value / top) * (heightPx - topPx - 1)
  const main = row.lines.at(-1)
  return (
    <div class="plot-row">
      <div class="plot-name">
        <span>{row.label}</span>
        <b>{row.format(valueAt(main?.points ?? [], at))}</b>
        {row.lines.length > 1 && (
          <span class="small plot-second">
            {row.lines[0]?.name} {row.format(valueAt(row.lines[0]?.points ?? [], at))}
          </span>
        )}
        {row.limit !== undefined && <span class="small plot-second">limit {row.format(row.limit)}</span>}
      </div>
      <div class="plot-area" ref={ref}>
        {width > 0 && (
          <svg width={width} height={heightPx} aria-hidden="true">
            <line class="plot-floor" x1="0" x2={width} y1={heightPx - 0.5} y2={heightPx - 0.5} />
            <line class="plot-top" x1="0" x2={width} y1={topPx} y2={topPx} />
            {row.limit !== undefined && (
              <line class="plot-limit" x1="0" x2={width} y1={height(row.limit)} y2={height(row.limit)} />
            )}
            {crashes.map((time) => (
              <line key={time} class="plot-crash" x1={place(time)} x2={place(time)} y1="0" y2={heightPx} />
            ))}
            {row.lines.map((line) => (
              <path
                key={line.name ?? ''}
                class={line.isQuiet === true ? 'plot-line is-quiet' : 'plot-line'}
                d={pathOf(line.points, place, height)}
              />
            ))}
          </svg>
        )}
      </div>
      <span class="plot-scale" aria-hidden="true">
        {row.format(top).replace(/\.0+ /, ' ')}
      </span>
    </div>
  )
}
