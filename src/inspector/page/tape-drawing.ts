/** Owns how the tape is drawn on its canvas. */
import { secondOf } from './format.ts'
import { barMs, type Lifelines } from './lifelines.ts'
import type { Ink } from './strip.ts'

export interface TapePicture {
  width: number
  height: number
  axis: { from: number; to: number }
  /** Where the playhead stands, in milliseconds since 1970. */
  head: number
  lifelines: Lifelines
  ink: Ink
  font: string
}

const footPx = 18
const topPx = 10

export function drawTape(canvas: CanvasRenderingContext2D, picture: TapePicture): void {
  const { width, height, axis, head, ink } = picture
  canvas.clearRect(0, 0, width, height)
  const floor = height - footPx
  const place = (at: number) => ((at - axis.from) / (axis.to - axis.from)) * width
  drawGaps(canvas, picture, place, floor)
  drawBars(canvas, picture, place, floor)
  drawTimes(canvas, picture, place, floor)
  canvas.strokeStyle = ink.bad
  canvas.fillStyle = ink.bad
  canvas.lineWidth = 2
  for (const { at } of picture.lifelines.crashes) {
    if (at < axis.from || at > axis.to) continue
    const x = Math.min(width - 5, Math.max(5, Math.round(place(at))))
    canvas.fillRect(x - 0.75, topPx, 1.5, floor - topPx)
    canvas.beginPath()
    canvas.moveTo(x - 3.5, 3)
    canvas.lineTo(x + 3.5, 10)
    canvas.moveTo(x + 3.5, 3)
    canvas.lineTo(x - 3.5, 10)
    canvas.stroke()
  }
  const x = Math.min(width - 6, Math.max(6, Math.round(place(head))))
  canvas.fillStyle = ink.ink
  canvas.fillRect(x - 1, 0, 2, floor + 3)
  canvas.beginPath()
  canvas.moveTo(x - 6, 0)
  canvas.lineTo(x + 6, 0)
  canvas.lineTo(x, 8)
  canvas.fill()
}

function drawBars(
  canvas: CanvasRenderingContext2D,
  { width, axis, lifelines, ink }: TapePicture,
  place: (at: number) => number,
  floor: number,
) {
  // Bars of whole seconds, as many to one as keep it 4 px wide.
  const seconds = (axis.to - axis.from) / barMs
  const each = Math.max(1, Math.ceil((seconds * 4) / width))
  const begin = Math.floor(axis.from / barMs / each) * each
  const end = Math.ceil(axis.to / barMs)
  const sums: number[] = []
  for (let bar = begin; bar < end; bar += each) {
    let sum = 0
    for (let i = 0; i < each; i++) sum += lifelines.bar(bar + i)
    sums.push(sum)
  }
  const top = Math.max(8, ...sums)
  canvas.fillStyle = ink.ink3
  canvas.globalAlpha = 0.55
  sums.forEach((sum, i) => {
    if (sum === 0) return
    const from = place((begin + i * each) * barMs)
    const to = place((begin + (i + 1) * each) * barMs)
    const high = Math.max(1.5, (sum / top) * (floor - topPx - 16))
    canvas.fillRect(from + 0.5, floor - high, Math.max(1, to - from - 1.2), high)
  })
  canvas.globalAlpha = 1
}

function drawTimes(
  canvas: CanvasRenderingContext2D,
  { width, axis, ink, font }: TapePicture,
  place: (at: number) => number,
  floor: number,
) {
  canvas.fillStyle = ink.ink3
  canvas.font = font
  canvas.textBaseline = 'middle'
  const step = width < 380 ? 120_000 : 60_000
  for (let at = Math.ceil(axis.from / step) * step; at < axis.to; at += step) {
    const x = Math.round(place(at))
    canvas.fillRect(x, floor, 1, 6)
    if (x + 60 < width) canvas.fillText(secondOf(at), x + 4, floor + footPx / 2 + 1)
  }
}

function drawGaps(
  canvas: CanvasRenderingContext2D,
  { width, axis, lifelines, ink }: TapePicture,
  place: (at: number) => number,
  floor: number,
) {
  canvas.strokeStyle = ink.ink3
  canvas.lineWidth = 1
  for (const gap of lifelines.gaps) {
    if (gap.toAt < axis.from || gap.fromAt > axis.to) continue
    const from = Math.max(0, place(gap.fromAt))
    const to = Math.min(width, Math.max(place(gap.toAt), from + 8))
    canvas.save()
    canvas.beginPath()
    canvas.rect(from, topPx, to - from, floor - topPx)
    canvas.clip()
    canvas.beginPath()
    for (let x = from - floor; x < to; x += 5) {
      canvas.moveTo(x, floor)
      canvas.lineTo(x + floor, 0)
    }
    canvas.stroke()
    canvas.restore()
  }
}
