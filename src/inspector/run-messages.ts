/**
 * Owns what is said between a run, its agent and its replica, as event frames.
 */
import type { RunFact, ToolFact } from '../machines/facts.ts'
import type { RunStreamEvent } from '../protocol/run.ts'
import type { EventFrame } from './frames.ts'
import { presentableEvent } from './redaction.ts'
import type { RunTrace } from './run-trace.ts'
import type { Timeline } from './timeline.ts'

/** The session ids of those who talk; undefined: there is none, or none that is known. */
export interface Talkers {
  agent: string | undefined
  replica: string | undefined
}

export class RunMessages {
  readonly #timeline: Timeline
  readonly #lastDelta = new Map<string, { frame: EventFrame; turn: number }>()

  constructor(timeline: Timeline) {
    this.#timeline = timeline
  }

  tell(trace: RunTrace, fact: RunFact | ToolFact, { agent, replica }: Talkers): EventFrame | undefined {
    const { agent: _agent, run: _run, generation: _generation, ...told } = fact as typeof fact & { generation?: string }
    switch (fact.type) {
      case 'run.accepted':
        return this.#record(trace, told, agent, undefined)
      case 'run.requeued':
      case 'run.settled':
        return this.#record(trace, told, agent, trace.sessionId)
      case 'run.started':
      case 'tool.called':
      case 'tool.approval':
        return this.#record(trace, told, trace.sessionId, replica)
      case 'run.abandoned':
      case 'tool.returned':
      case 'tool.failed':
      case 'tool.approved':
      case 'tool.denied':
        return this.#record(trace, told, replica, trace.sessionId)
    }
  }

  /** The run was given to a replica. */
  assigned(trace: RunTrace, { agent, replica }: Talkers): void {
    this.#record(trace, { type: 'run.assigned' }, replica, agent)
  }

  /** What the replica streams; equal pieces in a row are one message. */
  streamed(trace: RunTrace, { event, data }: RunStreamEvent, { replica }: Talkers): void {
    if (event === 'run.started' || event === 'run.result') return
    const isDelta = event === 'text.delta' || event === 'thinking.delta'
    const last = this.#lastDelta.get(trace.run)
    if (isDelta && last?.turn === this.#timeline.turn && last.frame.event.type === event) {
      last.frame.count = (last.frame.count ?? 1) + 1
      return
    }
    const told = { type: event, ...(!isDelta && (data as Record<string, unknown>)) }
    const frame = this.#record(trace, told, trace.sessionId, replica)
    if (frame && isDelta) this.#lastDelta.set(trace.run, { frame, turn: this.#timeline.turn })
    else this.#lastDelta.delete(trace.run)
  }

  forget(run: string): void {
    this.#lastDelta.delete(run)
  }

  #record(
    { run, generation }: RunTrace,
    told: { type: string },
    sessionId: string | undefined,
    sourceId: string | undefined,
  ): EventFrame | undefined {
    if (sessionId === undefined) return undefined
    return this.#timeline.record<EventFrame>({
      type: '@xstate.event',
      sessionId,
      sourceId,
      event: presentableEvent(told),
      run,
      ...(generation !== undefined && { generation }),
      taken: true,
    })
  }
}
