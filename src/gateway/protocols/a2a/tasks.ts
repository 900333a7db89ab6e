/**
 * Owns what A2A's methods do, for one caller and one agent: a task is a run in the background, kept and ended as such. The words
 * are messages.ts's, the JSON-RPC around them the library's.
 *
 * 1. A task belongs to no connection. Only who waits for one without knowing its id ends it by leaving.
 * 2. Tasks of one context have its history: the messages of the last that succeeded.
 */
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import type {
  CancelTaskRequest,
  GetTaskRequest,
  ListTasksRequest,
  ListTasksResponse,
  Message,
  SendMessageRequest,
  StreamResponse,
  SubscribeToTaskRequest,
  Task,
} from '@a2a-js/sdk'
import { Role, TaskState } from '@a2a-js/sdk'
import {
  ExtendedAgentCardNotConfiguredError,
  PushNotificationNotSupportedError,
  RequestMalformedError,
  TaskNotCancelableError,
  TaskNotFoundError,
  UnsupportedOperationError,
} from '@a2a-js/sdk/errors'
import type { A2ARequestHandler } from '@a2a-js/sdk/server'
import { toAxonError } from '../../../errors.ts'
import type { RunStreamEvent } from '../../../protocol/run.ts'
import type { Front } from '../../front.ts'
import type { RunRecord } from '../../runs.ts'
import { toWire } from '../../statuses.ts'
import type { Caller } from '../../tokens.ts'
import { HistoryMemory } from '../history-memory.ts'
import { requestOf, stateOf, statusOf, type TaskFacts, taskOf } from './messages.ts'
import { TaskEvents } from './task-events.ts'

/** Of all contexts together. */
const maxHistoryBytes = 64 * 2 ** 20
const maxIdLength = 1_000

/** What all callers share. */
export class TaskMemory {
  readonly histories = new HistoryMemory(maxHistoryBytes)
  readonly #facts = new WeakMap<RunRecord, TaskFacts>()

  keep(record: RunRecord, facts: TaskFacts): void {
    this.#facts.set(record, facts)
  }

  /** Undefined of what is no task, or was one before Node began anew. */
  facts(record: RunRecord): TaskFacts | undefined {
    return this.#facts.get(record)
  }
}

export interface TasksOptions {
  front: Front
  memory: TaskMemory
  caller: Caller
  agent: string
  /** Aborted when the client has gone. */
  gone: AbortSignal
}

export class Tasks implements A2ARequestHandler {
  readonly #front: Front
  readonly #memory: TaskMemory
  readonly #caller: Caller
  readonly #agent: string
  readonly #gone: AbortSignal

  constructor({ front, memory, caller, agent, gone }: TasksOptions) {
    this.#front = front
    this.#memory = memory
    this.#caller = caller
    this.#agent = agent
    this.#gone = gone
  }

  async sendMessage(request: SendMessageRequest): Promise<Task> {
    const { record, facts } = this.#start(request)
    const { returnImmediately = false, historyLength } = request.configuration ?? {}
    if (!returnImmediately) {
      const leave = () => void this.#front.runs.cancel(this.#caller, record.id).catch(() => {})
      this.#gone.addEventListener('abort', leave, { once: true })
      await this.#front.runs.settled(record)
    }
    return taskOf(record, facts, this.#caller, { historyLength })
  }

  async *sendMessageStream(request: SendMessageRequest): AsyncGenerator<StreamResponse, void> {
    const { record, facts } = this.#start(request)
    yield* this.#follow(record, facts)
  }

  async *resubscribe({ id }: SubscribeToTaskRequest): AsyncGenerator<StreamResponse, void> {
    const { record, facts } = await this.#find(id)
    if (record.finishedAt !== undefined) throw new UnsupportedOperationError(`Task ${id} has ended. Get it instead.`)
    yield* this.#follow(record, facts)
  }

  async getTask({ id, historyLength }: GetTaskRequest): Promise<Task> {
    const { record, facts } = await this.#find(id)
    return taskOf(record, facts, this.#caller, { historyLength })
  }

  async cancelTask({ id }: CancelTaskRequest): Promise<Task> {
    const { record, facts } = await this.#find(id)
    const hasEnded = record.finishedAt !== undefined && record.status !== 'cancelled'
    if (hasEnded) throw new TaskNotCancelableError(`Task ${id} has ended already.`)
    await this.#front.runs.cancel(this.#caller, id)
    await this.#front.runs.settled(record)
    return taskOf(record, facts, this.#caller)
  }

  async listTasks(request: ListTasksRequest): Promise<ListTasksResponse> {
    const { pageSize = 50, pageToken, historyLength, includeArtifacts = false } = request
    if (!Number.isInteger(pageSize) || pageSize < 1 || pageSize > 100)
      throw new RequestMalformedError('pageSize is no number from 1 to 100.')
    const all = this.#front.runs
      .list(this.#caller, this.#agent)
      .flatMap((record) => {
        const facts = this.#memory.facts(record)
        return facts && isWanted(record, facts, request) ? [{ record, facts }] : []
      })
      .reverse()
    const begin = pageToken === '' ? 0 : all.findIndex(({ record }) => record.id === pageToken)
    if (begin < 0) throw new RequestMalformedError('pageToken is of no page that there is now.')
    const page = all.slice(begin, begin + pageSize)
    const view = { historyLength, hasArtifacts: includeArtifacts }
    return {
      tasks: page.map(({ record, facts }) => taskOf(record, facts, this.#caller, view)),
      nextPageToken: all[begin + pageSize]?.record.id ?? '',
      pageSize,
      totalSize: all.length,
    }
  }

  // The gateway calls nobody: an address that a caller names could be one that only this machine reaches.
  createTaskPushNotificationConfig = refusePush
  getTaskPushNotificationConfig = refusePush
  listTaskPushNotificationConfigs = refusePush
  deleteTaskPushNotificationConfig = refusePush

  async getAgentCard(): Promise<never> {
    throw new UnsupportedOperationError('The card is at its own address.')
  }

  async getAuthenticatedExtendedAgentCard(): Promise<never> {
    throw new ExtendedAgentCardNotConfiguredError('There is one card, and it is whole.')
  }

  #start({ message, metadata, configuration }: SendMessageRequest): { record: RunRecord; facts: TaskFacts } {
    demandMessage(message)
    if (configuration?.taskPushNotificationConfig !== undefined) throw pushRefusal()
    if (message.taskId !== '')
      throw new UnsupportedOperationError('A task takes one message. Send the next with its contextId, without taskId.')
    const { histories } = this.#memory
    const contextId = message.contextId || randomUUID()
    const context = `${this.#caller.tag}/${this.#agent}/${contextId}`
    const request = requestOf(message, metadata, histories.load(context) ?? [])
    const record = translated(() => this.#front.runs.start(this.#caller, this.#agent, request))
    const facts = { contextId, message: { ...message, contextId, taskId: record.id } }
    this.#memory.keep(record, facts)
    void this.#front.runs.settled(record).then(() => {
      const messages = record.response?.messages ?? []
      if (messages.length > 0) histories.save(context, messages)
    })
    return { record, facts }
  }

  async #find(id: string): Promise<{ record: RunRecord; facts: TaskFacts }> {
    const record = await this.#front.runs.find(this.#caller, id).catch(() => undefined)
    const facts = record && this.#memory.facts(record)
    if (record?.agent !== this.#agent || facts === undefined)
      throw new TaskNotFoundError(
        `There is no task ${JSON.stringify(id.slice(0, maxIdLength))} of yours, or none any more.`,
      )
    return { record, facts }
  }

  /** The task as it is, what happens with it, and how it ends. */
  async *#follow(record: RunRecord, facts: TaskFacts): AsyncGenerator<StreamResponse, void> {
    const { id } = record
    const { contextId } = facts
    yield { payload: { $case: 'task', value: taskOf(record, facts, this.#caller) } }
    const told = new TaskEvents(id, contextId)
    try {
      for await (const event of this.#events(id)) yield told.tell(event)
    } catch {
      // How the run ended is told below; a reader that was too slow misses what came before it.
    }
    await Promise.race([this.#front.runs.settled(record), aborted(this.#gone)])
    if (this.#gone.aborted) return
    const status = statusOf(record, facts, this.#caller)
    const metadata = taskOf(record, facts, this.#caller).metadata
    yield { payload: { $case: 'statusUpdate', value: { taskId: id, contextId, status, metadata } } }
  }

  async *#events(id: string): AsyncGenerator<RunStreamEvent, void> {
    const reader = (await this.#front.runs.events(this.#caller, id, 0)).toReadableStream().getReader()
    const leave = () => void reader.cancel().catch(() => {})
    this.#gone.addEventListener('abort', leave, { once: true })
    try {
      for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value
    } finally {
      leave()
    }
  }
}

function demandMessage(message: Message | undefined): asserts message is Message {
  if (message === undefined || message.messageId === '' || message.parts.length === 0)
    throw new RequestMalformedError('The message is missing, or has no messageId or no parts.')
  if (message.role !== Role.ROLE_USER) throw new RequestMalformedError('The role of the message is not ROLE_USER.')
  if (message.contextId.length > maxIdLength)
    throw new RequestMalformedError(`contextId is longer than ${maxIdLength}.`)
}

function isWanted(record: RunRecord, { contextId }: TaskFacts, wanted: ListTasksRequest): boolean {
  const { finishedAt, createdAt } = record
  return (
    (wanted.contextId === '' || wanted.contextId === contextId) &&
    (wanted.status === TaskState.TASK_STATE_UNSPECIFIED || wanted.status === stateOf(record)) &&
    !((finishedAt ?? createdAt) < Date.parse(wanted.statusTimestampAfter ?? ''))
  )
}

/** @throws what the protocol has for the error */
function translated<Value>(work: () => Value): Value {
  try {
    return work()
  } catch (given) {
    const error = toAxonError(given)
    const { message } = toWire(error, undefined).error
    throw error.code === 'RUN_REQUEST_INVALID' ? new RequestMalformedError(message) : new Error(message)
  }
}

async function aborted(signal: AbortSignal): Promise<void> {
  if (!signal.aborted) await once(signal, 'abort')
}

function pushRefusal() {
  return new PushNotificationNotSupportedError('The gateway calls nobody. Follow the task, or get it.')
}

async function refusePush(): Promise<never> {
  throw pushRefusal()
}
