/**
 * Owns the streamed runs of a system: how their events go from the transport to whoever reads them, and which of them can be
 * resumed. The run itself is run.ts.
 */
import * as z from 'zod'
import { AxonError } from '../../errors.ts'
import type { RunSlots } from '../../machines/slots.ts'
import type { RunResponse, RunStreamEvent } from '../../protocol/run.ts'
import type { Clock } from '../clock.ts'
import { EventLog } from './event-log.ts'
import { EventQueue, type EventSink } from './event-queue.ts'
import type { Run } from './run.ts'
import type { RunOptions } from './run-options.ts'
import type { Execute } from './run-spec.ts'
import { RunStream, type StreamedRun } from './run-stream.ts'

const counted = (most: number) => z.int('is no whole number').positive('is not above 0').max(most, `is above ${most}`)

const resumable = z.union([
  z.boolean(),
  z.strictObject({
    /** How long its events are kept after its end, in milliseconds. Default 30 000. */
    resumeMs: counted(2 ** 31 - 1).default(30_000),
    /** How many of its last events are kept. Default 10 000. */
    events: counted(10_000_000).default(10_000),
    /** How much memory they may take, in bytes, about. Default 8 MiB. */
    bytes: counted(2 ** 31).default(8 * 2 ** 20),
  }),
])

export interface StreamOptions extends RunOptions {
  /**
   * The run goes on when its reader has left, its last events are kept, and `resume()` reads them from any place. Nobody who
   * reads slowly holds it back: whoever falls behind what is kept gets `RUN_EVENTS_LOST`. Default: false.
   */
  resumable?: z.input<typeof resumable> | undefined
}

export interface ResumeOptions {
  /** Id of the last event that was read. Default 0: from the first. */
  after?: number | undefined
}

/** Makes the run, given what executes it. */
export type Submit = (execute: (self: () => Run) => Execute) => Run
/** A stream of what the journal has of a run after the event of that id. */
export type Replay = (agent: string, run: string, after: number) => RunStream
/** Sees the events of all streamed runs. It must not throw. */
export type StreamWatcher = (agent: string, run: string, event: RunStreamEvent) => void
/** Called with the answer before anybody else has it. */
export type Keep = (response: RunResponse, run: string) => Promise<void>

interface Resumable {
  agent: string
  run: StreamedRun
  log: EventLog
  /** Armed at its end. */
  timer?: unknown
}

export class Streams {
  readonly #clock: Clock
  readonly #transport: RunSlots
  readonly #replay: Replay | undefined
  /** By run. */
  readonly #resumable = new Map<string, Resumable>()
  readonly #watchers = new Set<StreamWatcher>()

  /** @param replay where there is a journal: it has an answer before the caller does, and what is kept here no more */
  constructor(clock: Clock, transport: RunSlots, replay: Replay | undefined) {
    this.#clock = clock
    this.#transport = transport
    this.#replay = replay
  }

  /** @throws AxonError RUN_REQUEST_INVALID, and whatever `submit` throws */
  open(agent: string, options: StreamOptions['resumable'], submit: Submit, keep?: Keep): RunStream {
    if (options) return this.#openResumable(agent, options, submit, keep)
    const queue = new EventQueue()
    const run = submit((self) => this.#pump(self, queue))
    void run.settled.then(() => queue.end())
    return new RunStream(keptBy(run, keep), queue)
  }

  /** @throws AxonError RUN_UNKNOWN, RUN_REQUEST_INVALID */
  resume(agent: string, id: string, { after = 0 }: ResumeOptions = {}): RunStream {
    if (!Number.isSafeInteger(after) || after < 0) {
      const message = `Run ${id} of ${agent} cannot be resumed after ${String(after)}: it is not the id of an event.`
      throw new AxonError('RUN_REQUEST_INVALID', message, { agent })
    }
    const found = this.#resumable.get(id)
    if (found?.agent === agent) return new RunStream(found.run, found.log.from(after))
    if (found === undefined && this.#replay) return this.#replay(agent, id, after)
    const message = `There is no run ${JSON.stringify(id)} of ${agent} that can be resumed: it was not started with resumable, or is over for longer than its resumeMs.`
    throw new AxonError('RUN_UNKNOWN', message, { agent, context: { run: id } })
  }

  /** The answer ends it. */
  watch(watcher: StreamWatcher): () => void {
    this.#watchers.add(watcher)
    return () => this.#watchers.delete(watcher)
  }

  /** Nothing can be resumed any more. */
  close(): void {
    for (const { timer } of this.#resumable.values()) this.#clock.clearTimeout(timer)
    this.#resumable.clear()
  }

  #openResumable(agent: string, options: StreamOptions['resumable'], submit: Submit, keep?: Keep): RunStream {
    const parsed = resumable.safeParse(options === true ? {} : options)
    if (!parsed.success || typeof parsed.data === 'boolean') {
      const message = `The options of a run of ${agent} are not valid: resumable is neither a boolean nor { resumeMs?, events?, bytes? } of whole numbers above 0.`
      throw new AxonError('RUN_REQUEST_INVALID', message, { agent, cause: parsed.error })
    }
    const { resumeMs, ...bounds } = parsed.data
    const log = new EventLog({ agent, ...bounds })
    const run = submit((self) => this.#pump(self, log))
    log.run = run.id
    const { record } = run
    log.onEvent = record && ((event) => record.told(event))
    return this.#keep(agent, keptBy(run, keep), run.settled, log, resumeMs)
  }

  #keep(agent: string, run: StreamedRun, settled: Promise<void>, log: EventLog, resumeMs: number): RunStream {
    const { id } = run
    // An id is free again after its run: who resumes it gets the newer.
    this.#clock.clearTimeout(this.#resumable.get(id)?.timer)
    const entry: Resumable = { agent, run, log }
    this.#resumable.set(id, entry)
    void settled.then(() => {
      log.end()
      if (this.#resumable.get(id) !== entry) return
      // The request and whatever else the run holds is not kept with its events.
      entry.run = { id, result: run.result, cancel() {} }
      entry.timer = this.#clock.setTimeout(() => this.#resumable.delete(id), resumeMs)
    })
    return new RunStream(run, log.from(0))
  }

  #pump(self: () => Run, sink: EventSink): Execute {
    return async (call, signal) => {
      let response: RunResponse | undefined
      let hasTold = false
      for await (const event of this.#transport.httpStream(call, signal)) {
        for (const watch of this.#watchers) watch(self().agent, self().id, event)
        if (event.event === 'run.started') self().streaming()
        else if (!hasTold) {
          hasTold = true
          self().told()
        }
        if (event.event === 'run.result' && this.#replay) {
          response = event.data
          self()
            .result.then(() => sink.push(event))
            .catch(() => {})
          continue
        }
        const room = sink.push(event)
        // The answer is there: the run does not wait for a reader any more.
        if (event.event === 'run.result') response = event.data
        else if (room !== undefined) await room
      }
      if (response) return response
      throw new AxonError('INTERNAL_ERROR', 'A stream ended without a result.')
    }
  }
}

function keptBy(run: Run, keep: Keep | undefined): StreamedRun {
  if (keep === undefined) return run
  const result = run.result.then(async (response) => {
    await keep(response, run.id)
    return response
  })
  // Whoever asks for it gets the error; that nobody does is no fault.
  result.catch(() => {})
  return { id: run.id, result, cancel: (reason) => run.cancel(reason) }
}
