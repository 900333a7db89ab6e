/**
 * Owns runs whose stream ends before they do: a person is asked, the client is told so and hangs up, and comes back with the
 * answer in a request of its own. How a protocol says so is its own.
 *
 * 1. A client that leaves ends its run; one that was told to come back does not. It has until the approval expires.
 * 2. A run that waits is read no further: it keeps its place and its deadline, and its events are held back.
 */
import type { FastifyReply } from 'fastify'
import { AxonError } from '../../errors.ts'
import type { RunRequest, RunStreamEvent } from '../../protocol/run.ts'
import type { Front } from '../front.ts'
import { runHeader } from '../routes/agents.ts'
import type { Caller } from '../tokens.ts'

/** What a protocol says of one run, in pieces of text; an empty piece says nothing. */
export interface Telling {
  /** Of an event of the run. */
  said(event: RunStreamEvent): string
  /** The end of this stream, where nothing goes on until a person has answered. */
  pause(): string | undefined
  /** The beginning of the next stream. */
  goOn(answers: readonly ToolAnswer[]): string
  /** The end of a stream that broke off. */
  broken(error: unknown): string
}

/** What a person has said of a tool call. */
export interface ToolAnswer {
  run: string
  id: string
  isApproved: boolean
  message?: string | undefined
}

export interface Ongoing<T extends Telling> {
  run: string
  agent: string
  telling: T
  events: AsyncIterator<RunStreamEvent>
  settled: Promise<void>
  leaving: AbortController
  /** What it goes on with, where it was paused. */
  answers?: readonly ToolAnswer[]
}

/** What a client wants: a run, or the rest of one. */
export type Asked =
  /** `superseded`: runs that wait for answers that will not come, or did. */
  { request: RunRequest; superseded: readonly string[] } | { answers: readonly [ToolAnswer, ...ToolAnswer[]] }

export class PausedRuns<T extends Telling> {
  readonly #front: Front
  readonly #paused = new Map<string, Ongoing<T>>()

  constructor(front: Front) {
    this.#front = front
  }

  /**
   * Begins a run, or tells one what was answered and goes on with it.
   * @throws what `AgentHandle.stream` throws, GATEWAY_CLOSING, RUN_UNKNOWN, TOOL_APPROVAL_UNKNOWN
   */
  async open(caller: Caller, agent: string, asked: Asked, begin: () => T): Promise<Ongoing<T>> {
    if ('answers' in asked) return await this.#goOn(caller, agent, asked.answers)
    // What does not wait, or is somebody else's, stays as it is.
    for (const run of asked.superseded)
      if (this.#paused.has(run)) await this.#front.runs.cancel(caller, run).catch(() => {})
    const leaving = new AbortController()
    const stream = this.#front.runs.stream(caller, agent, asked.request, { signal: leaving.signal })
    const { id: run, settled } = stream
    return { run, agent, telling: begin(), events: stream[Symbol.asyncIterator](), settled, leaving }
  }

  /** Sends what is said until the run ends, or a person is asked. A client that leaves before ends the run. */
  async answer(reply: FastifyReply, run: Ongoing<T>, headers?: Record<string, string>): Promise<FastifyReply> {
    const pieces = this.#pieces(run, this.#front.gone(reply))
    const broken = (error: unknown) => run.telling.broken(error)
    await this.#front.send(reply, pieces, broken, { ...headers, [runHeader]: run.run })
    return reply
  }

  async *#pieces(ongoing: Ongoing<T>, gone: AbortSignal): AsyncGenerator<string, void> {
    const { telling, events, leaving, answers } = ongoing
    const leave = () => leaving.abort(gone.reason)
    gone.addEventListener('abort', leave, { once: true })
    if (gone.aborted) leave()
    let isPaused = false
    try {
      if (answers !== undefined) yield telling.goOn(answers)
      for (;;) {
        const pause = telling.pause()
        if (pause !== undefined) {
          isPaused = true
          this.#keep(ongoing)
          yield pause
          return
        }
        const next = await events.next()
        if (next.done) return
        const text = telling.said(next.value)
        if (text !== '') yield text
      }
    } finally {
      gone.removeEventListener('abort', leave)
      if (!isPaused) await events.return?.()
    }
  }

  async #goOn(caller: Caller, agent: string, answers: readonly [ToolAnswer, ...ToolAnswer[]]): Promise<Ongoing<T>> {
    const [{ run }] = answers
    await this.#front.runs.find(caller, run)
    const ongoing = this.#paused.get(run)
    if (ongoing?.agent !== agent || answers.some((answer) => answer.run !== run)) throw notPaused(run)
    const { runs } = this.#front.axon
    for (const { id, isApproved, message } of answers)
      if (isApproved) runs.approve(run, id)
      else runs.deny(run, id, { message })
    this.#paused.delete(run)
    return { ...ongoing, answers }
  }

  /** Approvals expire by their own clock: the time that is told to people jumps when somebody sets it. */
  #keep(ongoing: Ongoing<T>): void {
    const { run, settled, leaving } = ongoing
    const { axon } = this.#front
    const isHere = () => this.#paused.get(run) === ongoing
    const late = () => leaving.abort(new Error('Nobody has answered in time.'))
    const off = axon.on('tool.denied', (denied) => {
      if (denied.run === run && denied.why === 'expired' && isHere()) late()
    })
    this.#paused.set(run, ongoing)
    if (!axon.runs.approvals().some((waiting) => waiting.run === run)) late()
    void settled.then(() => {
      off()
      if (isHere()) this.#paused.delete(run)
    })
  }
}

/** Names an approval for the client: what comes back says which run it belongs to. */
export function approvalIdOf(run: string, id: string): string {
  return `${run}:${id}`
}

/** What is none of ours names no run that there is. */
export function readApprovalId(given: string): { run: string; id: string } {
  const [run = '', ...id] = given.split(':')
  return { run, id: id.join(':') }
}

function notPaused(run: string): AxonError {
  const message = `Run ${JSON.stringify(run)} of this agent does not wait for you. It is over, or goes on already.`
  return new AxonError('RUN_UNKNOWN', message)
}
