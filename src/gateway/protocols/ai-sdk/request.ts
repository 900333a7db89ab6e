/**
 * Owns what the AI SDK asks with: the messages of its chat, and the request to an agent, or the answers to one that waits, that
 * they become.
 */
import * as z from 'zod'
import { runRequest } from '../../../protocol/run.ts'
import { readBody, refused } from '../bodies.ts'
import { fileAt, promptOf } from '../content.ts'
import { History, type Prompt, type PromptPart } from '../history.ts'
import { type Asked, readApprovalId, type ToolAnswer } from '../paused-runs.ts'

const textPart = z.looseObject({ type: z.literal('text'), text: z.string() })

const filePart = z.looseObject({ type: z.literal('file'), mediaType: z.string(), url: z.string() })

const toolPart = z.looseObject({
  type: z.string().regex(/^(?:tool-.+|dynamic-tool)$/s),
  toolCallId: z.string(),
  /** Of a `dynamic-tool`; others have it in their type. */
  toolName: z.string().optional(),
  state: z.string(),
  input: z.unknown().optional(),
  output: z.unknown().optional(),
  errorText: z.string().optional(),
  approval: z
    .looseObject({ id: z.string(), approved: z.boolean().optional(), reason: z.string().optional() })
    .optional(),
})
type ToolPart = z.infer<typeof toolPart>

/** Steps, reasoning, sources, data: what the client shows, and no agent is shown again. */
const otherPart = z.looseObject({ type: z.string().regex(/^(?!(?:text|file|dynamic-tool)$|tool-)/) })

const part = z.union([textPart, filePart, toolPart, otherPart])
type Part = z.infer<typeof part>

const message = z.looseObject({ role: z.enum(['system', 'user', 'assistant']), parts: z.array(part) })

const { deps, model, usage_limits, metadata } = runRequest.shape

/** What else the client sends is taken, and changes nothing. */
export const chatRequest = z.looseObject({
  messages: z.array(message).min(1),
  deps,
  model,
  usage_limits,
  metadata,
})

/** @throws AxonError RUN_REQUEST_INVALID, TOOL_APPROVAL_UNKNOWN */
export function readChatRequest(body: unknown): Asked {
  const { messages, deps, model, usage_limits, metadata } = readBody(chatRequest, body)
  const last = messages.at(-1)
  const [first, ...more] = last?.role === 'assistant' ? answersOf(last.parts) : []
  if (first !== undefined) return { answers: [first, ...more] }
  if (last?.role !== 'user')
    throw refused('messages', 'The last one must be of the user, or answer an approval of the agent.')
  const history = new History()
  const superseded = new Set<string>()
  messages.slice(0, -1).forEach(({ role, parts }, at) => {
    if (role === 'system') history.system(textOf(parts))
    else if (role === 'user') history.user(promptFrom(parts, `messages[${at}]`))
    else addAnswer(history, parts)
    for (const { state, approval } of parts.filter(isTool))
      if (approval !== undefined && state.startsWith('approval-')) superseded.add(readApprovalId(approval.id).run)
  })
  return {
    request: {
      prompt: promptFrom(last.parts, `messages[${messages.length - 1}]`),
      ...(history.messages.length > 0 && { message_history: history.messages }),
      ...Object.fromEntries(
        Object.entries({ deps, model, usage_limits, metadata }).filter(([, value]) => value !== undefined),
      ),
    },
    superseded: [...superseded],
  }
}

/** Of the last step: what came before was answered then. */
function answersOf(parts: readonly Part[]): ToolAnswer[] {
  const step = parts.slice(parts.findLastIndex(({ type }) => type === 'step-start') + 1)
  return step.filter(isTool).flatMap(({ state, approval }) => {
    if (state !== 'approval-responded' || approval?.approved === undefined) return []
    return [{ ...readApprovalId(approval.id), isApproved: approval.approved, message: approval.reason }]
  })
}

/** Calls of one step stand together, and their results after them. */
function addAnswer(history: History, parts: readonly Part[]): void {
  let returns: (() => void)[] = []
  const endStep = () => {
    for (const add of returns) add()
    returns = []
  }
  for (const part of parts) {
    if (part.type === 'step-start') endStep()
    else if (isText(part)) history.text(part.text)
    else if (isTool(part)) {
      const result = resultOf(part)
      if (result === undefined) continue
      const name = part.toolName ?? part.type.slice('tool-'.length)
      history.toolCall(part.toolCallId, name, part.input ?? {})
      returns.push(() => history.toolReturn(part.toolCallId, name, result.content))
    }
  }
  endStep()
}

/** Undefined where there is none: a call without one cannot be shown to a model. */
function resultOf({ state, output, errorText, approval }: ToolPart): { content: unknown } | undefined {
  if (state === 'output-available') return { content: output ?? null }
  if (state === 'output-error') return { content: errorText ?? 'The tool failed.' }
  if (state === 'output-denied') return { content: approval?.reason ?? 'The call was denied.' }
  return undefined
}

function promptFrom(parts: readonly Part[], where: string): Prompt {
  const said = parts.flatMap((part, at): PromptPart[] => {
    if (isText(part)) return [{ type: 'text', text: part.text }]
    if (!isFile(part)) return []
    const file = fileAt(part.url, `${where}.parts[${at}].url`, part.mediaType)
    // It may be told in full, or as `image`.
    return [file.type === 'file' && part.mediaType.includes('/') ? { ...file, media_type: part.mediaType } : file]
  })
  if (said.length === 0) throw refused(`${where}.parts`, 'There is no text or file in it.')
  return promptOf(said)
}

function textOf(parts: readonly Part[]): string {
  return parts
    .filter(isText)
    .map(({ text }) => text)
    .join('')
}

const isText = (part: Part): part is z.infer<typeof textPart> => part.type === 'text'
const isFile = (part: Part): part is z.infer<typeof filePart> => part.type === 'file'
const isTool = (part: Part): part is ToolPart => part.type === 'dynamic-tool' || part.type.startsWith('tool-')
