/**
 * Owns the one form of messages as the gateway writes it: what clients send as a conversation becomes the `message_history` that
 * agents of every framework read, pydantic-ai's ModelMessage JSON. What a client's messages mean is its protocol's.
 *
 * 1. The same conversation is the same history, byte for byte: there are no times in it, so that an idempotency key fits.
 */
import type { RunRequest } from '../../protocol/run.ts'

export type Prompt = RunRequest['prompt']
export type PromptPart = Exclude<Prompt, string>[number]

type Part = Record<string, unknown> & { part_kind: string }

export interface Message {
  kind: 'request' | 'response'
  parts: Part[]
}

export class History {
  readonly messages: Message[] = []

  system(text: string): void {
    this.#ask({ part_kind: 'system-prompt', content: text })
  }

  user(prompt: Prompt): void {
    this.#ask({ part_kind: 'user-prompt', content: typeof prompt === 'string' ? prompt : prompt.map(contentOf) })
  }

  toolReturn(id: string, name: string, content: unknown): void {
    this.#ask({ part_kind: 'tool-return', tool_name: name, content, tool_call_id: id })
  }

  /** What a model has said. */
  text(text: string): void {
    this.#answer({ part_kind: 'text', content: text })
  }

  /** @param args an object, or its JSON as the model wrote it */
  toolCall(id: string, name: string, args: unknown): void {
    this.#answer({ part_kind: 'tool-call', tool_name: name, args, tool_call_id: id })
  }

  #ask(part: Part): void {
    this.#add('request', part)
  }

  #answer(part: Part): void {
    this.#add('response', part)
  }

  /** Neighbours of one kind are one message. */
  #add(kind: Message['kind'], part: Part): void {
    const last = this.messages.at(-1)
    if (last?.kind === kind) last.parts.push(part)
    else this.messages.push({ kind, parts: [part] })
  }
}

const urlKinds = ['image', 'audio', 'video']

function contentOf(part: PromptPart): unknown {
  if (part.type === 'text') return part.text
  const { media_type } = part
  if ('data' in part) return { kind: 'binary', data: part.data, media_type }
  const kind = media_type.split('/', 1)[0] ?? ''
  return { kind: `${urlKinds.includes(kind) ? kind : 'document'}-url`, url: part.url, media_type }
}
