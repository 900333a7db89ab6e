/**
 * Owns what a chat completion is asked with: its schema, what of it is refused, and the request to an agent that it becomes.
 */
import * as z from 'zod'
import type { RunRequest } from '../../../protocol/run.ts'
import { History, type Prompt } from '../history.ts'
import { fileAt, fileOf, noFileIds, promptOf } from './content.ts'
import { readBody, refused } from './errors.ts'

const text = z.looseObject({ type: z.literal('text'), text: z.string() })

const textContent = z.union([z.string(), z.array(text)])

const part = z.discriminatedUnion(
  'type',
  [
    text,
    z.looseObject({ type: z.literal('image_url'), image_url: z.looseObject({ url: z.string() }) }),
    z.looseObject({
      type: z.literal('input_audio'),
      input_audio: z.looseObject({ data: z.string(), format: z.enum(['wav', 'mp3']) }),
    }),
    z.looseObject({
      type: z.literal('file'),
      file: z.looseObject({
        file_data: z.string().nullish(),
        file_id: z.string().nullish(),
        filename: z.string().nullish(),
      }),
    }),
  ],
  { error: 'There is no such part; there are text, image_url, input_audio and file' },
)
type Part = z.infer<typeof part>

const saidPart = z.discriminatedUnion('type', [
  text,
  z.looseObject({ type: z.literal('refusal'), refusal: z.string() }),
])

const toolCall = z.looseObject({
  id: z.string(),
  type: z.literal('function'),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
})

const message = z.discriminatedUnion(
  'role',
  [
    z.looseObject({ role: z.enum(['system', 'developer']), content: textContent }),
    z.looseObject({ role: z.literal('user'), content: z.union([z.string(), z.array(part).min(1)]) }),
    z.looseObject({
      role: z.literal('assistant'),
      content: z.union([z.string(), z.array(saidPart)]).nullish(),
      refusal: z.string().nullish(),
      tool_calls: z.array(toolCall).nullish(),
    }),
    z.looseObject({ role: z.literal('tool'), tool_call_id: z.string(), content: textContent }),
  ],
  { error: 'There is no such role; there are system, developer, user, assistant and tool' },
)
type ChatMessage = z.infer<typeof message>

/** Fields that are not here are taken and change nothing: an agent's model has its own settings. */
export const chatRequest = z.looseObject({
  /** The name of an agent. */
  model: z.string(),
  messages: z.array(message).min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  metadata: z.record(z.string(), z.string()).nullish(),
  user: z.string().nullish(),
  n: z.literal(1, { error: 'An agent answers once' }).nullish(),
  tools: z
    .array(z.unknown())
    .max(0, { error: 'An agent has its own tools, and calls none of its client. Leave it out' })
    .nullish(),
  functions: z
    .array(z.unknown())
    .max(0, { error: 'An agent has its own tools, and calls none of its client. Leave it out' })
    .nullish(),
  logprobs: z.literal(false, { error: 'Agents tell no probabilities' }).nullish(),
  modalities: z.array(z.literal('text', { error: 'Agents answer with text' })).nullish(),
  web_search_options: z.null({ error: 'An agent searches where it has a tool for it. Leave it out' }).optional(),
})

export interface Asked {
  agent: string
  request: RunRequest
  isStreamed: boolean
  hasUsage: boolean
}

/** @throws AxonError RUN_REQUEST_INVALID */
export function readChatRequest(body: unknown): Asked {
  const { model, messages, stream, stream_options, metadata, user } = readBody(chatRequest, body)
  const last = messages.findLastIndex(({ role }) => role === 'user')
  const asked = messages[last]
  const after = messages.slice(last + 1).findIndex(({ role }) => role !== 'system' && role !== 'developer')
  if (asked?.role !== 'user' || after !== -1)
    throw refused('messages', 'The last one must be of the user: it is the prompt.')
  const history = historyOf(messages, last)
  return {
    agent: model,
    request: {
      prompt: promptFrom(asked.content, `messages[${last}]`),
      ...(history.length > 0 && { message_history: history }),
      ...((metadata || user) && { metadata: { ...(user && { user }), ...metadata } }),
    },
    isStreamed: stream === true,
    hasUsage: stream_options?.include_usage === true,
  }
}

/** All but the prompt. */
function historyOf(messages: readonly ChatMessage[], prompt: number): unknown[] {
  const history = new History()
  const open = new Map<string, string>()
  messages.forEach((message, at) => {
    if (message.role !== 'tool' && open.size > 0)
      throw refused(
        `messages[${at}]`,
        `The tool call ${[...open.keys()][0]} before it has no answer. Add its tool message.`,
      )
    if (at !== prompt) add(message, `messages[${at}]`)
  })
  return history.messages

  function add(message: ChatMessage, param: string): void {
    if (message.role === 'user') return history.user(promptFrom(message.content, param))
    if (message.role === 'tool') {
      const name = open.get(message.tool_call_id)
      if (name === undefined) throw refused(`${param}.tool_call_id`, 'No tool call before it has this id.')
      open.delete(message.tool_call_id)
      return history.toolReturn(message.tool_call_id, name, textOf(message.content, ''))
    }
    if (message.role !== 'assistant') return history.system(textOf(message.content, '\n'))
    const said = saidOf(message.content ?? message.refusal ?? '')
    const calls = message.tool_calls ?? []
    if (said !== '' || calls.length === 0) history.text(said)
    for (const { id, function: called } of calls) {
      open.set(id, called.name)
      history.toolCall(id, called.name, called.arguments)
    }
  }
}

function promptFrom(content: string | readonly Part[], param: string): Prompt {
  if (typeof content === 'string') return content
  return promptOf(
    content.map((one, at) => {
      const where = `${param}.content[${at}]`
      if (one.type === 'text') return { type: 'text', text: one.text }
      if (one.type === 'image_url') return fileAt(one.image_url.url, `${where}.image_url.url`, 'image/*')
      if (one.type === 'input_audio') {
        const { data, format } = one.input_audio
        return { type: 'file', media_type: format === 'mp3' ? 'audio/mpeg' : 'audio/wav', data }
      }
      const { file_data, filename } = one.file
      if (file_data == null) throw noFileIds(`${where}.file.file_id`)
      return fileOf(file_data, filename ?? '', `${where}.file.file_data`)
    }),
  )
}

function textOf(content: string | readonly { text: string }[], separator: string): string {
  return typeof content === 'string' ? content : content.map(({ text }) => text).join(separator)
}

function saidOf(content: string | readonly z.infer<typeof saidPart>[]): string {
  if (typeof content === 'string') return content
  return content.map((one) => (one.type === 'text' ? one.text : one.refusal)).join('')
}
