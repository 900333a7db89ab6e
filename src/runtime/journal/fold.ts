/**
 * Owns the sum of many writes: what they come to for each run, so that one that began and ended among them is written once.
 */
import type { BeginWrite, EventWrite, MarkWrite, SettleWrite, Write } from './messages.ts'

/** What was written of one run. `mark` and `settle` are the last of their kind, `events` all of them. */
export interface Folded {
  key: number
  begin: BeginWrite | undefined
  mark: MarkWrite | undefined
  settle: SettleWrite | undefined
  events: EventWrite[]
}

/** In the order in which the runs are first spoken of. */
export function fold(writes: readonly Write[]): Iterable<Folded> {
  const runs = new Map<number, Folded>()
  for (const write of writes) {
    let run = runs.get(write[1])
    if (run === undefined) {
      run = { key: write[1], begin: undefined, mark: undefined, settle: undefined, events: [] }
      runs.set(write[1], run)
    }
    if (write[0] === 'begin') run.begin = write
    else if (write[0] === 'mark') run.mark = write
    else if (write[0] === 'settle') run.settle = write
    else run.events.push(write)
  }
  return runs.values()
}
