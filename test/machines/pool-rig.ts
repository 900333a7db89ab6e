/**
 * Owns the bench of an agent's replicas: the real machines of the pool and of each replica on slots that answer before the call
 * returns, simulated time, and what was told to the outside.
 */
import { type AnyActorRef, createActor, fromCallback, type SnapshotFrom } from 'xstate'
import { agentMachine } from '../../src/machines/agent.ts'
import type { AgentDefinition } from '../../src/machines/definition.ts'
import type { AgentFact, PoolFact } from '../../src/machines/facts.ts'
import { poolMachine } from '../../src/machines/pool.ts'
import { type PoolEvent, replicaAt, serverId } from '../../src/machines/pool-context.ts'
import type { AgentSlots } from '../../src/machines/slots.ts'
import { nameOf } from './agent-transitions.ts'
import { type FakeProcess, FakeSlots } from './fake-slots.ts'
import { definitionOf, environment, importFailure } from './samples.ts'
import { SteppedClock } from './stepped-clock.ts'

export type PoolRigFact = AgentFact | PoolFact

export class PoolRig {
  readonly clock = new SteppedClock()
  readonly slots = new FakeSlots('synchronous')
  readonly facts: PoolRigFact[] = []
  readonly actor
  readonly #said = new Set<FakeProcess>()

  /** `onFact` is called while the fact is being told. */
  constructor(
    changes: Partial<AgentDefinition> = {},
    broken: Partial<AgentSlots> = {},
    onFact: (fact: PoolRigFact) => unknown = () => {},
  ) {
    const hear = (fact: PoolRigFact) => {
      this.facts.push(fact)
      onFact(fact)
    }
    const parent = createActor(fromCallback<PoolRigFact>(({ receive }) => receive(hear))).start()
    const replica = agentMachine.provide({ actors: { ...this.slots.actors, ...broken } })
    this.actor = createActor(poolMachine.provide({ actors: { replica } }), {
      clock: this.clock,
      input: {
        definition: definitionOf('writer', changes),
        parent: parent as AnyActorRef,
        now: () => this.clock.now(),
        random: () => 1,
      },
    }).start()
  }

  get snapshot() {
    return this.actor.getSnapshot()
  }

  get state(): string {
    return this.snapshot.value
  }

  get definition(): AgentDefinition {
    return this.snapshot.context.definition
  }

  send(event: PoolEvent | Exclude<PoolEvent['type'], 'agent.configure' | 'agent.scale' | 'replica.recycle'>): void {
    this.actor.send((typeof event === 'string' ? { type: event } : event) as PoolEvent)
  }

  scale(replicas: number, why?: 'load'): void {
    this.send({ type: 'agent.scale', replicas, why })
  }

  /** Changes the definition as it is now. */
  configure(changes: Partial<AgentDefinition>): void {
    this.send({ type: 'agent.configure', definition: { ...this.definition, ...changes } })
  }

  recycle(generation: string): void {
    this.send({ type: 'replica.recycle', generation, why: 'runs' })
  }

  /** Every environment that is waited for is there. */
  provide(): void {
    for (const call of this.slots.environments) call.resolve(environment)
  }

  /** The processes that are alive and have not said that they serve. */
  get silent(): FakeProcess[] {
    return this.slots.alive.filter((process) => !this.#said.has(process))
  }

  say(process: FakeProcess): void {
    this.#said.add(process)
    process.spawned()
    process.ready()
  }

  /** What is being started is ready, and what is started because of that. What is let go stays until `exitAsked`. */
  serve(): void {
    for (let round = 0; round < 50; round += 1) {
      this.provide()
      const starting = this.silent.filter(({ asked }) => asked.length === 0)
      if (starting.length === 0) return
      for (const process of starting) this.say(process)
    }
    throw new Error('There is no end of starts.')
  }

  /** Every process that was asked to end does. */
  exitAsked(): void {
    for (const process of this.slots.alive) if (process.asked.length > 0) process.exited({ code: 0 })
  }

  /** Starts and ends follow each other until nothing is left to be done. */
  settle(): void {
    for (let round = 0; round < 100; round += 1) {
      this.serve()
      if (this.slots.alive.every(({ asked }) => asked.length === 0)) return
      this.exitAsked()
    }
    throw new Error('There is no end of ends.')
  }

  /** Started, and every replica serves; nothing was told since. */
  up(): this {
    this.send('agent.start')
    this.settle()
    this.told()
    return this
  }

  /** The process of that name. */
  process(generation: string): FakeProcess {
    const found = this.slots.processes.find((process) => process.generation === generation)
    if (found === undefined) throw new Error(`There is no process ${generation}.`)
    return found
  }

  /** Its import fails as often as it is tried. */
  failToImport(replica: number): void {
    for (let tries = 0; tries < 3; tries += 1) {
      this.provide()
      const process = this.silent.find(({ generation }) => generation.startsWith(`writer/${replica}#`))
      if (process === undefined) return
      process.exited({ failure: importFailure })
      this.clock.advance(1_000)
    }
  }

  /** The state of each replica, in the order of their indices; those on their way out in brackets. */
  get replicas(): string[] {
    return this.snapshot.context.replicas.map(({ index, isLeaving }) => {
      const state = nameOf(this.replica(index)?.value)
      return isLeaving ? `${index} (${state})` : `${index} ${state}`
    })
  }

  /** The snapshot of a replica's own machine. */
  replica(index: number): SnapshotFrom<typeof agentMachine> | undefined {
    return this.snapshot.children[serverId(index)]?.getSnapshot() as SnapshotFrom<typeof agentMachine> | undefined
  }

  /** The generations of the processes that serve and are to go on serving. */
  get serving(): string[] {
    return this.slots.alive.flatMap(({ generation }) => {
      const replica = replicaAt(this.snapshot.context, generation)
      const isServing = replica?.isLeaving === false && this.replica(replica.index)?.value === 'ready'
      return isServing ? [generation] : []
    })
  }

  get alive(): string[] {
    return this.slots.alive.map(({ generation }) => generation)
  }

  /** What was told since the last call and fits, each with the process or the figures that it names. */
  told(pattern = /^(rollout|replica|agent\.(scaled|ready|draining|failed))/): string[] {
    return this.facts.splice(0).flatMap((fact) => {
      if (!pattern.test(fact.type)) return []
      if ('generation' in fact) return [`${fact.type} ${fact.generation}`]
      if (fact.type === 'agent.scaled') return [`${fact.type} ${fact.from} to ${fact.to}, ${fact.why}`]
      if (fact.type === 'replica.removed') return [`${fact.type} ${fact.replica}`]
      return [fact.type === 'rollout.started' ? `${fact.type} ${fact.replicas}, ${fact.why}` : fact.type]
    })
  }
}
