/** Owns what the list of lines holds: lines of all generations in their order, rules between them, and what is said of dropped ones. */
import type { LogFrame } from '../../frames.ts'

export type LogRow =
  | { kind: 'line'; key: string; frame: LogFrame }
  | { kind: 'rule'; key: string; text: string }
  | { kind: 'dropped'; key: string; count: number }

/** @param lines of one actor or several, in any order */
export function logRows(lines: readonly LogFrame[], search: string): LogRow[] {
  const wanted = search.toLowerCase()
  const rows: LogRow[] = []
  let generation: string | undefined
  for (const frame of [...lines].sort((a, b) => a.at - b.at || a.n - b.n)) {
    const key = `${frame.sessionId} ${frame.n}`
    if (frame.dropped && wanted === '') rows.push({ kind: 'dropped', key: `${key} dropped`, count: frame.dropped })
    if (wanted !== '' && !frame.text.toLowerCase().includes(wanted) && frame.stream !== wanted) continue
    if (frame.generation !== generation) {
      generation = frame.generation
      rows.push({ kind: 'rule', key: `${key} rule`, text: generation })
    }
    rows.push({ kind: 'line', key, frame })
  }
  return rows
}

/** Whether a line is one that is looked for when something went wrong. */
export function isErrorLine({ stream, level, text }: LogFrame): boolean {
  return level === 'error' || level === 'critical' || (stream === 'err' && /error|exception|traceback/i.test(text))
}
