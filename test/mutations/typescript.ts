/** The guards of src/, and what switches each off. */
import type { Mutation } from './table.ts'

const refusals =
  'gateway/guards.test.ts › whatever is wrong with a request is refused as the table of docs/gateway.md says, in one shape, and the gateway goes on'

export const typescript: readonly Mutation[] = [
  {
    id: 'host',
    guard: 'the Host of a request is one of this server',
    edits: [
      {
        file: 'src/runtime/serving/hosts.ts',
        find: ` || !hosts.has(headers.host?.toLowerCase() ?? '')`,
        replace: '',
      },
    ],
    tests: [refusals],
  },
  {
    id: 'origin',
    guard: 'pages of elsewhere may not call',
    edits: [
      {
        file: 'src/runtime/serving/hosts.ts',
        find: 'headers.origin === undefined || isOwnOrigin(headers.origin, headers.host)',
        replace: 'headers.host !== undefined',
      },
    ],
    tests: [refusals],
  },
  {
    id: 'gateway-token',
    guard: 'the gateway asks for a token',
    edits: [
      {
        file: 'src/gateway/tokens.ts',
        find: 'if (caller === undefined) throw unauthorized()',
        replace: 'if (caller === undefined) return anybody',
      },
    ],
    tests: [refusals],
  },
  {
    id: 'role',
    guard: 'a token does only what its roles say',
    edits: [
      {
        file: 'src/gateway/guards.ts',
        find: 'oneOf.some((role) => caller.roles.has(role))',
        replace: 'oneOf.length > 0',
      },
    ],
    tests: [
      'gateway/guards.test.ts › every role does what it is for and no more, and an agent that is not allowed is not told',
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
  {
    id: 'generation',
    guard: 'what an earlier process says changes nothing',
    edits: [
      {
        file: 'src/machines/agent-parts.ts',
        find: " && 'generation' in event && event.generation === generationOf(context)",
        replace: " && 'generation' in event",
      },
    ],
    tests: [
      'machines/agent-liveness.test.ts › that are of another generation do not make it ready again',
      'machines/agent.property.test.ts › for any sequence of commands, answers, exits and waits a replica lives as the model of the design does',
    ],
  },
  {
    id: 'intensity',
    guard: 'an agent that crashes again and again is given up',
    edits: [
      {
        file: 'src/machines/restart-policy.ts',
        find: 'restarts.length > policy.maxRestarts',
        replace: 'restarts.length < 0',
      },
    ],
    tests: [
      'e2e/crashes.test.ts › a crash loop goes through backoff to failed; runs are refused there; agent.start brings it back once mended',
    ],
  },
  {
    id: 'nonce',
    guard: 'only the process that was started may connect in its name',
    edits: [{ file: 'src/runtime/process/listener.ts', find: ' || expectation.nonce !== nonce', replace: '' }],
    tests: ['runtime/process/listener.test.ts › who says %s is closed, is told nothing, and learns nothing'],
  },
  {
    id: 'nonce-once',
    guard: 'a nonce lets each stream in once',
    edits: [
      {
        file: 'src/runtime/process/listener.ts',
        find: '!expectation.open.delete(stream)',
        replace: '!expectation.open.has(stream)',
      },
    ],
    tests: [
      'runtime/process/listener.test.ts › each of the three streams is let in once',
      'runtime/process/listener.test.ts › a nonce that was used is refused, while its other streams stay open to their owner',
    ],
  },
  {
    id: 'frame-length',
    guard: 'a frame has a greatest length',
    edits: [
      { file: 'src/runtime/process/frames.ts', find: 'this.#bytes >= this.#maxBytes', replace: 'this.#bytes < 0' },
    ],
    tests: ['runtime/process/frames.test.ts › a frame is as long as 1 MiB with its newline, and no longer'],
  },
  {
    id: 'sandbox-first',
    guard: 'a process that has not entered its sandbox serves nobody',
    edits: [
      {
        file: 'src/runtime/process/port.ts',
        find: 'this.#input.definition.permissions && !this.#sandboxed',
        replace: 'this.#input.definition.permissions === null',
      },
    ],
    tests: [
      'runtime/process/port.test.ts › a process that is ready without the sandbox it was to enter has violated the protocol and serves nobody',
    ],
  },
  {
    id: 'sigkill',
    guard: 'a process that ignores the polite signal is killed',
    edits: [
      {
        file: 'src/runtime/process/port.ts',
        find: "    this.#after(graceMs, () => this.#signal('SIGKILL'))\n",
        replace: '    void graceMs\n',
      },
    ],
    tests: [
      'runtime/process/port.test.ts › a process that ignores the polite signal is killed when the grace is over, not before',
    ],
  },
  {
    id: 'start-time',
    guard: 'a process id that names another process by now is not signalled',
    edits: [{ file: 'src/runtime/process/marked.ts', find: 'startTimeOf(pid) === startTime && ', replace: '' }],
    tests: [
      'runtime/process/marked-identity.test.ts › a process id that was given to another process before the signal is not signalled',
    ],
  },
]
