/** The guards of Node around its processes, and what switches each off. */
import type { Mutation } from './table.ts'

export const processes: readonly Mutation[] = [
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
    id: 'living-systems',
    guard: 'nothing of a living system is swept',
    edits: [{ file: 'src/runtime/state/sweep.ts', find: 'if (isAlive(owner, 0)) return', replace: '' }],
    tests: ['runtime/state/sweep.test.ts › a living system is left alone, whatever its record says'],
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
