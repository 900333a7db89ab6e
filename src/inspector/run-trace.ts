/**
 * Owns what is known of one run while it lasts: its state, its attempt, and what it spent its time on.
 */
import type { RunState } from '../machines/run.ts'
import type { RunStreamEvent } from '../protocol/run.ts'
import type { RunFrame, RunStatus } from './frames.ts'

type Phase = { name: RunFrame['phases'][number]['name']; fromMs: number; toMs?: number }

/** A talk that calls many tools has no more in its frame. */
const maxPhases = 200

export class RunTrace {
  readonly run: string
  readonly agent: string
  readonly sessionId: string
  readonly begunAt: number
  state: RunState = 'accepted'
  attempt = 1
  started: boolean | undefined = false
  generation: string | undefined
  end: Pick<RunFrame, 'durationMs' | 'usage' | 'error'> = {}
  #phases: Phase[] = []
  /** What goes on, by name; of tools and approvals, by name and call. */
  readonly #open = new Map<string, Phase>()

  constructor(run: string, agent: string, begunAt: number) {
    this.run = run
    this.agent = agent
    this.sessionId = runSessionId(run)
    this.begunAt = begunAt
    this.#begin('waiting', begunAt)
  }

  get status(): RunStatus {
    const isWaiting = [...this.#open.values()].some(({ name }) => name === 'approval')
    return isWaiting ? 'waiting' : this.state
  }

  get phases(): readonly Phase[] {
    return this.#phases.slice(-maxPhases).map((phase) => ({ ...phase }))
  }

  /** Its code has begun. */
  begin(at: number): void {
    this.#endAll(at)
    this.#begin('model', at)
  }

  /** It waits for a place. */
  wait(at: number): void {
    this.#endAll(at)
    this.#begin('waiting', at)
  }

  settle(at: number): void {
    this.#endAll(at)
  }

  /** Answers whether it spends its time on something else now. */
  streamed({ event, data }: RunStreamEvent, at: number): boolean {
    switch (event) {
      case 'text.delta':
        return this.#begin('text', at)
      case 'tool.call':
        return this.call(data.id, at)
      case 'tool.result':
        return this.answer(data.id, at)
      case 'tool.approval':
        return this.ask(data.id, at)
      default:
        return false
    }
  }

  call(id: string, at: number): boolean {
    return this.#leaveModel('tools', id, at)
  }

  answer(id: string, at: number): boolean {
    this.#end(`approval ${id}`, at)
    return this.#returnToModel('tools', id, at)
  }

  ask(id: string, at: number): boolean {
    return this.#leaveModel('approval', id, at)
  }

  decide(id: string, at: number): boolean {
    return this.#returnToModel('approval', id, at)
  }

  #leaveModel(to: 'tools' | 'approval', id: string, at: number): boolean {
    this.#end('model', at)
    this.#end('text', at)
    return this.#begin(to, at, id)
  }

  /** Where nothing else goes on. */
  #returnToModel(from: 'tools' | 'approval', id: string, at: number): boolean {
    const hasEnded = this.#end(`${from} ${id}`, at)
    if (hasEnded && this.#open.size === 0) this.#begin('model', at)
    return hasEnded
  }

  #begin(name: Phase['name'], at: number, id?: string): boolean {
    const key = id === undefined ? name : `${name} ${id}`
    if (this.#open.has(key)) return false
    const phase: Phase = { name, fromMs: this.#since(at) }
    this.#open.set(key, phase)
    this.#phases.push(phase)
    if (this.#phases.length > 2 * maxPhases) this.#phases = this.#phases.slice(-maxPhases)
    return true
  }

  #end(key: string, at: number): boolean {
    const phase = this.#open.get(key)
    if (phase) phase.toMs = this.#since(at)
    return this.#open.delete(key)
  }

  #endAll(at: number): void {
    for (const key of [...this.#open.keys()]) this.#end(key, at)
  }

  #since(at: number): number {
    return Math.round((at - this.begunAt) * 1_000) / 1_000
  }
}

/** Of the actor of a run, in frames: known before anybody looks at its actor. */
export const runSessionId = (run: string): string => `run:${run}`
