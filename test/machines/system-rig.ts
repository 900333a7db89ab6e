/**
 * Owns the bench of a whole system: the real machines on fake slots and simulated time, and what was told to the outside and to
 * the slot `runs`.
 */
import { type AnyActorRef, createActor, fromCallback } from 'xstate'
import { agentMachine } from '../../src/machines/agent.ts'
import type { AgentDefinition } from '../../src/machines/definition.ts'
import type { Fact } from '../../src/machines/facts.ts'
import { poolMachine } from '../../src/machines/pool.ts'
import type { AgentSlots, RunDispatchEvent } from '../../src/machines/slots.ts'
import { type SystemCommand, type SystemInput, systemMachine } from '../../src/machines/system.ts'
import { settle } from './agent-rig.ts'
import { type FakeProcess, FakeSlots } from './fake-slots.ts'
import { definitionOf, environment } from './samples.ts'
import { SteppedClock } from './stepped-clock.ts'

export class SystemRig {
  readonly clock = new SteppedClock()
  readonly slots = new FakeSlots()
  readonly facts: Fact[] = []
  readonly toRuns: RunDispatchEvent[] = []
  readonly actor

  constructor(
    agents: readonly (string | AgentDefinition)[] = [],
    broken: Partial<AgentSlots> = {},
    input: Partial<SystemInput> = {},
  ) {
    const runs = fromCallback<RunDispatchEvent>(({ receive }) => receive((event) => this.toRuns.push(event)))
    const replica = agentMachine.provide({ actors: { ...this.slots.actors, ...broken } })
    const agent = poolMachine.provide({ actors: { replica } })
    this.actor = createActor(systemMachine.provide({ actors: { agent, runs } }), {
      clock: this.clock,
      input: {
        agents: agents.map((one) => (typeof one === 'string' ? definitionOf(one) : one)),
        now: () => this.clock.now(),
        random: () => 1,
        ...input,
      },
    })
    this.actor.on('*', (fact) => this.facts.push(fact))
    this.actor.start()
  }

  get state(): unknown {
    return this.actor.getSnapshot().value
  }

  get members(): ReadonlyMap<string, { ref: AnyActorRef }> {
    const { members } = this.actor.getSnapshot().context
    return new Map([...members].flatMap(([name, { ref }]) => (ref ? [[name, { ref }]] : [])))
  }

  /** The state of an agent's first replica; `idle` where it has none. */
  stateOf(agent: string): unknown {
    const pool = this.members.get(agent)?.ref.getSnapshot()
    if (pool === undefined) return undefined
    return pool.children['server/0']?.getSnapshot().value ?? 'idle'
  }

  send(command: SystemCommand): void {
    this.actor.send(command)
  }

  spawn(agent: string, changes: Partial<AgentDefinition> = {}): void {
    this.send({ type: 'agent.spawn', definition: definitionOf(agent, changes) })
  }

  /** The last process of an agent. */
  process(agent: string): FakeProcess {
    const found = this.slots.processes.findLast(({ input }) => input.definition.name === agent)
    if (found === undefined) throw new Error(`${agent} has no process yet.`)
    return found
  }

  /** Every agent that waits for its environment becomes ready. */
  async becomeReady(): Promise<void> {
    for (const call of this.slots.environments) call.resolve(environment)
    await settle()
    for (const process of this.slots.alive) {
      process.spawned()
      process.ready()
    }
  }

  /** The facts that were told since the last call, each as `type agent`. */
  told(): string[] {
    return this.facts.splice(0).map((fact) => ('agent' in fact ? `${fact.type} ${fact.agent}` : fact.type))
  }

  refusals(): { event: string; code: string; message: string }[] {
    return this.facts.flatMap((fact) =>
      fact.type === 'event.refused' ? [{ event: fact.event, code: fact.error.code, message: fact.error.message }] : [],
    )
  }
}
