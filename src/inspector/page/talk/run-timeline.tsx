/** Owns the picture of what a run spends its time on, with its name, status, time and tokens above. */
import type { RunFrame, RunStatus } from '../../frames.ts'
import { count, duration } from '../format.ts'
import * as state from '../state.ts'
import { StateShape } from '../state-shape.tsx'
import { runTone } from '../states.ts'
import { generationName } from '../tree-rows.ts'
import { RunChoice } from './run-choice.tsx'
import { acceptedAt } from './talks.ts'
import { type Timeline, ticksOf, timelineOf } from './timeline.ts'
import { useWidth } from './width.ts'

const rowPx = 17
const labelPx = 84
const notePx = 112

/** States of actors whose shape and tone are those of a run's status. */
const shapes: Readonly<Record<string, string>> = {
  good: 'ready',
  moving: 'starting',
  warn: 'suspect',
  bad: 'failed',
  rest: 'idle',
}

/** The shape of a status: that of an actor's state of the same tone. */
export function shapeOf(status: RunStatus): string {
  return shapes[runTone(status)] ?? ''
}

export function statusText(status: RunStatus): string {
  return status === 'waiting' ? 'waits for approval' : status
}

export function RunTimeline({ run, deltas }: { run: RunFrame; deltas: number }) {
  const nowMs = run.durationMs ?? Math.max(0, state.now.value - acceptedAt(run))
  const timeline = timelineOf(run, nowMs, deltas)
  const replica = run.sessionId === undefined ? undefined : state.shown.peek().actors.get(run.sessionId)?.name
  const tone = runTone(run.status)
  return (
    <section class="panel run-head" aria-label={`Run ${run.run}`}>
      <div class="run-title">
        <RunChoice agent={run.agent} run={run.run} />
        <span class={`run-status toned tone-${tone}`}>
          <StateShape state={shapeOf(run.status)} /> <b>{statusText(run.status)}</b>
        </span>
        {replica !== undefined && (
          <span class="run-place">
            on {replica}
            {generationName(run.generation)}
          </span>
        )}
        <span class="run-spent">
          {duration(timeline.totalMs)}
          {run.usage !== undefined &&
            ` · ${count(run.usage.inputTokens)} in / ${count(run.usage.outputTokens)} out tokens`}
        </span>
      </div>
      <Bars timeline={timeline} isRunning={run.durationMs === undefined} />
    </section>
  )
}

function Bars({ timeline: { rows, totalMs }, isRunning }: { timeline: Timeline; isRunning: boolean }) {
  const [ref, width] = useWidth<HTMLDivElement>()
  const room = Math.max(40, width - labelPx - notePx)
  const place = (ms: number) => labelPx + (totalMs === 0 ? 0 : (ms / totalMs) * room)
  const bottom = rows.length * rowPx
  const words = rows.filter(({ bars }) => bars.length > 0).map(({ name, note }) => `${name} ${note}`)
  return (
    <div ref={ref} class="run-bars">
      {width > 0 && (
        <svg width={width} height={bottom + 18} role="img" aria-label={`Its time: ${words.join('; ')}.`}>
          {ticksOf(totalMs, room < 260 ? 3 : 6).map(({ ms, text }) => (
            <g key={ms}>
              <line class="run-grid" x1={place(ms)} x2={place(ms)} y1="0" y2={bottom} />
              <text class="run-tick" x={place(ms)} y={bottom + 14} text-anchor="middle">
                {text}
              </text>
            </g>
          ))}
          {rows.map(({ name, bars, note, isOpen }, row) => (
            <g key={name} class={`phase-${name}`}>
              <text class="run-label" x={labelPx - 10} y={row * rowPx + 12} text-anchor="end">
                {name}
              </text>
              {bars.map(({ fromMs, toMs }) => (
                <rect
                  key={fromMs}
                  class="run-bar"
                  x={place(fromMs)}
                  y={row * rowPx + 4}
                  width={Math.max(2, place(toMs) - place(fromMs))}
                  height="9"
                  rx="1"
                />
              ))}
              <text
                class={`run-note${isOpen ? ' is-open' : ''}`}
                x={place(Math.max(0, ...bars.map(({ toMs }) => toMs))) + 7}
                y={row * rowPx + 12}
              >
                {note}
              </text>
            </g>
          ))}
          {isRunning && <line class="run-now" x1={place(totalMs)} x2={place(totalMs)} y1="0" y2={bottom + 4} />}
        </svg>
      )}
    </div>
  )
}
