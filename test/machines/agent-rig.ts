/**
 * Owns the bench of a single replica: the real machine on fake slots and simulated time, and the ways to bring it into a state.
 */
import { createActor, fromCallback } from 'xstate'
import { agentMachine } from '../../src/machines/agent.ts'
import type { AgentCommand, FactListener } from '../../src/machines/agent-context.ts'
import type { AgentDefinition } from '../../src/machines/definition.ts'
import type { AgentFact } from '../../src/machines/facts.ts'
import { type FakeProcess, FakeSlots, type HeldCall } from './fake-slots.ts'
import { definitionOf, environment, importFailure } from './samples.ts'
import { SteppedClock } from './stepped-clock.ts'

export const agentStates = [
  'idle',
  'provisioning',
  'starting',
  'ready',
  'suspect.waiting',
  'suspect.confirming',
  'suspect.lagging',
  'draining',
  'stopping',
  'stopped',
  'crashed.ending',
  'backoff',
  'failed',
] as const
export type AgentState = (typeof agentStates)[number]

export class AgentRig {
  readonly clock = new SteppedClock()
  readonly slots = new FakeSlots()
  readonly facts: AgentFact[] = []
  readonly actor
  readonly definition: AgentDefinition

  /** `onFact` is called while the fact is being told. */
  constructor(
    changes: Partial<AgentDefinition> = {},
    random: () => number = () => 1,
    onFact: (fact: AgentFact, send: AgentRig['send']) => unknown = () => {},
  ) {
    this.definition = definitionOf('writer', changes)
    const hear = (fact: AgentFact) => {
      this.facts.push(fact)
      onFact(fact, (type) => this.send(type))
    }
    const parent = createActor(fromCallback<AgentFact>(({ receive }) => receive(hear)))
    this.actor = createActor(agentMachine.provide({ actors: this.slots.actors }), {
      clock: this.clock,
      input: {
        definition: this.definition,
        parent: parent.start() as unknown as FactListener,
        now: () => this.clock.now(),
        random,
      },
    }).start()
  }

  get state(): string {
    const { value } = this.actor.getSnapshot()
    return typeof value === 'string' ? value : Object.entries(value).flat().join('.')
  }

  get context() {
    return this.actor.getSnapshot().context
  }

  get process(): FakeProcess {
    return last(this.slots.processes)
  }

  get environment(): HeldCall<AgentDefinition, typeof environment> {
    return last(this.slots.environments)
  }

  get probe(): HeldCall<{ generation: string }, void> {
    return last(this.slots.probes)
  }

  send(type: Exclude<AgentCommand['type'], 'agent.configure'>): void {
    this.actor.send({ type })
  }

  configure(changes: Partial<AgentDefinition>): void {
    this.actor.send({ type: 'agent.configure', definition: { ...this.definition, ...changes } })
  }

  /** The names of the facts that were told since the last call. */
  told(): string[] {
    return this.facts.splice(0).map(({ type }) => type)
  }

  /** The environment that is waited for is there. */
  async provide(): Promise<void> {
    this.environment.resolve(environment)
    await settle()
  }

  /** From provisioning, or from where a start leads there, to ready. */
  async become(): Promise<void> {
    if (this.state !== 'provisioning') this.send('agent.start')
    await this.provide()
    this.process.spawned()
    this.process.ready()
  }

  /** From the beginning to any state, with nothing told since. */
  async reach(state: AgentState): Promise<this> {
    await recipes[state](this)
    if (this.state !== state) throw new Error(`The bench wanted ${state} and is in ${this.state}.`)
    this.told()
    return this
  }
}

const recipes: Record<AgentState, (rig: AgentRig) => Promise<void>> = {
  idle: async () => {},
  provisioning: async (rig) => rig.send('agent.start'),
  starting: async (rig) => {
    rig.send('agent.start')
    await rig.provide()
  },
  ready: (rig) => rig.become(),
  'suspect.waiting': async (rig) => {
    await rig.become()
    rig.clock.advance(10_000)
  },
  'suspect.confirming': async (rig) => {
    await rig.become()
    rig.clock.advance(28_000)
  },
  'suspect.lagging': async (rig) => {
    await rig.become()
    rig.process.beat({ loopLagMs: 1_000 })
  },
  draining: async (rig) => {
    await rig.become()
    rig.send('agent.stop')
  },
  stopping: async (rig) => {
    await recipes.starting(rig)
    rig.send('agent.stop')
  },
  stopped: async (rig) => rig.send('agent.stop'),
  'crashed.ending': async (rig) => {
    await rig.become()
    rig.process.violated()
  },
  backoff: async (rig) => {
    await rig.become()
    rig.process.exited()
  },
  failed: async (rig) => {
    await recipes.starting(rig)
    for (let tries = 1; tries < 3; tries += 1) {
      rig.process.exited({ failure: importFailure })
      rig.clock.advance(rig.context.delayMs)
      await rig.provide()
    }
    rig.process.exited({ failure: importFailure })
  },
}

/** Lets promises that are settled be heard. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 8; turn += 1) await Promise.resolve()
}

function last<T>(list: readonly T[]): T {
  const found = list.at(-1)
  if (found === undefined) throw new Error('There is none yet.')
  return found
}
