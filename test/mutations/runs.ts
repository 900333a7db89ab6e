/** The guards of runs, and what switches each off. */
import type { Mutation } from './table.ts'

export const runs: readonly Mutation[] = [
  {
    id: 'one-key',
    guard: 'calls with one idempotency key are one run',
    edits: [
      { file: 'src/runtime/runs/keyed-runs.ts', find: 'wait(known ?? this.#share(', replace: 'wait(this.#share(' },
    ],
    tests: ['runtime/runs/keyed-runs.test.ts › a hundred calls with one key are one run, in flight and after it'],
  },
  {
    id: 'other-request',
    guard: 'a key that has another request is refused',
    edits: [
      {
        file: 'src/runtime/runs/keyed-runs.ts',
        find: 'known.fingerprint !== fingerprint',
        replace: "known.fingerprint === ''",
      },
    ],
    tests: [
      'runtime/runs/keyed-runs.test.ts › one key with another request is refused, in flight and after it, and names the run',
    ],
  },
  {
    id: 'queue',
    guard: 'the queue is bounded',
    edits: [
      {
        file: 'src/runtime/runs/lane.ts',
        find: 'this.#queue.length >= this.definition.queue && ',
        replace: 'this.#queue.length < 0 && ',
      },
    ],
    tests: [
      'runtime/runs/lane.test.ts › a run that finds the queue full is rejected at once, and says when to try again',
      'runtime/runs/lane.test.ts › a queue of 0 takes what a process can take at once, and nothing else',
    ],
  },
  {
    id: 'concurrency',
    guard: 'a process has no more runs at once than its concurrency',
    edits: [
      {
        file: 'src/runtime/runs/router.ts',
        find: '=> link.takesRuns && inFlight.size < concurrency\n    if (',
        replace: '=> link.takesRuns && inFlight.size >= 0\n    if (',
      },
    ],
    tests: ['runtime/runs/lane.test.ts › runs go to the process in their order, no more at once than concurrency'],
  },
  {
    id: 'retry-budget',
    guard: 'retries have a budget',
    edits: [{ file: 'src/runtime/runs/retry-budget.ts', find: '    else return false\n', replace: '' }],
    tests: [
      'runtime/runs/retry-budget.test.ts › without requests there are ten retries a second, those of ten seconds at most at once',
      'runtime/runs/delivery.test.ts › when the retry budget is used up the caller gets the first error, marked so',
    ],
  },
  {
    id: 'at-most-once',
    guard: 'what began, or may have begun, is not run again',
    edits: [
      {
        file: 'src/runtime/runs/failed-attempts.ts',
        find: '    if (error.started !== false && !isRepeatable) return error\n',
        replace: '',
      },
    ],
    tests: [
      'runtime/runs/run.test.ts › a receipt, then death: the run is interrupted and never sent again',
      'faults/delivery.test.ts › a process that is killed at any byte of its answer: the run had started, and is not run again',
    ],
  },
  {
    id: 'silence',
    guard: 'the silence of a process proves nothing',
    edits: [{ file: 'src/runtime/runs/fate.ts', find: "resolve('silent')", replace: "resolve('revoked')" }],
    tests: [
      'faults/delivery.test.ts › a process that is stopped says nothing: the outcome is unknown, and the run goes nowhere else',
    ],
  },
  {
    id: 'last-receipts',
    guard: 'what a dead process had said is read before its runs are judged',
    edits: [
      {
        file: 'src/runtime/process/link.ts',
        find: 'this.#isExited = true\n',
        replace: 'this.#isExited = true\n    this.#resolveGone()\n',
      },
    ],
    tests: [
      'runtime/runs/run.test.ts › a receipt that is read after the connection broke, and before the process is buried, counts',
    ],
  },
  {
    id: 'spoiled-receipts',
    guard: 'what stands behind something unreadable proves nothing by not being read',
    edits: [{ file: 'src/runtime/process/link.ts', find: 'return !this.#isSpoiled', replace: 'return true' }],
    tests: [
      'faults/delivery.test.ts › a receipt that cannot be read for what stands before it: its run may have started, and is not run again',
    ],
  },
  {
    id: 'dead-replica',
    guard: 'a process that has exited gets no runs',
    edits: [
      {
        file: 'src/runtime/process/link.ts',
        find: 'return !this.#isExited && !this.#ref',
        replace: 'return !this.#ref',
      },
    ],
    tests: [
      'runtime/runs/lane.test.ts › nothing is sent to a process whose exit was seen, though the machine has not said so yet',
    ],
  },
  {
    id: 'journal-first',
    guard: 'a run is in the journal before it is sent',
    edits: [
      {
        file: 'src/runtime/runs/run.ts',
        find: '!(await this.#isRecorded(this.spec.record))',
        replace: '!this.#isRecorded(this.spec.record)',
      },
    ],
    tests: [
      'runtime/runs/journaled.test.ts › no byte of a run is sent before it is recorded, and it is answered when its answer is',
      'runtime/runs/journaled.test.ts › a journal that is required and fails refuses runs before they are sent, those that wait too',
    ],
  },
]
