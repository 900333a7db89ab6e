/**
 * Owns what a response is asked with: its schema, what of it is refused, and the request to an agent that it becomes.
 */
import * as z from 'zod'
import type { RunRequest } from '../../../protocol/run.ts'
import { readBody } from '../bodies.ts'
import { fileAt, fileOf, noFileIds, promptOf } from '../content.ts'
import { History, type Prompt, type PromptPart } from '../history.ts'
import { requestOf, sharedFields } from './fields.ts'
import { conversationOf, type Turn } from './turns.ts'

const part = z.discriminatedUnion(
  'type',
  [
    z.looseObject({ type: z.enum(['input_text', 'output_text', 'text']), text: z.string() }),
    z.looseObject({ type: z.literal('refusal'), refusal: z.string() }),
    z.looseObject({ type: z.literal('input_image'), image_url: z.string().nullish(), file_id: z.string().nullish() }),
    z.looseObject({
      type: z.literal('input_file'),
      file_data: z.string().nullish(),
      file_url: z.string().nullish(),
      file_id: z.string().nullish(),
      filename: z.string().nullish(),
    }),
  ],
  { error: 'There is no such part; there are input_text, output_text, refusal, input_image and input_file' },
)
type Part = z.infer<typeof part>

const content = z.union([z.string(), z.array(part).min(1)])

const item = z.discriminatedUnion(
  'type',
  [
    z.looseObject({
      type: z.literal('message').optional(),
      role: z.enum(['system', 'developer', 'user', 'assistant']),
      content,
    }),
    z.looseObject({
      type: z.literal('function_call'),
      call_id: z.string(),
      name: z.string(),
      arguments: z.string(),
    }),
    z.looseObject({ type: z.literal('function_call_output'), call_id: z.string(), output: content }),
    z.looseObject({ type: z.literal('reasoning') }),
  ],
  { error: 'There is no such item; there are message, function_call, function_call_output and reasoning' },
)
type Item = z.infer<typeof item>

/** Fields that are not here are taken and change nothing: an agent's model has its own settings. */
export const responseRequest = z.looseObject({
  ...sharedFields,
  input: z.union([z.string(), z.array(item).min(1)]),
  instructions: z.string().nullish(),
  previous_response_id: z.string().nullish(),
  /** Whether a later request may go on from this one. Default true. */
  store: z.boolean().nullish(),
  background: z.literal(false, { error: 'Runs in the background are started by POST /agents/{name}/runs' }).nullish(),
  conversation: z.null({ error: 'There are no conversations here. Use previous_response_id' }).optional(),
  prompt: z.null({ error: 'There are no prompt templates here. Use input' }).optional(),
})

export interface AskedResponse {
  agent: string
  /** With what was sent along as history; what is kept comes before it. */
  request: RunRequest
  isStreamed: boolean
  isKept: boolean
  instructions: string | undefined
  previous: string | undefined
  metadata: Record<string, string>
}

/** @throws AxonError RUN_REQUEST_INVALID */
export function readResponseRequest(body: unknown): AskedResponse {
  const { model, input, stream, instructions, previous_response_id, store, ...more } = readBody(responseRequest, body)
  const turns: Turn[] =
    typeof input === 'string'
      ? [{ is: 'user', prompt: input, param: 'input' }]
      : input.flatMap((one, at) => turnOf(one, `input[${at}]`) ?? [])
  return {
    agent: model,
    request: requestOf(conversationOf(turns, 'input'), more),
    isStreamed: stream === true,
    isKept: store !== false,
    instructions: instructions ?? undefined,
    previous: previous_response_id ?? undefined,
    metadata: more.metadata ?? {},
  }
}

/** The request after what was kept of earlier ones; instructions hold for this one only, and come first. */
export function goingOn(request: RunRequest, kept: readonly unknown[], instructions: string | undefined): RunRequest {
  const first = new History()
  if (instructions !== undefined) first.system(instructions)
  const history = [...first.messages, ...kept, ...(request.message_history ?? [])]
  return history.length === 0 ? request : { ...request, message_history: history }
}

/** Undefined of what is the model's own affair. */
function turnOf(one: Item, param: string): Turn | undefined {
  if (one.type === 'reasoning') return undefined
  if (one.type === 'function_call') {
    return { is: 'call', id: one.call_id, name: one.name, arguments: one.arguments, param }
  }
  if (one.type === 'function_call_output') {
    return { is: 'return', id: one.call_id, content: textOf(one.output), param: `${param}.call_id` }
  }
  if (one.role === 'user') return { is: 'user', prompt: promptFrom(one.content, param), param }
  return { is: one.role === 'assistant' ? 'text' : 'system', text: textOf(one.content), param }
}

function promptFrom(content: string | readonly Part[], param: string): Prompt {
  if (typeof content === 'string') return content
  return promptOf(content.map((one, at) => partOf(one, `${param}.content[${at}]`)))
}

function partOf(one: Part, param: string): PromptPart {
  if (one.type === 'input_image') {
    if (one.image_url == null) throw noFileIds(`${param}.file_id`)
    return fileAt(one.image_url, `${param}.image_url`, 'image/*')
  }
  if (one.type !== 'input_file') return { type: 'text', text: one.type === 'refusal' ? one.refusal : one.text }
  if (one.file_data != null) return fileOf(one.file_data, one.filename ?? '', `${param}.file_data`)
  if (one.file_url != null) return fileAt(one.file_url, `${param}.file_url`, 'application/octet-stream')
  throw noFileIds(`${param}.file_id`)
}

/** What is no text has no place here. */
function textOf(content: string | readonly Part[]): string {
  if (typeof content === 'string') return content
  return content.map((one) => ('text' in one ? one.text : 'refusal' in one ? one.refusal : '')).join('')
}
