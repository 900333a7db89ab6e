/**
 * Owns what is done to an agent's replicas in one step of their supervisor: adding, sending, letting go, and what is remembered
 * of it. Which event calls for which step is pool.ts.
 */
import type { AnyActorRef } from 'xstate'
import { type ReplicaEvent, replicaName } from './agent-context.ts'
import type { PoolFact, RolloutReason, ScaleReason } from './facts.ts'
import {
  dispensable,
  freeIndex,
  isSameProcess,
  kept,
  leastOf,
  type PoolContext,
  type Replica,
  serverId,
} from './pool-context.ts'

type WithoutName<F> = F extends PoolFact ? Omit<F, 'agent'> : never

/** What XState's `enqueueActions` gives, as far as it is used here. */
export interface Enqueue {
  spawnChild(source: 'replica', options: { id: string; systemId: string; input: unknown }): void
  sendTo(target: string | AnyActorRef, event: object): void
  stopChild(id: string): void
  assign(changes: Partial<PoolContext>): void
}

export class PoolStep {
  readonly #enqueue: Enqueue
  readonly #context: PoolContext
  readonly #self: AnyActorRef
  #replicas: readonly Replica[]
  #left: PoolContext['left']
  #rollout: PoolContext['rollout']

  /** `context` is of before the step; `commit()` is called at its end. */
  constructor(enqueue: Enqueue, context: PoolContext, self: AnyActorRef) {
    this.#enqueue = enqueue
    this.#context = context
    this.#self = self
    this.#replicas = context.replicas
    this.#left = context.left
    this.#rollout = context.rollout
  }

  get kept(): Replica[] {
    return kept({ replicas: this.#replicas })
  }

  commit(): void {
    this.#enqueue.assign({ replicas: this.#replicas, left: this.#left, rollout: this.#rollout })
  }

  tell(fact: WithoutName<PoolFact>): void {
    this.#enqueue.sendTo(this.#context.parent, { ...fact, agent: this.#context.definition.name })
  }

  /** To all that are not on their way out. Where no process is to go on, the next has the definition of now. */
  send(command: ReplicaEvent): void {
    const { definition } = this.#context
    const update = command.type === 'agent.start' ? 'agent.configure' : 'agent.adjust'
    for (const replica of this.kept) {
      const { index, isReady } = replica
      if ('definition' in command) this.#change(index, { definition: command.definition })
      else if (!isSameProcess(replica.definition, definition) && !(isReady && command.type === 'agent.start')) {
        this.#change(index, { definition })
        this.sendTo(index, { type: update, definition })
      }
      this.sendTo(index, command)
    }
  }

  /** The processes that can go on by the definition of now. */
  adjust(): void {
    const { definition } = this.#context
    for (const replica of this.kept) {
      if (!isSameProcess(replica.definition, definition)) continue
      this.#change(replica.index, { definition })
      this.sendTo(replica.index, { type: 'agent.adjust', definition })
    }
  }

  sendTo(index: number, command: ReplicaEvent): void {
    this.#enqueue.sendTo(serverId(index), command)
  }

  /** Makes one more replica, with the definition as it is now. It is not started. */
  add(): number {
    const { definition, now, random } = this.#context
    const index = freeIndex({ replicas: this.#replicas })
    this.#enqueue.spawnChild('replica', {
      id: serverId(index),
      systemId: `agent:${definition.name}/${index}`,
      input: { definition, replica: index, generation: this.#left[index], parent: this.#self, now, random },
    })
    const none = { isReady: false, isStopped: false, isLeaving: false, isAging: false }
    const made: Replica = { ...none, index, definition, generation: '', crashes: 0 }
    this.#replicas = [...this.#replicas, made].sort((a, b) => a.index - b.index)
    return index
  }

  /** At least as many as an agent has when it is started. */
  fill(): void {
    const [from, to] = [this.kept.length, leastOf(this.#context.definition)]
    for (let count = from; count < to; count += 1) this.add()
    if (from > 0 && from < to) this.tell({ type: 'agent.scaled', from, to, why: 'configured' })
  }

  /** No more than an agent has when it is started. */
  trim(why: ScaleReason): void {
    const least = leastOf(this.#context.definition)
    if (this.kept.length > least) this.scaleTo(least, why)
  }

  /** As `fill`, of an agent that serves. */
  grow(why: ScaleReason): void {
    const least = leastOf(this.#context.definition)
    if (this.kept.length < least) this.scaleTo(least, why)
  }

  scaleTo(count: number, why: ScaleReason): void {
    // What is being started in another's place counts as that one.
    const from = this.kept.length - (this.#rollout?.surge === undefined ? 0 : 1)
    if (count === from) return
    for (let more = from; more < count; more += 1) this.sendTo(this.add(), { type: 'agent.start' })
    this.#letGo(from - count)
    this.tell({ type: 'agent.scaled', from, to: count, why })
  }

  /** It drains, and is gone when it has stopped. */
  leave(index: number): void {
    this.#change(index, { isLeaving: true })
    this.sendTo(index, { type: 'agent.stop' })
  }

  leaveAll(): void {
    this.#rollout = undefined
    for (const { index } of this.kept) this.leave(index)
  }

  /** It has no process any more, and gives up its place. */
  drop(index: number): void {
    this.#enqueue.stopChild(serverId(index))
    this.tell({ type: 'replica.removed', replica: replicaName(this.#context.definition.name, index) })
    this.#replicas = this.#replicas.filter((replica) => replica.index !== index)
  }

  /** It has stopped. */
  remove(index: number, generation: string): void {
    this.drop(index)
    this.#left = { ...this.#left, [index]: Number(generation.slice(generation.lastIndexOf('#') + 1)) }
  }

  note(index: number, changes: Partial<Replica>): void {
    this.#change(index, changes)
  }

  /** The replicas of `indices` are to be replaced, beside those that are to be already. */
  replace(indices: readonly number[], why: RolloutReason): void {
    const { waiting = [], surge } = this.#rollout ?? {}
    const more = indices.filter((index) => index !== surge && !waiting.includes(index))
    if (more.length === 0) return
    if (this.#rollout === undefined) this.tell({ type: 'rollout.started', why, replicas: more.length })
    const first = this.#rollout?.why ?? why
    this.#rollout = { why: first, waiting: [...waiting, ...more], surge: surge ?? this.#surge() }
  }

  /** The new one is proved ready: the old one leaves, and the next is begun. */
  advance(): void {
    const [first, ...waiting] = this.#rollout?.waiting ?? []
    if (this.#rollout === undefined || first === undefined) return
    this.leave(first)
    this.#rollout = { ...this.#rollout, waiting, surge: waiting.length > 0 ? this.#surge() : undefined }
  }

  complete(): void {
    if (this.#rollout) this.tell({ type: 'rollout.completed' })
    this.#rollout = undefined
  }

  /** What was to take another's place leaves instead. */
  abandon(): void {
    if (this.#rollout?.surge !== undefined) this.leave(this.#rollout.surge)
    this.#rollout = undefined
  }

  #surge(): number {
    const index = this.add()
    this.sendTo(index, { type: 'agent.start' })
    return index
  }

  #letGo(count: number): void {
    const replicas = this.#replicas.filter(({ index }) => index !== this.#rollout?.surge)
    for (const { index } of dispensable({ replicas }, count)) this.leave(index)
    this.#spare()
  }

  /** What was let go needs no successor; where nothing waits for one any more, neither does the one that is being started. */
  #spare(): void {
    if (this.#rollout?.surge === undefined) return
    const { surge } = this.#rollout
    const waiting = this.#rollout.waiting.filter((index) => this.kept.some((replica) => replica.index === index))
    if (waiting.length === 0) this.leave(surge)
    this.#rollout = { ...this.#rollout, waiting, surge: waiting.length > 0 ? surge : undefined }
  }

  #change(index: number, changes: Partial<Replica>): void {
    this.#replicas = this.#replicas.map((replica) => (replica.index === index ? { ...replica, ...changes } : replica))
  }
}
