/**
 * Owns what follows from the order of agents: who is started, held, or replaced with a sibling, in one step of the root. Names and
 * their order are arrangement.ts.
 */
import type { AnyActorRef } from 'xstate'
import type { AgentFact, Fact } from './facts.ts'
import { isStopped, isUp } from './pool-context.ts'
import type { Member, SystemContext } from './system-context.ts'

/** What XState's `enqueueActions` gives, as far as it is used here. */
export interface Enqueue {
  (action: () => void): void
  emit(fact: Fact): void
  sendTo(target: string | AnyActorRef, event: object): void
  stopChild(ref: AnyActorRef): void
  raise(event: object): void
  assign(changes: Partial<SystemContext>): void
}

export class OrderStep {
  readonly #enqueue: Enqueue
  readonly #context: SystemContext

  constructor(enqueue: Enqueue, context: SystemContext) {
    this.#enqueue = enqueue
    this.#context = context
  }

  /** Starts an agent that is to have processes, or holds it until those are ready that it comes after. */
  begin({ definition, ref }: Member): void {
    const { name, replicas } = definition
    if (ref === undefined || replicas.min === 0) return
    const awaited = this.#awaited(name)
    if (awaited.length === 0) return this.#enqueue.sendTo(ref, { type: 'agent.start' })
    this.#context.arrangement.hold(name)
    this.#enqueue.emit({ type: 'agent.waiting', agent: name, for: awaited })
  }

  /** Somebody became ready, or is gone: those who waited for nobody else are started. */
  releaseHeld(): void {
    const { arrangement, members } = this.#context
    for (const name of [...arrangement.held]) {
      const member = members.get(name)
      if (member?.ref === undefined || this.#awaited(name).length > 0) continue
      arrangement.release(name)
      this.#enqueue.sendTo(member.ref, { type: 'agent.start' })
    }
  }

  /** A process that had served was lost: those that its team's strategy names are replaced too. */
  replaceSiblings({ agent, wasReady }: Extract<AgentFact, { type: 'agent.crashed' }>): void {
    const { arrangement, members } = this.#context
    if (!wasReady) return
    const next = arrangement.lose(agent, (sibling) => isRunning(members.get(sibling)))
    if (next !== undefined) this.#stop(next)
  }

  goOnReplacing(agent: string): void {
    const { ref } = this.#context.members.get(agent) ?? {}
    if (ref && isStopped(ref.getSnapshot().context)) this.ended(agent, false)
  }

  /** An agent has stopped, or is gone: where its team is being replaced, the next is stopped, or all are started again. */
  ended(agent: string, isGone: boolean): void {
    const { stop, start } = this.#context.arrangement.ended(agent, isGone)
    if (stop !== undefined) this.#stop(stop)
    for (const name of start) {
      const member = this.#context.members.get(name)
      if (member) this.begin(member)
    }
  }

  /** Those that an agent comes after and that are neither ready nor at rest. */
  #awaited(name: string): string[] {
    const { arrangement, members } = this.#context
    return arrangement.ahead(name).filter((other) => {
      const member = members.get(other)
      if (member === undefined || member.definition.replicas.min === 0) return false
      return member.ref === undefined || !isUp(member.ref.getSnapshot().context)
    })
  }

  #stop(agent: string): void {
    const { ref } = this.#context.members.get(agent) ?? {}
    if (ref) this.#enqueue.sendTo(ref, { type: 'agent.stop' })
  }
}

/** Whether it has, or is about to have, a process: not where it was stopped, rests, or is on its way out. */
function isRunning(member: Member | undefined): boolean {
  if (member?.ref === undefined || member.isRetiring) return false
  const pool = member.ref.getSnapshot()
  return pool.status === 'active' && !pool.matches('resting') && !isStopped(pool.context)
}
