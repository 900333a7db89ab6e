/**
 * Owns a conversation with an agent: its history is loaded before each run and saved after it, and its runs go one at a time.
 * Where histories are kept is the store's, what a run is runtime/runs.
 *
 * 1. A run sees the history that the last run that succeeded has left; one that fails or is cancelled changes nothing.
 * 2. A run's answer is given when its history has been saved.
 */
import { AxonError, RunError } from '../../errors.ts'
import type { RunRequest, RunResponse } from '../../protocol/run.ts'
import type { Dispatcher } from '../runs/dispatcher.ts'
import type { RunOptions } from '../runs/run-options.ts'
import type { RunStream } from '../runs/run-stream.ts'
import type { StreamOptions } from '../runs/streams.ts'
import { type ConversationStore, MemoryStore } from './store.ts'
import { Turns } from './turns.ts'

/** As long as the key of an affinity, which it is. */
const maxIdLength = 1_000

/** A request within a conversation: the history is the conversation's. */
export type ConversationRequest<Request extends RunRequest = RunRequest> = Omit<Request, 'message_history'>

export interface ConversationsOptions {
  /** Where histories are kept. Default: in memory. */
  store?: ConversationStore | undefined
  /** How many the store in memory keeps; beyond that, the one that was not used for longest is forgotten. Default 1 000. */
  maxConversations?: number | undefined
  /** How many runs of one conversation may wait for their turn; more are rejected at once. Default 100. */
  maxWaiting?: number | undefined
}

/** What all conversations of a system share. */
export class Conversations {
  readonly store: ConversationStore
  readonly maxWaiting: number
  readonly turns = new Turns()

  constructor({ store, maxConversations = 1_000, maxWaiting = 100 }: ConversationsOptions = {}) {
    this.store = store ?? new MemoryStore(maxConversations)
    this.maxWaiting = maxWaiting
  }
}

/** One conversation with one agent. Cheap to make; those of one agent and id are the same conversation. */
export class Conversation<Result = unknown, Request extends RunRequest = RunRequest> {
  readonly agent: string
  readonly id: string
  readonly #key: string
  readonly #shared: Conversations
  readonly #dispatcher: () => Dispatcher

  /** Use `axon.conversation()`. */
  constructor(agent: string, id: string, shared: Conversations, dispatcher: () => Dispatcher) {
    if (typeof id !== 'string' || id.length < 1 || id.length > maxIdLength) {
      const message = `A conversation with ${agent} needs an id of 1 to ${maxIdLength} characters.`
      throw new AxonError('RUN_REQUEST_INVALID', message, { agent })
    }
    this.agent = agent
    this.id = id
    this.#key = `${agent}/${id}`
    this.#shared = shared
    this.#dispatcher = dispatcher
  }

  /**
   * Runs the agent with the history so far, when the runs before it have ended, and keeps the history that it answers with.
   * `runMs` counts from its turn; `signal` also ends the waiting.
   * @throws as `agent.run()`; AxonError RUN_REJECTED where too many wait, CONVERSATION_STORE_FAILED
   */
  async run<Answer = Result>(
    request: ConversationRequest<Request>,
    options: RunOptions = {},
  ): Promise<RunResponse<Answer>> {
    if (options.idempotencyKey !== undefined) {
      // Each of its requests has another history: a key would never fit a second one.
      const message = `The options of a run in conversation ${this.id} with ${this.agent} are not valid: a conversation takes no idempotencyKey.`
      throw new AxonError('RUN_REQUEST_INVALID', message, { agent: this.agent })
    }
    return this.#inTurn(options.signal, async () => {
      const dispatcher = this.#dispatcher()
      const run = dispatcher.run(this.agent, await this.#withHistory(request), {
        affinity: this.id,
        conversation: this.id,
        ...options,
      })
      const response = await run.result
      await this.#keep(response, run.id)
      return response as RunResponse<Answer>
    })
  }

  /**
   * As `run`, with the events as they arrive: `for await (const event of await conversation.stream(request))`. Resolves when its
   * turn has come; the next turn is when the run has ended. The reading ends when the history has been saved.
   * @throws as `agent.stream()`; AxonError RUN_REJECTED where too many wait, CONVERSATION_STORE_FAILED
   */
  async stream(request: ConversationRequest<Request>, options: StreamOptions = {}): Promise<RunStream<Result>> {
    const { promise, resolve, reject } = Promise.withResolvers<RunStream<Result>>()
    const turn = this.#inTurn(options.signal, async () => {
      const dispatcher = this.#dispatcher()
      const asked = await this.#withHistory(request)
      const keep = (response: RunResponse, run: string) => this.#keep(response, run)
      const stream = dispatcher.stream(
        this.agent,
        asked,
        { affinity: this.id, conversation: this.id, ...options },
        keep,
      )
      resolve(stream as RunStream<Result>)
      await stream.settled
    })
    turn.catch(reject)
    return promise
  }

  /** The history as it is saved; `[]` before the first run. @throws AxonError CONVERSATION_STORE_FAILED */
  async messages(): Promise<readonly unknown[]> {
    try {
      return (await this.#shared.store.load(this.#key)) ?? []
    } catch (cause) {
      const message = `The history of conversation ${this.id} with ${this.agent} could not be loaded: ${wordsOf(cause)}. Mend its store.`
      const context = { conversation: this.id, started: false }
      throw new AxonError('CONVERSATION_STORE_FAILED', message, { agent: this.agent, cause, context })
    }
  }

  /** Forgets the history, when the runs before have ended. @throws AxonError CONVERSATION_STORE_FAILED */
  async clear(): Promise<void> {
    await this.#inTurn(undefined, async () => this.#save([]))
  }

  async #inTurn<Outcome>(signal: AbortSignal | undefined, work: () => Promise<Outcome>): Promise<Outcome> {
    const { turns, maxWaiting } = this.#shared
    if (turns.waiting(this.#key) >= maxWaiting) {
      const message = `A run of conversation ${this.id} with ${this.agent} was rejected: ${maxWaiting} wait for their turn already. Wait for their answers, or raise conversations.maxWaiting.`
      throw new AxonError('RUN_REJECTED', message, { agent: this.agent, context: { conversation: this.id } })
    }
    const pass = await turns.take(this.#key, signal instanceof AbortSignal ? signal : undefined)
    // Without a turn: its signal was aborted, and what it would have sent is refused for that by the run itself.
    try {
      return await work()
    } finally {
      pass?.()
    }
  }

  async #withHistory(request: ConversationRequest<Request>): Promise<RunRequest> {
    if ((request as RunRequest | undefined)?.message_history !== undefined) {
      const message = `The request in conversation ${this.id} with ${this.agent} is not valid: it has a message_history, and the history is the conversation's.`
      throw new AxonError('RUN_REQUEST_INVALID', message, { agent: this.agent })
    }
    const messages = await this.messages()
    return messages.length === 0
      ? (request as RunRequest)
      : { ...(request as RunRequest), message_history: messages as unknown[] }
  }

  async #keep(response: RunResponse, run: string): Promise<void> {
    try {
      await this.#shared.store.save(this.#key, response.messages)
    } catch (cause) {
      const message = `Run ${run} of ${this.agent} has its answer, but the history of conversation ${this.id} could not be saved: ${wordsOf(cause)}. Mend its store; the answer is in context.response.`
      throw new RunError('CONVERSATION_STORE_FAILED', message, {
        run,
        agent: this.agent,
        started: true,
        attempt: 1,
        cause,
        context: { conversation: this.id, started: true, response },
      })
    }
  }

  async #save(messages: readonly unknown[]): Promise<void> {
    try {
      await this.#shared.store.save(this.#key, messages)
    } catch (cause) {
      const message = `The history of conversation ${this.id} with ${this.agent} could not be saved: ${wordsOf(cause)}. Mend its store.`
      const context = { conversation: this.id, started: false }
      throw new AxonError('CONVERSATION_STORE_FAILED', message, { agent: this.agent, cause, context })
    }
  }
}

function wordsOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause)
}
