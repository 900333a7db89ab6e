/** Owns how a lifeline is drawn: one line of a canvas for each row, in the colours of the style sheet. */
import type { Stretch } from './lifelines.ts'
import { type Tone, toneOf } from './states.ts'

export type Ink = Readonly<Record<Tone | 'ink' | 'panel', string>>

/** The colours as they are now; canvases know no custom properties. */
export function inkOf(element: Element): Ink {
  const style = getComputedStyle(element)
  const names: (keyof Ink)[] = ['rest', 'moving', 'good', 'warn', 'leave', 'bad', 'ink3', 'ink', 'panel']
  return Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()])) as Ink
}

export interface StripPlace {
  x: number
  /** The middle of the row. */
  y: number
  width: number
  height: number
}

/** Draws the states of one actor between two times. What was before the first is not known, and left blank. */
export function drawStrip(
  canvas: CanvasRenderingContext2D,
  { x, y, width, height }: StripPlace,
  axis: { from: number; to: number },
  stretches: readonly Stretch[],
  crashes: readonly number[],
  ink: Ink,
): void {
  const place = (at: number) => x + Math.min(1, Math.max(0, (at - axis.from) / (axis.to - axis.from))) * width
  stretches.forEach((stretch, i) => {
    const end = stretches[i + 1]?.at ?? axis.to
    if (end <= axis.from || stretch.at >= axis.to || stretch.state === '') return
    drawStretch(canvas, stretch.state, place(stretch.at), Math.max(place(end), place(stretch.at) + 1), y, ink)
  })
  canvas.fillStyle = ink.bad
  for (const at of crashes) {
    if (at > axis.from && at <= axis.to)
      canvas.fillRect(Math.min(x + width - 2, Math.round(place(at)) - 1), y - height / 2, 2.5, height)
  }
}

function drawStretch(
  canvas: CanvasRenderingContext2D,
  state: string,
  from: number,
  to: number,
  y: number,
  ink: Ink,
): void {
  const tone = toneOf(state)
  canvas.fillStyle = ink[tone]
  canvas.strokeStyle = ink[tone]
  canvas.lineWidth = 1
  canvas.globalAlpha = 1
  if (state === 'suspect') {
    canvas.fillStyle = ink.panel
    canvas.fillRect(from, y - 3, to - from, 6)
    canvas.strokeRect(from + 0.5, y - 2.5, Math.max(1, to - from - 1), 5)
  } else if (state === 'backoff') {
    for (let dot = from; dot < to; dot += 4) canvas.fillRect(dot, y - 1, 2, 2)
  } else if (state === 'failed') {
    for (let dash = from; dash < to; dash += 6) canvas.fillRect(dash, y - 1, Math.min(4, to - dash), 2)
  } else if (tone === 'rest' || tone === 'ink3') {
    canvas.fillRect(from, y - 0.5, to - from, 1)
  } else {
    canvas.globalAlpha = tone === 'good' ? 0.75 : 1
    canvas.fillRect(from, y - 2, to - from, 4)
    canvas.globalAlpha = 1
  }
}
