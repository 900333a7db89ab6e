/** Owns the tape at the foot: events a second as bars, crashes, gaps, the time, and the only playhead. */
import { useEffect, useRef } from 'preact/hooks'
import { count, megabytes, plural, secondOf, timeOf } from './format.ts'
import { lifelines } from './intake.ts'
import { colours } from './settings.ts'
import * as state from './state.ts'
import { inkOf } from './strip.ts'
import { drawTape } from './tape-drawing.ts'
import { axis, goLive, goTo, goToTime, stepEvents, togglePause } from './time.ts'

export function Tape() {
  const isLive = state.playhead.value === undefined
  return (
    <footer class="tape">
      <div class="tape-buttons">
        <button type="button" class="button" aria-label="One event back" onClick={() => stepEvents(-1)}>
          <Glyph d="M10 4v8L4 8z" />
        </button>
        <button type="button" class="button" aria-label={isLive ? 'Pause' : 'Go on'} onClick={togglePause}>
          <Glyph d={isLive ? 'M4 3h3v10H4zM9 3h3v10H9z' : 'M5 3v10l8-5z'} />
        </button>
        <button
          type="button"
          class="button tape-on"
          aria-label="One event on"
          disabled={isLive}
          onClick={() => stepEvents(1)}
        >
          <Glyph d="M6 4v8l6-4z" />
        </button>
        <button
          type="button"
          class="button tape-live"
          aria-pressed={isLive && state.connection.value.phase === 'live'}
          onClick={goLive}
        >
          Live
        </button>
      </div>
      <Slider />
      <Remembered />
    </footer>
  )
}

function Glyph({ d }: { d: string }) {
  return (
    <svg width="14" height="14" viewBox="0 0 16 16" aria-hidden="true">
      <path class="glyph-full" d={d} />
    </svg>
  )
}

function Slider() {
  const track = useRef<HTMLDivElement>(null)
  const { from, to } = axis.value
  state.newestSeq.value
  const { oldestSeq, oldestAt } = state.history.value
  const isLive = state.playhead.value === undefined
  const at = isLive ? to : state.shown.value.at

  const move = (event: PointerEvent) => {
    const box = track.current?.getBoundingClientRect()
    if (box === undefined || (event.type === 'pointermove' && event.buttons === 0)) return
    if (event.type === 'pointerdown') (event.currentTarget as Element).setPointerCapture(event.pointerId)
    const part = (event.clientX - box.left) / box.width
    if (part > 0.998 && to >= state.live.value.at) goLive()
    else goToTime(from + part * (to - from))
  }
  const keys = (event: KeyboardEvent) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const acts: Readonly<Record<string, () => void>> = {
      ArrowLeft: () => stepEvents(-1),
      ArrowDown: () => stepEvents(-1),
      ArrowRight: () => stepEvents(1),
      ArrowUp: () => stepEvents(1),
      PageDown: () => goToTime(at - 10_000),
      PageUp: () => goToTime(at + 10_000),
      Home: () => goTo(oldestSeq),
      End: goLive,
    }
    const act = acts[event.key]
    if (act === undefined) return
    event.preventDefault()
    act()
  }
  return (
    <div
      class="tape-track"
      ref={track}
      role="slider"
      tabIndex={0}
      aria-label="Playhead"
      aria-valuemin={Math.floor(oldestAt ?? from)}
      aria-valuemax={Math.ceil(Math.max(to, state.live.peek().at))}
      aria-valuenow={Math.round(at)}
      aria-valuetext={isLive ? 'live' : timeOf(at)}
      onPointerDown={move}
      onPointerMove={move}
      onKeyDown={keys}
    >
      <Bars />
    </div>
  )
}

function Bars() {
  const ref = useRef<HTMLCanvasElement>(null)
  const between = axis.value
  colours.value
  const head = state.playhead.value === undefined ? between.to : state.shown.value.at
  useEffect(() => {
    const canvas = ref.current
    const context = canvas?.getContext('2d')
    if (canvas == null || context == null || document.hidden) return
    const { clientWidth: width, clientHeight: height } = canvas
    const ratio = devicePixelRatio
    if (canvas.width !== Math.round(width * ratio)) canvas.width = Math.round(width * ratio)
    if (canvas.height !== Math.round(height * ratio)) canvas.height = Math.round(height * ratio)
    context.setTransform(ratio, 0, 0, ratio, 0, 0)
    const font = getComputedStyle(canvas).font
    drawTape(context, { width, height, axis: between, head, lifelines, ink: inkOf(canvas), font })
  })
  return <canvas ref={ref} />
}

function Remembered() {
  state.now.value
  state.newestSeq.value
  const history = state.history.value
  const missed = history.gaps.reduce((sum, gap) => sum + gap.count, 0)
  return (
    <p class="tape-count small">
      <span>
        <b>{count(history.events)}</b> events of {count(history.limit)}
      </span>
      <span class="quiet">
        {missed > 0
          ? `${plural(missed, 'event')} not seen`
          : `${megabytes(history.bytes)} MB · oldest ${secondOf(history.oldestAt)}`}
      </span>
    </p>
  )
}
