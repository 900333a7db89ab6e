/**
 * Owns what the AI SDK is told of a run: its UI message stream, version 1.
 *
 * 1. A step is what a model says and calls in one go, with the results of those calls.
 * 2. Where an agent says no text, its result is the text; a result that is no text is told as `data-result` too.
 */
import { toAxonError } from '../../../errors.ts'
import type { RunResponse, RunStreamEvent } from '../../../protocol/run.ts'
import { dataText } from '../../event-stream.ts'
import { toWire } from '../../statuses.ts'
import type { Caller } from '../../tokens.ts'
import { finishOf, textOf, tokensOf } from '../answers.ts'
import { OpenCalls } from '../open-calls.ts'
import { approvalIdOf, type Telling, type ToolAnswer } from '../paused-runs.ts'

export const streamHeaders = { 'x-vercel-ai-ui-message-stream': 'v1' }

const done = 'data: [DONE]\n\n'

export class UiMessageStream implements Telling {
  readonly #caller: Caller
  readonly #calls = new OpenCalls()
  #run = ''
  #isInStep = false
  /** The results are there: what comes next is another step. */
  #isStepOver = false
  /** The part that is being told: its kind and its id. */
  #part: { kind: 'text' | 'reasoning'; id: string } | undefined
  #parts = 0
  #hasText = false

  constructor(caller: Caller) {
    this.#caller = caller
  }

  said({ event, data }: RunStreamEvent): string {
    if (event === 'run.started') {
      if (this.#run !== '') return ''
      this.#run = data.run_id
      return dataText({ type: 'start', messageId: data.run_id })
    }
    if (event === 'text.delta') return this.#delta('text', data.text)
    if (event === 'thinking.delta') return this.#delta('reasoning', data.text)
    if (event === 'tool.call') return this.#call(data)
    if (event === 'tool.result') return this.#result(data)
    if (event === 'tool.approval') {
      const text = this.#call(data)
      this.#calls.ask(data.id)
      const approvalId = approvalIdOf(this.#run, data.id)
      return text + dataText({ type: 'tool-approval-request', approvalId, toolCallId: data.id })
    }
    if (event === 'custom') return dataText({ type: `data-${data.name}`, data: data.value })
    return this.#finish(data)
  }

  pause(): string | undefined {
    if (!this.#calls.areStalled) return undefined
    return this.#endStep() + dataText({ type: 'finish', finishReason: 'tool-calls' }) + done
  }

  goOn(answers: readonly ToolAnswer[]): string {
    this.#isStepOver = true
    for (const { id, isApproved } of answers) this.#calls.answer(id, isApproved)
    const denied = answers.filter(({ isApproved }) => !isApproved)
    const texts = denied.map(({ id }) => dataText({ type: 'tool-output-denied', toolCallId: id }))
    return dataText({ type: 'start' }) + texts.join('')
  }

  broken(given: unknown): string {
    const error = toAxonError(given)
    const { message } = toWire(error, this.#caller).error
    const isCancelled = error.code === 'RUN_CANCELLED'
    return dataText(isCancelled ? { type: 'abort', reason: message } : { type: 'error', errorText: message }) + done
  }

  #delta(kind: 'text' | 'reasoning', delta: string): string {
    if (kind === 'text') this.#hasText = true
    const before = this.#part?.kind === kind && !this.#isStepOver ? '' : this.#beginStep() + this.#beginPart(kind)
    return before + dataText({ type: `${kind}-delta`, id: this.#part?.id, delta })
  }

  #call({ id, name, arguments: given }: { id: string; name: string; arguments: unknown }): string {
    if (!this.#calls.begin(id)) return ''
    const input = typeof given === 'string' ? parsed(given) : given
    const call = { type: 'tool-input-available', toolCallId: id, toolName: name, input }
    return this.#beginStep() + this.#endPart() + dataText(call)
  }

  #result({ id, result, error }: { id: string; result?: unknown; error?: string }): string {
    const was = this.#calls.end(id)
    if (was === undefined) return ''
    this.#isStepOver = !this.#calls.areThere
    // The client knows it from the beginning of this stream.
    if (was === 'denied') return ''
    if (error !== undefined) return dataText({ type: 'tool-output-error', toolCallId: id, errorText: error })
    return outputText(id, result)
  }

  #finish(response: RunResponse): string {
    const { result } = response
    const isText = typeof result === 'string'
    const text = this.#hasText ? '' : textOf(result)
    const { input, output, total, cached, reasoning } = tokensOf(response.usage)
    const usage = {
      inputTokens: input,
      outputTokens: output,
      totalTokens: total,
      cachedInputTokens: cached,
      reasoningTokens: reasoning,
    }
    // Denied ones are known to be.
    const approved = this.#calls.endAnswered().filter((call) => call.approved)
    return (
      approved.map(({ id }) => outputText(id, { approved: true })).join('') +
      (text === '' ? '' : this.#delta('text', text)) +
      (isText || result === null ? '' : dataText({ type: 'data-result', data: result })) +
      this.#endStep() +
      dataText({
        type: 'finish',
        finishReason: finishOf(response).replace('_', '-'),
        messageMetadata: { runId: this.#run, usage },
      }) +
      done
    )
  }

  #beginStep(): string {
    if (this.#isInStep && !this.#isStepOver) return ''
    const text = this.#endStep()
    this.#isInStep = true
    return text + dataText({ type: 'start-step' })
  }

  #endStep(): string {
    const text = this.#endPart() + (this.#isInStep ? dataText({ type: 'finish-step' }) : '')
    this.#isInStep = false
    this.#isStepOver = false
    return text
  }

  #beginPart(kind: 'text' | 'reasoning'): string {
    const text = this.#endPart()
    this.#parts += 1
    this.#part = { kind, id: `${kind}-${this.#parts}` }
    return text + dataText({ type: `${kind}-start`, id: this.#part.id })
  }

  #endPart(): string {
    const part = this.#part
    this.#part = undefined
    return part === undefined ? '' : dataText({ type: `${part.kind}-end`, id: part.id })
  }
}

function outputText(toolCallId: string, output: unknown): string {
  return dataText({ type: 'tool-output-available', toolCallId, output: output ?? null })
}

/** Arguments as the model wrote them, which may be no JSON. */
function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
