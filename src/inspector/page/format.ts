/** Owns how numbers and times read. What is not known is `–`, never 0. Durations go in as milliseconds, memory as bytes. */

const none = '–'
type Maybe = number | null | undefined

const grouped = new Intl.NumberFormat('en')
const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' })

/** `8,214`. */
export function count(value: Maybe): string {
  return value == null ? none : grouped.format(value)
}

/** `840 ms`, `1.92 s`, `42.6 s`, `4 m 12 s`, `2 h 11 m`, `3 d 4 h`. */
export function duration(ms: Maybe): string {
  const [number, unit] = durationParts(ms)
  return unit === '' ? number : `${number} ${unit}`
}

/** The same as number and unit, for figures that set the unit smaller. */
export function durationParts(ms: Maybe): [string, string] {
  if (ms == null || Number.isNaN(ms)) return [none, '']
  const abs = Math.abs(ms)
  if (Math.round(abs) < 1000) return [String(Math.round(ms)), 'ms']
  if (abs < 9_995) return [(ms / 1000).toFixed(2), 's']
  if (abs < 59_950) return [(ms / 1000).toFixed(1), 's']
  const seconds = Math.round(ms / 1000)
  if (seconds < 3600) return [`${Math.floor(seconds / 60)} m ${seconds % 60}`, 's']
  if (seconds < 86_400) return [`${Math.floor(seconds / 3600)} h ${Math.floor((seconds % 3600) / 60)}`, 'm']
  return [`${Math.floor(seconds / 86_400)} d ${Math.floor((seconds % 86_400) / 3600)}`, 'h']
}

/** `3.4 s`: of what counts down, so that its width stays. */
export function countdown(ms: number): string {
  const left = Math.max(0, ms)
  return left < 59_950 ? `${(left / 1000).toFixed(1)} s` : duration(left)
}

/** Of 10^6 bytes, without the unit: `64`, `0.4`. */
export function megabytes(bytes: Maybe): string {
  if (bytes == null) return none
  const value = bytes / 1e6
  return value > 0 && value < 9.95 ? value.toFixed(1) : grouped.format(Math.round(value))
}

/** `0.4`, of a ratio, without the sign. */
export function percent(ratio: Maybe): string {
  if (ratio == null) return none
  const value = ratio * 100
  return value > 0 && value < 9.95 ? value.toFixed(1) : String(Math.round(value))
}

/** `42.1`, `1,204`. */
export function rate(perSecond: Maybe): string {
  if (perSecond == null) return none
  return perSecond > 0 && perSecond < 99.95 ? perSecond.toFixed(1) : grouped.format(Math.round(perSecond))
}

/** Local time, to the millisecond: `12:04:28.117`. */
export function timeOf(at: Maybe): string {
  if (at == null) return none
  return `${secondOf(at)}.${String(Math.floor(at) % 1000).padStart(3, '0')}`
}

/** Local time, to the second: `12:04:28`. */
export function secondOf(at: Maybe): string {
  return at == null ? none : clock.format(at)
}

/** `1 event`, `312 events`. */
export function plural(value: number, noun: string, nouns = `${noun}s`): string {
  return `${grouped.format(value)} ${value === 1 ? noun : nouns}`
}

/** `6`, of a generation that is told as `6` or as `research/1#6`. */
export function generationNumber(generation: string): string {
  return generation.slice(generation.lastIndexOf('#') + 1)
}
