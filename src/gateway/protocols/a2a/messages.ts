/**
 * Owns what a message of A2A is as a request, and what a run is as a task. Which run, and when, is tasks.ts.
 */
import { randomUUID } from 'node:crypto'
import { type Artifact, type Message, type Part, Role, type Task, TaskState, type TaskStatus } from '@a2a-js/sdk'
import type { AxonError } from '../../../errors.ts'
import type { RunRequest, RunResponse } from '../../../protocol/run.ts'
import type { RunRecord, RunStatus } from '../../runs.ts'
import { toMetadata } from '../../statuses.ts'
import type { Caller } from '../../tokens.ts'
import { promptOf } from '../content.ts'
import type { PromptPart } from '../history.ts'

/** What a task has beside its run. */
export interface TaskFacts {
  contextId: string
  message: Message
}

const artifactId = 'result'
const depsKey = 'axon/deps'

type Metadata = Record<string, unknown>

export function requestOf(message: Message, metadata: Metadata | undefined, history: readonly unknown[]): RunRequest {
  const { [depsKey]: deps, ...rest } = metadata ?? {}
  return {
    prompt: promptOf(message.parts.map(promptPartOf)),
    ...(history.length > 0 && { message_history: [...history] }),
    ...(deps !== undefined && { deps }),
    ...(Object.keys(rest).length > 0 && { metadata: rest }),
  }
}

function promptPartOf({ content, mediaType }: Part): PromptPart {
  const media_type = mediaType || 'application/octet-stream'
  if (content?.$case === 'raw') return { type: 'file', media_type, data: content.value.toString('base64') }
  if (content?.$case === 'url') return { type: 'file', media_type, url: content.value }
  return { type: 'text', text: content?.$case === 'text' ? content.value : JSON.stringify(content?.value ?? null) }
}

const states: Readonly<Record<RunStatus, TaskState>> = {
  queued: TaskState.TASK_STATE_SUBMITTED,
  running: TaskState.TASK_STATE_WORKING,
  succeeded: TaskState.TASK_STATE_COMPLETED,
  failed: TaskState.TASK_STATE_FAILED,
  timed_out: TaskState.TASK_STATE_FAILED,
  interrupted: TaskState.TASK_STATE_FAILED,
  cancelled: TaskState.TASK_STATE_CANCELED,
}

export function stateOf({ status, error }: RunRecord): TaskState {
  return error?.code === 'RUN_REJECTED' ? TaskState.TASK_STATE_REJECTED : states[status]
}

export function statusOf(record: RunRecord, { contextId }: TaskFacts, caller: Caller): TaskStatus {
  const { error, createdAt, finishedAt, id } = record
  const failure = error && record.status !== 'cancelled' ? messageOf(error, id, contextId, caller) : undefined
  return {
    state: stateOf(record),
    message: failure,
    timestamp: new Date(finishedAt ?? createdAt).toISOString(),
  }
}

/** Why a task came to nothing. */
function messageOf(error: AxonError, taskId: string, contextId: string, caller: Caller): Message {
  const told = toMetadata(error, caller)
  return {
    messageId: randomUUID(),
    contextId,
    taskId,
    role: Role.ROLE_AGENT,
    parts: [textPart(told.message)],
    metadata: { 'axon/error': told },
    extensions: [],
    referenceTaskIds: [],
  }
}

export interface TaskView {
  /** How many messages of the history are wanted; undefined: all. */
  historyLength?: number | undefined
  hasArtifacts?: boolean
}

export function taskOf(record: RunRecord, facts: TaskFacts, caller: Caller, view: TaskView = {}): Task {
  const { id, response } = record
  const { historyLength = 1, hasArtifacts = true } = view
  return {
    id,
    contextId: facts.contextId,
    status: statusOf(record, facts, caller),
    artifacts: response && hasArtifacts ? [artifactOf(response)] : [],
    history: historyLength > 0 ? [facts.message] : [],
    metadata: response && { 'axon/usage': response.usage },
  }
}

export function artifactOf({ result }: Pick<RunResponse, 'result'>): Artifact {
  const part: Part =
    typeof result === 'string'
      ? textPart(result)
      : {
          content: { $case: 'data', value: result },
          mediaType: 'application/json',
          filename: '',
          metadata: undefined,
        }
  return { artifactId, name: 'result', description: '', parts: [part], metadata: undefined, extensions: [] }
}

function textPart(text: string): Part {
  return { content: { $case: 'text', value: text }, mediaType: 'text/plain', filename: '', metadata: undefined }
}
