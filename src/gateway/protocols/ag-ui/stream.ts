/**
 * Owns what AG-UI is told of a run: its events, in the order and with the ids that its clients check.
 *
 * 1. A message of the agent is what a model says and calls in one go: the calls name it as their parent.
 * 2. What was opened is closed before the run finishes.
 */
import { toAxonError } from '../../../errors.ts'
import type { RunResponse, RunStreamEvent } from '../../../protocol/run.ts'
import { dataText } from '../../event-stream.ts'
import { toWire } from '../../statuses.ts'
import type { Caller } from '../../tokens.ts'
import { textOf, tokensOf } from '../answers.ts'
import { OpenCalls } from '../open-calls.ts'
import { approvalIdOf, type Telling, type ToolAnswer } from '../paused-runs.ts'
import { type ClientRun, verdictSchema } from './request.ts'

interface Interrupt {
  id: string
  name: string
  dueAt: number
}

export class AgUiStream implements Telling {
  /** A run that goes on is another run to the client. */
  client: ClientRun
  readonly #caller: Caller
  readonly #calls = new OpenCalls()
  #run = ''
  #interrupts: Interrupt[] = []
  #ids = 0
  /** The message that is being told, and whether its text may go on: it may not after a call. */
  #message: { id: string; isOpen: boolean; hasCalls: boolean } | undefined
  #reasoning: string | undefined
  #hasText = false

  constructor(caller: Caller, client: ClientRun) {
    this.#caller = caller
    this.client = client
  }

  said({ event, data }: RunStreamEvent): string {
    if (event === 'run.started') {
      if (this.#run !== '') return ''
      this.#run = data.run_id
      return this.#begin()
    }
    if (event === 'text.delta') return this.#text(data.text)
    if (event === 'thinking.delta') return this.#think(data.text)
    if (event === 'tool.call') return this.#call(data)
    if (event === 'tool.result') return this.#result(data)
    if (event === 'tool.approval') {
      const text = this.#call(data)
      this.#calls.ask(data.id)
      this.#interrupts.push({ id: data.id, name: data.name, dueAt: data.due_at })
      return text
    }
    if (event === 'custom') return dataText({ type: 'CUSTOM', name: data.name, value: data.value })
    return this.#finish(data)
  }

  pause(): string | undefined {
    if (!this.#calls.areStalled) return undefined
    const interrupts = this.#interrupts.map(({ id, name, dueAt }) => ({
      id: approvalIdOf(this.#run, id),
      reason: 'tool_call',
      message: `May ${name} be called?`,
      toolCallId: id,
      responseSchema: verdictSchema,
      expiresAt: new Date(dueAt).toISOString(),
    }))
    return this.#close() + this.#finished({ outcome: { type: 'interrupt', interrupts } })
  }

  goOn(answers: readonly ToolAnswer[]): string {
    for (const { id, isApproved } of answers) this.#calls.answer(id, isApproved)
    this.#interrupts = this.#interrupts.filter(({ id }) => !answers.some((answer) => answer.id === id))
    this.#message = undefined
    return this.#begin()
  }

  broken(given: unknown): string {
    const error = toAxonError(given)
    if (error.code === 'RUN_CANCELLED') return this.#close() + this.#finished({ outcome: { type: 'cancelled' } })
    return dataText({ type: 'RUN_ERROR', message: toWire(error, this.#caller).error.message, code: error.code })
  }

  #begin(): string {
    return dataText({ type: 'RUN_STARTED', ...this.client, protocolVersion: '1.0' })
  }

  #text(delta: string): string {
    if (delta === '') return ''
    this.#hasText = true
    let before = this.#closeReasoning()
    if (this.#message === undefined || this.#message.hasCalls) this.#message = this.#newMessage()
    const message = this.#message
    const { id: messageId } = message
    if (!message.isOpen) before += dataText({ type: 'TEXT_MESSAGE_START', messageId, role: 'assistant' })
    message.isOpen = true
    return before + dataText({ type: 'TEXT_MESSAGE_CONTENT', messageId, delta })
  }

  #think(delta: string): string {
    if (delta === '') return ''
    let before = ''
    if (this.#reasoning === undefined) {
      // What is said after it is another message, so that the client shows both in their order.
      before = this.#closeMessage()
      this.#message = undefined
      this.#reasoning = this.#newId()
      before += dataText({ type: 'REASONING_START', messageId: this.#reasoning })
      before += dataText({ type: 'REASONING_MESSAGE_START', messageId: this.#reasoning, role: 'reasoning' })
    }
    return before + dataText({ type: 'REASONING_MESSAGE_CONTENT', messageId: this.#reasoning, delta })
  }

  #call({ id, name, arguments: given }: { id: string; name: string; arguments: unknown }): string {
    if (!this.#calls.begin(id)) return ''
    const before = this.#close()
    this.#message ??= this.#newMessage()
    this.#message.hasCalls = true
    const delta = typeof given === 'string' ? given : JSON.stringify(given ?? {})
    return (
      before +
      dataText({
        type: 'TOOL_CALL_START',
        toolCallId: id,
        toolCallName: name,
        parentMessageId: this.#message.id,
      }) +
      dataText({ type: 'TOOL_CALL_ARGS', toolCallId: id, delta }) +
      dataText({ type: 'TOOL_CALL_END', toolCallId: id })
    )
  }

  #result({ id, result, error }: { id: string; result?: unknown; error?: string }): string {
    if (this.#calls.end(id) === undefined) return ''
    // The next call is of another message once all of this one have their results.
    if (!this.#calls.areThere) this.#message = undefined
    return this.#resultText(id, error ?? textOf(result))
  }

  #resultText(toolCallId: string, content: string): string {
    return dataText({ type: 'TOOL_CALL_RESULT', messageId: this.#newId(), toolCallId, content, role: 'tool' })
  }

  #finish({ result, usage }: RunResponse): string {
    const text = this.#hasText ? '' : textOf(result)
    const { input, output, total, cached, reasoning } = tokensOf(usage)
    const tokens = {
      inputTokens: input,
      outputTokens: output,
      totalTokens: total,
      cachedInputTokens: cached,
      reasoningTokens: reasoning,
    }
    const answered = this.#calls.endAnswered()
    return (
      answered.map(({ id, approved }) => this.#resultText(id, textOf({ approved }))).join('') +
      (text === '' ? '' : this.#text(text)) +
      this.#close() +
      this.#finished({
        ...(result !== null && { result }),
        outcome: { type: 'success' },
        ...(total > 0 && { usage: [tokens] }),
      })
    )
  }

  #finished(more: Record<string, unknown>): string {
    return dataText({ type: 'RUN_FINISHED', ...this.client, ...more })
  }

  #close(): string {
    return this.#closeReasoning() + this.#closeMessage()
  }

  #closeMessage(): string {
    if (!this.#message?.isOpen) return ''
    this.#message.isOpen = false
    return dataText({ type: 'TEXT_MESSAGE_END', messageId: this.#message.id })
  }

  #closeReasoning(): string {
    const messageId = this.#reasoning
    this.#reasoning = undefined
    if (messageId === undefined) return ''
    return dataText({ type: 'REASONING_MESSAGE_END', messageId }) + dataText({ type: 'REASONING_END', messageId })
  }

  #newMessage() {
    return { id: this.#newId(), isOpen: false, hasCalls: false }
  }

  /** The run's id makes it one of its own among all messages of a thread. */
  #newId(): string {
    this.#ids += 1
    return `${this.#run}-${this.#ids}`
  }
}
