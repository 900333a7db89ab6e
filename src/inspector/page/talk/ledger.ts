/**
 * Owns the folding of a run's events into the entries of a ledger: text in one piece, a tool call with its answer. Plain data; it
 * reads no signal and draws nothing.
 *
 * 1. Entries stand in the order of the events' `id`; a text after a tool call is an entry of its own.
 */
import type { StreamFrame } from '../../frames.ts'

export interface ToolEntry {
  kind: 'tool'
  key: number
  at: number
  id: string
  name: string
  arguments: unknown
  /** `asked`: waits for a person. `lost`: the run ended before it answered. */
  state: 'running' | 'asked' | 'done' | 'failed' | 'lost'
  result?: unknown
  error?: string
  durationMs?: number
  /** Until when it waits for a person, in milliseconds since 1970. */
  dueAt?: number
}

export type Entry =
  | { kind: 'text' | 'thinking'; key: number; at: number; text: string }
  | ToolEntry
  | { kind: 'custom'; key: number; at: number; name: string; value: unknown }
  | { kind: 'result'; key: number; at: number; value: unknown }

export interface Ledger {
  entries: readonly Entry[]
  /** Pieces of text. */
  deltas: number
  /** The whole conversation, to be sent with the next prompt; undefined until the run has succeeded. */
  messages: readonly unknown[] | undefined
  /** How it ended, where the run told that itself. */
  error: { code: string; message: string; started?: boolean; attempt?: number } | undefined
  isOver: boolean
}

type Data = Record<string, unknown>

/** Those after `untilAt`, in milliseconds since 1970, are left out. */
export function ledgerOf(events: readonly StreamFrame[], untilAt = Number.POSITIVE_INFINITY): Ledger {
  const entries: Entry[] = []
  const tools = new Map<string, ToolEntry>()
  let deltas = 0
  let messages: readonly unknown[] | undefined
  let error: Ledger['error']
  let isOver = false
  for (const { id: key, at, event, data: given } of events) {
    if (at > untilAt) break
    const data = asData(given)
    switch (event) {
      case 'text.delta':
      case 'thinking.delta': {
        const kind = event === 'text.delta' ? 'text' : 'thinking'
        if (kind === 'text') deltas += 1
        const last = entries.at(-1)
        if (last?.kind === kind) last.text += asText(data.text)
        else entries.push({ kind, key, at, text: asText(data.text) })
        break
      }
      case 'tool.call':
      case 'tool.approval': {
        const id = asText(data.id)
        const known = tools.get(id)
        const tool: ToolEntry = known ?? {
          kind: 'tool',
          key,
          at,
          id,
          name: asText(data.name),
          arguments: parsed(data.arguments),
          state: 'running',
        }
        if (event === 'tool.approval') {
          tool.state = 'asked'
          tool.dueAt = Number(data.due_at ?? data.dueAt)
        }
        if (known !== undefined) break
        tools.set(id, tool)
        entries.push(tool)
        break
      }
      case 'tool.result': {
        const tool = tools.get(asText(data.id))
        if (tool === undefined) break
        tool.durationMs = at - tool.at
        tool.state = data.error === undefined ? 'done' : 'failed'
        if (data.error === undefined) tool.result = data.result
        else tool.error = asText(data.error)
        break
      }
      case 'custom':
        entries.push({ kind: 'custom', key, at, name: asText(data.name), value: data.value })
        break
      case 'run.result': {
        isOver = true
        const { result } = data
        if (Array.isArray(data.messages)) messages = data.messages
        // A text that came in pieces is there already.
        if (typeof result === 'string' && deltas === 0) entries.push({ kind: 'text', key, at, text: result })
        else if (typeof result !== 'string' && result != null) entries.push({ kind: 'result', key, at, value: result })
        break
      }
      case 'run.error':
        isOver = true
        error = errorOf(asData(data.error))
        break
      default: // run.started says nothing that the timeline does not
    }
  }
  if (isOver) for (const tool of tools.values()) if (tool.durationMs === undefined) tool.state = 'lost'
  return { entries, deltas, messages, error, isOver }
}

function errorOf({ code, message, started, attempt }: Data): NonNullable<Ledger['error']> {
  return {
    code: asText(code),
    message: asText(message),
    ...(typeof started === 'boolean' && { started }),
    ...(typeof attempt === 'number' && { attempt }),
  }
}

function asData(value: unknown): Data {
  return typeof value === 'object' && value !== null ? (value as Data) : {}
}

function asText(value: unknown): string {
  return typeof value === 'string' ? value : value === undefined ? '' : JSON.stringify(value)
}

/** Arguments travel as the model wrote them: an object, or its JSON. */
function parsed(value: unknown): unknown {
  if (typeof value !== 'string') return value
  try {
    return JSON.parse(value)
  } catch {
    return value
  }
}
