/**
 * Owns the runs that callers have started through the gateway: whose they are, what is known of them, and how they are read
 * again. The run itself is the runtime's.
 *
 * 1. A run is visible to its owner, and to operators; to others it is not there.
 * 2. The owner is told by the run's id, so that it is known after a restart too, where a journal has the run.
 * 3. A run in the background belongs to no connection: it goes on when everybody has left.
 */
import { createHash } from 'node:crypto'
import { AxonError, type ErrorCode, isAxonError, RunError, toAxonError } from '../errors.ts'
import type { RunRequest, RunResponse } from '../protocol/run.ts'
import type { Axon } from '../runtime/axon.ts'
import type { JournaledRun } from '../runtime/journal/lookup.ts'
import { outcomeOf } from '../runtime/runs/run-errors.ts'
import { orderedId } from '../runtime/runs/run-id.ts'
import type { RunStream } from '../runtime/runs/run-stream.ts'
import { mayUse } from './guards.ts'
import type { GatewaySettings } from './options.ts'
import type { Caller } from './tokens.ts'

/** Of the events of one background run; the oldest go first. */
const maxEventBytes = 2 ** 20

export type RunStatus = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled' | 'timed_out' | 'interrupted'

/** What is known of a run. */
export interface RunRecord {
  readonly id: string
  readonly agent: string
  status: RunStatus
  attempt: number
  /** Undefined where it is not known, or not yet. */
  started: boolean | undefined
  /** Milliseconds since 1970. */
  readonly createdAt: number
  finishedAt?: number
  response?: RunResponse
  error?: AxonError
}

interface KeyedRun {
  run: string
  fingerprint: string
}

export interface CallOptions {
  /** Ends it: the client has gone. */
  signal?: AbortSignal | undefined
  /** Calls of one caller and agent with the same key and body are one run. */
  key?: string | undefined
}

export class GatewayRuns {
  readonly #axon: Axon
  readonly #settings: GatewaySettings
  /** Those that are under way, and those in the background until they are forgotten: the oldest first. */
  readonly #records = new Map<string, RunRecord>()
  readonly #underWay = new Set<string>()
  readonly #timers = new Map<string, NodeJS.Timeout>()
  readonly #keys = new Map<string, KeyedRun>()
  readonly #ends = new WeakMap<RunRecord, Promise<void>>()
  /** The key of a run that has one. */
  readonly #keyOf = new Map<string, string>()
  readonly #offs: (() => void)[]
  #idle: PromiseWithResolvers<void> | undefined
  #isClosing = false

  constructor(axon: Axon, settings: GatewaySettings) {
    this.#axon = axon
    this.#settings = settings
    this.#offs = [
      axon.on('run.started', ({ run }) => {
        const record = this.#records.get(run)
        if (record && this.#underWay.has(run)) Object.assign(record, { status: 'running', started: true })
      }),
      axon.on('run.requeued', ({ run, attempt }) => {
        const record = this.#records.get(run)
        if (record) Object.assign(record, { status: 'queued', attempt })
      }),
    ]
  }

  /** Runs an agent once. @throws what `AgentHandle.run` throws, GATEWAY_CLOSING */
  async run(
    caller: Caller,
    agent: string,
    request: RunRequest,
    { signal, key }: CallOptions = {},
  ): Promise<RunResponse> {
    this.#demandOpen()
    const handle = this.#axon.agent(agent)
    const id = newId(caller)
    const idempotencyKey = key === undefined ? undefined : digest([caller.tag, key])
    const record = this.#begin(id, agent)
    const answer = handle.run(request, { run: id, signal, idempotencyKey, trace: caller.trace })
    this.#follow(record, answer, false)
    return await answer
  }

  /** Runs an agent once, for one reader: leaving its loop ends it. @throws what `AgentHandle.stream` throws, GATEWAY_CLOSING */
  stream(caller: Caller, agent: string, request: RunRequest, { signal }: Omit<CallOptions, 'key'> = {}): RunStream {
    this.#demandOpen()
    const id = newId(caller)
    const stream = this.#axon.agent(agent).stream(request, { run: id, signal, trace: caller.trace })
    void this.#followStream(this.#begin(id, agent), stream)
    return stream
  }

  /**
   * Starts a run that belongs to no connection, or finds the one of that key.
   * @throws what `AgentHandle.stream` throws, RUN_KEY_REUSED, RUN_REJECTED where too many are kept, GATEWAY_CLOSING
   */
  start(caller: Caller, agent: string, request: RunRequest, { key }: Pick<CallOptions, 'key'> = {}): RunRecord {
    this.#demandOpen()
    const known = key === undefined ? undefined : digest([caller.tag, agent, key])
    const fingerprint = known === undefined ? '' : digest(request)
    const earlier = known === undefined ? undefined : this.#keys.get(known)
    if (earlier !== undefined) {
      const record = this.#records.get(earlier.run)
      if (earlier.fingerprint !== fingerprint) throw reused(agent, earlier.run)
      if (record !== undefined) return record
    }
    this.#makeRoom(agent)
    const id = newId(caller)
    const resumable = { resumeMs: this.#settings.keepRunsMs, bytes: maxEventBytes }
    const { result } = this.#axon.agent(agent).stream(request, { run: id, resumable, trace: caller.trace })
    const record = this.#begin(id, agent)
    if (known !== undefined) {
      this.#keys.set(known, { run: id, fingerprint })
      this.#keyOf.set(id, known)
    }
    this.#follow(record, result, true)
    return record
  }

  /** Another reader of a run in the background. @throws AxonError RUN_UNKNOWN, also into the loop */
  async events(caller: Caller, id: string, after: number): Promise<RunStream> {
    const { agent } = await this.find(caller, id)
    return this.#axon.agent(agent).resume(id, { after })
  }

  /** @throws AxonError RUN_UNKNOWN where there is none, or none that this caller may see */
  async find(caller: Caller, id: string): Promise<RunRecord> {
    const isVisible = id.startsWith(`${caller.tag}-`) || caller.roles.has('operate')
    const record = isVisible ? (this.#records.get(id) ?? (await this.#journaled(id))) : undefined
    if (record !== undefined && mayUse(caller, record.agent)) return record
    throw new AxonError('RUN_UNKNOWN', `There is no run ${JSON.stringify(id)} of yours, or none any more.`)
  }

  /** Runs of this caller with this agent that are kept here, the oldest first. */
  list(caller: Caller, agent: string): RunRecord[] {
    return [...this.#records.values()].filter((run) => run.agent === agent && run.id.startsWith(`${caller.tag}-`))
  }

  /** Resolves when the record of a run that was started here says how it ended. */
  async settled(record: RunRecord): Promise<void> {
    await this.#ends.get(record)
  }

  /** Ends a run, where it has not ended. @throws AxonError RUN_UNKNOWN */
  async cancel(caller: Caller, id: string): Promise<RunRecord> {
    const record = await this.find(caller, id)
    if (record.finishedAt === undefined) this.#axon.actor.send({ type: 'run.cancel', run: id })
    return record
  }

  /** Answers a tool call that waits for a person. @throws AxonError RUN_UNKNOWN, TOOL_APPROVAL_UNKNOWN */
  async answerTool(caller: Caller, run: string, id: string, approved: boolean, message?: string): Promise<void> {
    await this.find(caller, run)
    if (approved) this.#axon.runs.approve(run, id)
    else this.#axon.runs.deny(run, id, { message })
  }

  /** No run is started any more. Resolves when none is under way. */
  async drained(): Promise<void> {
    this.#isClosing = true
    if (this.#underWay.size === 0) return
    this.#idle ??= Promise.withResolvers<void>()
    await this.#idle.promise
  }

  /** Ends what is under way, and forgets all. */
  close(): void {
    this.#isClosing = true
    for (const off of this.#offs) off()
    for (const run of this.#underWay) this.#axon.actor.send({ type: 'run.cancel', run })
    for (const timer of this.#timers.values()) clearTimeout(timer)
    this.#records.clear()
    this.#keys.clear()
    this.#keyOf.clear()
  }

  #begin(id: string, agent: string): RunRecord {
    const record: RunRecord = {
      id,
      agent,
      status: 'queued',
      attempt: 1,
      started: undefined,
      createdAt: Date.now(),
    }
    this.#records.set(id, record)
    this.#underWay.add(id)
    return record
  }

  #follow(record: RunRecord, answer: Promise<RunResponse>, isKept: boolean): void {
    const end = (change: Partial<RunRecord>) => {
      Object.assign(record, change, { finishedAt: Date.now() })
      this.#end(record.id, isKept)
    }
    const ended = answer.then(
      (response) => end({ status: 'succeeded', started: true, ...(isKept && { response }) }),
      (given) => {
        const error = toAxonError(given)
        const { started, attempt } = error instanceof RunError ? error : record
        end({ status: outcomeOf(error), started, attempt, error })
      },
    )
    this.#ends.set(record, ended)
  }

  /** Its events are left to their reader. */
  async #followStream({ id }: RunRecord, stream: RunStream): Promise<void> {
    await stream.settled
    this.#end(id, false)
  }

  #end(id: string, isKept: boolean): void {
    this.#underWay.delete(id)
    if (this.#underWay.size === 0) this.#idle?.resolve()
    if (isKept && !this.#isClosing) {
      const timer = setTimeout(() => this.#forget(id), this.#settings.keepRunsMs)
      this.#timers.set(id, timer.unref())
    } else this.#forget(id)
  }

  #forget(id: string): void {
    const key = this.#keyOf.get(id)
    this.#records.delete(id)
    clearTimeout(this.#timers.get(id))
    this.#timers.delete(id)
    this.#keyOf.delete(id)
    if (key !== undefined && this.#keys.get(key)?.run === id) this.#keys.delete(key)
  }

  /** The oldest that has ended gives way. */
  #makeRoom(agent: string): void {
    if (this.#records.size < this.#settings.maxRuns) return
    const [oldest] = this.#timers.keys()
    if (oldest !== undefined) return this.#forget(oldest)
    throw new AxonError('RUN_REJECTED', `The gateway has ${this.#settings.maxRuns} runs under way. Try again later.`, {
      agent,
    })
  }

  #demandOpen(): void {
    if (!this.#isClosing) return
    throw new AxonError('GATEWAY_CLOSING', 'The gateway is being closed and starts no more runs. Try again elsewhere.')
  }

  async #journaled(id: string): Promise<RunRecord | undefined> {
    try {
      const found = await this.#axon.runs.get(id)
      return found && recordOf(found)
    } catch (error) {
      // There is no journal.
      if (isAxonError(error) && error.code === 'CONFIG_INVALID') return undefined
      throw error
    }
  }
}

function newId({ tag }: Caller): string {
  return `${tag}-${orderedId()}`
}

function digest(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('base64url')
}

function recordOf({ run, status, error, ...found }: JournaledRun): RunRecord {
  const { agent, attempt, started } = found
  return {
    ...found,
    id: run,
    status: status === 'sent' ? 'running' : status,
    started,
    ...(error && {
      error: new RunError(error.code as ErrorCode, error.message, { ...error, run, agent, attempt, started }),
    }),
  }
}

function reused(agent: string, run: string): AxonError {
  const message = `The idempotency key belongs to run ${run} of ${agent}, whose request was another. Use a key for one request only.`
  return new AxonError('RUN_KEY_REUSED', message, { agent, context: { run } })
}
