/**
 * Owns what a chat completion is asked with: its schema, what of it is refused, and the request to an agent that it becomes.
 */
import * as z from 'zod'
import type { RunRequest } from '../../../protocol/run.ts'
import { readBody } from '../bodies.ts'
import { fileAt, fileOf, noFileIds, promptOf } from '../content.ts'
import type { Prompt } from '../history.ts'
import { requestOf, sharedFields } from './fields.ts'
import { conversationOf, type Turn } from './turns.ts'

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
  ...sharedFields,
  messages: z.array(message).min(1),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  n: z.literal(1, { error: 'An agent answers once' }).nullish(),
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
  const { model, messages, stream, stream_options, ...more } = readBody(chatRequest, body)
  const turns = messages.flatMap((message, at) => turnsOf(message, `messages[${at}]`))
  return {
    agent: model,
    request: requestOf(conversationOf(turns, 'messages'), more),
    isStreamed: stream === true,
    hasUsage: stream_options?.include_usage === true,
  }
}

function turnsOf(message: ChatMessage, param: string): Turn[] {
  if (message.role === 'user') return [{ is: 'user', prompt: promptFrom(message.content, param), param }]
  if (message.role === 'tool') {
    const { tool_call_id: id, content } = message
    return [{ is: 'return', id, content: textOf(content, ''), param: `${param}.tool_call_id` }]
  }
  if (message.role !== 'assistant') return [{ is: 'system', text: textOf(message.content, '\n'), param }]
  const text = saidOf(message.content ?? message.refusal ?? '')
  const calls = (message.tool_calls ?? []).map(
    ({ id, function: called }): Turn => ({ is: 'call', id, name: called.name, arguments: called.arguments, param }),
  )
  return text !== '' || calls.length === 0 ? [{ is: 'text', text, param }, ...calls] : calls
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
