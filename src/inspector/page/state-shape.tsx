/** Owns the shapes of states. The shape says the state first, its colour repeats it; the word stands beside it. */
import type { ComponentChildren } from 'preact'
import { looksLike, toneOf } from './states.ts'

interface Props {
  state: string
  /** Side, in pixels. Default 12. */
  size?: number
  /** Of `backoff`: how much of the wait is left, from 0 to 1. Default: 0.7. */
  left?: number
}

export function StateShape({ state, size = 12, left = 0.7 }: Props) {
  const look = looksLike(state)
  return (
    <svg class={`shape tone-${toneOf(state)}`} width={size} height={size} viewBox="0 0 16 16" aria-hidden="true">
      {look === 'backoff' ? <Ring left={left} /> : (shapes[look] ?? unknown)}
    </svg>
  )
}

const round = <circle class="shape-line" cx="8" cy="8" r="6" />
const unknown = <circle class="shape-line" cx="8" cy="8" r="6" stroke-dasharray="2.5 2.2" />

const shapes: Readonly<Record<string, ComponentChildren>> = {
  '': <circle class="shape-full" cx="8" cy="8" r="2" />,
  idle: round,
  stopped: <rect class="shape-line" x="2.5" y="2.5" width="11" height="11" rx="1" />,
  provisioning: [round, <path key="quarter" class="shape-full" d="M8 8V2a6 6 0 0 1 6 6z" />],
  starting: [round, <path key="half" class="shape-full" d="M8 2a6 6 0 0 1 0 12z" />],
  ready: <circle class="shape-full" cx="8" cy="8" r="6.5" />,
  running: <circle class="shape-full" cx="8" cy="8" r="6.5" />,
  suspect: [
    <path key="outer" class="shape-line" d="M8 1.5l6.5 6.5L8 14.5 1.5 8z" />,
    <path key="inner" class="shape-full" d="M8 5.2l2.8 2.8L8 10.8 5.2 8z" />,
  ],
  draining: <path class="shape-line" d="M1.8 3h12.4L8 14z" />,
  stopping: [
    <rect key="outer" class="shape-line" x="2.5" y="2.5" width="11" height="11" rx="1" />,
    <path key="half" class="shape-full" d="M2.5 8h11v5.5h-11z" />,
  ],
  crashed: <path class="shape-line is-heavy" d="M3 3l10 10M13 3L3 13" />,
  failed: <path class="shape-full" d="M5.3 1.5h5.4l3.8 3.8v5.4l-3.8 3.8H5.3l-3.8-3.8V5.3z" />,
}

/** Empties until the next start. */
function Ring({ left }: { left: number }) {
  return (
    <>
      <circle class="shape-line is-faint" cx="8" cy="8" r="6" />
      <path class="shape-line" d={ring(left)} />
    </>
  )
}

/** An arc from the top, clockwise, of so much of a circle. */
function ring(left: number): string {
  const part = Math.min(0.999, Math.max(0.02, left))
  const angle = part * 2 * Math.PI
  const [x, y] = [8 + 6 * Math.sin(angle), 8 - 6 * Math.cos(angle)]
  return `M8 2A6 6 0 ${part > 0.5 ? 1 : 0} 1 ${x.toFixed(2)} ${y.toFixed(2)}`
}
