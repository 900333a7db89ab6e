/**
 * Owns what AG-UI asks with: its RunAgentInput, and the request to an agent, or the answers to one that waits, that it becomes.
 */
import * as z from 'zod'
import { type RunRequest, runRequest } from '../../../protocol/run.ts'
import { readBody, refused } from '../bodies.ts'
import { fileAt, promptOf } from '../content.ts'
import { History, type Prompt, type PromptPart } from '../history.ts'
import { type Asked, readApprovalId, type ToolAnswer } from '../paused-runs.ts'

const source = z.discriminatedUnion(
  'type',
  [
    z.looseObject({ type: z.literal('data'), value: z.string(), mimeType: z.string() }),
    z.looseObject({ type: z.literal('url'), value: z.string(), mimeType: z.string().nullish() }),
  ],
  { error: 'There is no such source; there are data and url' },
)

const textPart = z.looseObject({ type: z.literal('text'), text: z.string() })

const part = z.discriminatedUnion(
  'type',
  [textPart, z.looseObject({ type: z.enum(['image', 'audio', 'video', 'document']), source })],
  { error: 'There is no such part; there are text, image, audio, video and document' },
)
type Part = z.infer<typeof part>

const content = z.union([z.string(), z.array(part)])

const toolCall = z.looseObject({
  id: z.string(),
  function: z.looseObject({ name: z.string(), arguments: z.string() }),
})

const message = z.discriminatedUnion(
  'role',
  [
    z.looseObject({ role: z.enum(['system', 'developer']), content: z.string() }),
    z.looseObject({ role: z.literal('user'), content }),
    z.looseObject({
      role: z.literal('assistant'),
      content: z.string().nullish(),
      toolCalls: z.array(toolCall).nullish(),
    }),
    z.looseObject({ role: z.literal('tool'), toolCallId: z.string(), content, error: z.string().nullish() }),
    // What the client shows, and no agent is shown again.
    z.looseObject({ role: z.enum(['reasoning', 'activity']) }),
  ],
  { error: 'There is no such role; there are system, developer, user, assistant, tool, reasoning and activity' },
)
type Message = z.infer<typeof message>

const { deps, model, usage_limits, metadata } = runRequest.shape

const resumeEntry = z.looseObject({
  interruptId: z.string(),
  status: z.enum(['resolved', 'cancelled']),
  payload: z.unknown().optional(),
})

/** What a tool call that waits is answered with. */
const verdict = z.looseObject({ approved: z.boolean(), message: z.string().nullish() })
export const verdictSchema = {
  type: 'object',
  properties: { approved: { type: 'boolean' }, message: { type: 'string' } },
  required: ['approved'],
}

/** Fields that are not here are taken and change nothing; `tools` too: an agent calls none of its client. */
export const runAgentInput = z.looseObject({
  threadId: z.string(),
  runId: z.string(),
  parentRunId: z.string().nullish(),
  messages: z.array(message),
  state: z.unknown().optional(),
  context: z.array(z.looseObject({ description: z.string(), value: z.string() })).nullish(),
  forwardedProps: z.looseObject({ deps, model, usage_limits, metadata }).nullish(),
  resume: z.array(resumeEntry).nullish(),
})

/** What the client calls its run. */
export interface ClientRun {
  threadId: string
  runId: string
}

/** @throws AxonError RUN_REQUEST_INVALID, TOOL_APPROVAL_UNKNOWN */
export function readRunAgentInput(body: unknown): { client: ClientRun; asked: Asked } {
  const input = readBody(runAgentInput, body)
  const { threadId, runId, messages } = input
  const client = { threadId, runId }
  const [first, ...more] = (input.resume ?? []).map(answerOf)
  const asking = messages.findLastIndex(({ role }) => role !== 'reasoning' && role !== 'activity')
  const last = messages[asking]
  const isGivenUp = last?.role === 'user' && input.resume?.every(({ status }) => status === 'cancelled')
  if (first !== undefined && !isGivenUp) return { client, asked: { answers: [first, ...more] } }
  if (last?.role !== 'user') throw refused('messages', 'The last one must be of the user: it is the prompt.')
  const history = historyOf(messages.slice(0, asking))
  const { forwardedProps } = input
  const told = {
    ...(input.context?.length && { context: input.context }),
    ...(isSaid(input.state) && { state: input.state }),
    ...forwardedProps?.metadata,
  }
  const request: RunRequest = {
    prompt: promptFrom(last.content, `messages[${asking}].content`),
    ...(history.messages.length > 0 && { message_history: history.messages }),
    ...(Object.keys(told).length > 0 && { metadata: told }),
    ...(forwardedProps?.deps !== undefined && { deps: forwardedProps.deps }),
    ...(forwardedProps?.model !== undefined && { model: forwardedProps.model }),
    ...(forwardedProps?.usage_limits !== undefined && { usage_limits: forwardedProps.usage_limits }),
  }
  const superseded = first === undefined ? [] : [...new Set([first, ...more].map(({ run }) => run))]
  return { client, asked: { request, superseded } }
}

/** Clients send an empty state where there is none. */
function isSaid(state: unknown): boolean {
  return state !== undefined && state !== null && !(typeof state === 'object' && Object.keys(state).length === 0)
}

function answerOf({ interruptId, status, payload }: z.infer<typeof resumeEntry>, at: number): ToolAnswer {
  const about = readApprovalId(interruptId)
  if (status === 'cancelled') return { ...about, isApproved: false }
  const parsed = verdict.safeParse(payload)
  if (!parsed.success) throw refused(`resume[${at}].payload`, 'It must be { approved, message? }.')
  const { approved, message } = parsed.data
  return { ...about, isApproved: approved, message: message ?? undefined }
}

/** Calls without a result are left out: they cannot be shown to a model. */
function historyOf(messages: readonly Message[]): History {
  const history = new History()
  const answered = new Set(messages.flatMap((one) => (one.role === 'tool' ? [one.toolCallId] : [])))
  const names = new Map<string, string>()
  messages.forEach((one, at) => {
    const where = `messages[${at}]`
    if (one.role === 'system' || one.role === 'developer') history.system(one.content)
    else if (one.role === 'user') history.user(promptFrom(one.content, `${where}.content`))
    else if (one.role === 'assistant') {
      if (one.content) history.text(one.content)
      for (const { id, function: called } of one.toolCalls ?? []) {
        if (!answered.has(id)) continue
        names.set(id, called.name)
        history.toolCall(id, called.name, called.arguments)
      }
    } else if (one.role === 'tool') {
      const name = names.get(one.toolCallId)
      if (name === undefined) throw refused(`${where}.toolCallId`, 'No tool call before it has this id.')
      history.toolReturn(one.toolCallId, name, one.error ?? textOf(one.content))
    }
  })
  return history
}

function promptFrom(given: string | readonly Part[], where: string): Prompt {
  if (typeof given === 'string') return given
  if (given.length === 0) throw refused(where, 'There is nothing in it.')
  return promptOf(given.map((one, at) => promptPartOf(one, `${where}[${at}].source.value`)))
}

function promptPartOf(part: Part, where: string): PromptPart {
  if (part.type === 'text') return { type: 'text', text: part.text }
  const { type, value, mimeType } = part.source
  if (type === 'data') return { type: 'file', media_type: mimeType, data: value }
  const file = fileAt(value, where, part.type === 'document' ? 'application/octet-stream' : `${part.type}/*`)
  return file.type === 'file' && mimeType ? { ...file, media_type: mimeType } : file
}

function textOf(given: string | readonly Part[]): string {
  if (typeof given === 'string') return given
  return given.map((one) => (one.type === 'text' ? one.text : '')).join('')
}
