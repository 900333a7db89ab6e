/**
 * Owns the typed events of a streamed response, made from the events of a run: items that open, grow and close, one after the
 * other, between the beginning and the end of the response.
 *
 * 1. What an agent says before and after a tool call are two messages.
 * 2. `response.completed` is sent when the response has been kept, so that the next request may go on from it.
 */
import type { RunResponse, RunStreamEvent } from '../../../protocol/run.ts'
import { eventText } from '../../event-stream.ts'
import { textOf } from '../answers.ts'
import type { ErrorBody } from './errors.ts'
import { ended, itemId, messageItem, type OutputItem, type ResponseObject, textPart } from './response-object.ts'

export class ResponseEvents {
  readonly #response: ResponseObject
  readonly #keep: (answer: RunResponse) => Promise<void>
  readonly #output: OutputItem[] = []
  #open: { type: OutputItem['type']; id: string; text: string } | undefined
  #sequence = 0

  /** @param keep called with the answer before the end is told */
  constructor(response: ResponseObject, keep: (answer: RunResponse) => Promise<void>) {
    this.#response = response
    this.#keep = keep
  }

  async *of(events: AsyncIterable<RunStreamEvent>): AsyncGenerator<string, void> {
    for await (const { event, data } of events) {
      if (event === 'run.started') yield this.#state('response.created') + this.#state('response.in_progress')
      else if (event === 'text.delta') yield this.#grow('message', data.text)
      else if (event === 'thinking.delta') yield this.#grow('reasoning', data.text)
      else if (event === 'tool.call') yield this.#close()
      else if (event === 'run.result') {
        await this.#keep(data)
        yield this.#finish(data)
      }
    }
  }

  /** The last events of a stream that breaks off. The clients throw at the first, the Python one because it has `error` in it. */
  failed({ error }: ErrorBody): string {
    const { code, message, param } = error
    const response = { ...this.#response, status: 'failed' as const, error: { code, message }, output: this.#output }
    return this.#text('error', { code, message, param, error }) + this.#state('response.failed', response)
  }

  #finish(answer: RunResponse): string {
    const hasText = this.#open?.type === 'message' || this.#output.some(({ type }) => type === 'message')
    const said = hasText ? '' : this.#grow('message', textOf(answer.result))
    const closed = this.#close()
    const response = ended(this.#response, answer, this.#output)
    return said + closed + this.#state(`response.${response.status}`, response)
  }

  #grow(type: OutputItem['type'], delta: string): string {
    const opened = this.#open?.type === type ? '' : this.#close() + this.#begin(type)
    if (this.#open === undefined || delta === '') return opened
    this.#open.text += delta
    const grown =
      type === 'message'
        ? this.#text('response.output_text.delta', { ...this.#place('content_index'), delta, logprobs: [] })
        : this.#text('response.reasoning_summary_text.delta', { ...this.#place('summary_index'), delta })
    return opened + grown
  }

  #begin(type: OutputItem['type']): string {
    const id = itemId(type)
    this.#open = { type, id, text: '' }
    const output_index = this.#output.length
    if (type === 'message') {
      const item = { id, type, role: 'assistant', status: 'in_progress', content: [] }
      return (
        this.#text('response.output_item.added', { output_index, item }) +
        this.#text('response.content_part.added', { ...this.#place('content_index'), part: textPart('') })
      )
    }
    const item = { id, type, status: 'in_progress', summary: [] }
    const part = { type: 'summary_text', text: '' }
    return (
      this.#text('response.output_item.added', { output_index, item }) +
      this.#text('response.reasoning_summary_part.added', { ...this.#place('summary_index'), part })
    )
  }

  #close(): string {
    if (this.#open === undefined) return ''
    const { type, id, text } = this.#open
    const closed =
      type === 'message'
        ? this.#text('response.output_text.done', { ...this.#place('content_index'), text, logprobs: [] }) +
          this.#text('response.content_part.done', { ...this.#place('content_index'), part: textPart(text) })
        : this.#text('response.reasoning_summary_text.done', { ...this.#place('summary_index'), text }) +
          this.#text('response.reasoning_summary_part.done', {
            ...this.#place('summary_index'),
            part: { type: 'summary_text', text },
          })
    const item: OutputItem =
      type === 'message'
        ? messageItem(text, id)
        : { id, type, status: 'completed', summary: [{ type: 'summary_text', text }] }
    const output_index = this.#output.length
    this.#output.push(item)
    this.#open = undefined
    return closed + this.#text('response.output_item.done', { output_index, item })
  }

  #place(index: 'content_index' | 'summary_index'): Record<string, unknown> {
    return { item_id: this.#open?.id, output_index: this.#output.length, [index]: 0 }
  }

  #state(type: string, response = this.#response): string {
    return this.#text(type, { response })
  }

  #text(type: string, data: Record<string, unknown>): string {
    const sequence_number = this.#sequence
    this.#sequence += 1
    return eventText(type, { type, sequence_number, ...data })
  }
}
