/**
 * Owns a run's events as A2A tells them: what is said grows an artifact, everything else is a status with the event itself.
 *
 * 1. Whoever has followed the artifact's pieces has what GetTask gives.
 */
import { type StreamResponse, TaskState } from '@a2a-js/sdk'
import type { RunStreamEvent } from '../../../protocol/run.ts'
import { artifactOf } from './messages.ts'

/** One task, read once. */
export class TaskEvents {
  readonly #taskId: string
  readonly #contextId: string
  #text: string | undefined

  constructor(taskId: string, contextId: string) {
    this.#taskId = taskId
    this.#contextId = contextId
  }

  tell({ event, data }: RunStreamEvent): StreamResponse {
    if (event === 'text.delta') {
      const isFirst = this.#text === undefined
      this.#text = (this.#text ?? '') + data.text
      return this.#artifact(data.text, !isFirst, false)
    }
    if (event !== 'run.result') return this.#working(event === 'run.started' ? undefined : { event, data })
    // What was said on the way to a tool is no part of the result: then it takes the place of the pieces.
    return this.#text === data.result ? this.#artifact('', true, true) : this.#artifact(data.result, false, true)
  }

  #artifact(result: unknown, append: boolean, lastChunk: boolean): StreamResponse {
    const artifact = artifactOf({ result })
    const value = { ...this.#ids, artifact, append, lastChunk, metadata: undefined }
    return { payload: { $case: 'artifactUpdate', value } }
  }

  #working(event: unknown): StreamResponse {
    const status = {
      state: TaskState.TASK_STATE_WORKING,
      message: undefined,
      timestamp: new Date().toISOString(),
    }
    const value = { ...this.#ids, status, metadata: event === undefined ? undefined : { 'axon/event': event } }
    return { payload: { $case: 'statusUpdate', value } }
  }

  get #ids(): { taskId: string; contextId: string } {
    return { taskId: this.#taskId, contextId: this.#contextId }
  }
}
