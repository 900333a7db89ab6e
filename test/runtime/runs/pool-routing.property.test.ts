import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createActor, fromCallback } from 'xstate'
import type { AgentDefinition } from '../../../src/machines/definition.ts'
import { ConnectionLost } from '../../../src/runtime/http/transport.ts'
import type { ProcessLink } from '../../../src/runtime/process/link.ts'
import { Dispatcher } from '../../../src/runtime/runs/dispatcher.ts'
import { sized } from '../../faults/profile.ts'
import { type Command, first, limits, play, sequence } from '../../machines/pool-commands.ts'
import { PoolRig, type PoolRigFact } from '../../machines/pool-rig.ts'
import { FakeProcess, HeldCall, settle } from './rig.ts'

/** The real pool and the real dispatcher together: each hears the other as in a system. */
class Agent {
  readonly runs: string[] = []
  readonly calls: HeldCall[] = []
  readonly receipts = new Map<string, number>()
  readonly outcomes = new Map<string, string>()
  readonly #begun = new Set<HeldCall>()
  readonly #processes = new Map<string, FakeProcess>()
  readonly #links = new Map<string, ProcessLink>()
  readonly rig: PoolRig
  readonly #dispatcher: Dispatcher

  constructor(changes: Partial<AgentDefinition>) {
    const parent = createActor(fromCallback(() => {})).start()
    this.rig = new PoolRig({ ...limits, concurrency: 1_000, ...changes }, {}, (fact) => this.#hear(fact))
    this.#dispatcher = new Dispatcher({
      parentOf: () => parent,
      clock: this.rig.clock,
      links: this.#links,
      tell: () => {},
      send: ({ agent: _, ...command }) => this.rig.send(command as never),
      definitionOf: () => this.rig.definition,
      transport: {
        httpRequest: (call, signal) => {
          const held = new HeldCall(call, signal)
          this.calls.push(held)
          return held.answer
        },
        httpStream: () => expect.fail('Nobody streams here.'),
      },
    })
  }

  run(run: string): void {
    this.runs.push(run)
    this.#dispatcher.run('writer', { prompt: 'hi' }, { run }).result.then(
      () => this.outcomes.set(run, 'succeeded'),
      (error) => this.outcomes.set(run, error.code),
    )
  }

  /** The code of the run begins, once for each time that it was sent, in a process that lives. */
  begin(held: HeldCall): void {
    const { call } = held
    if (this.#begun.has(held) || !this.rig.alive.includes(call.generation)) return
    this.#begun.add(held)
    this.receipts.set(call.run, (this.receipts.get(call.run) ?? 0) + 1)
    // What comes behind a bad frame is not read.
    if (this.#links.get(call.generation)?.hasReceipts) this.#processes.get(call.generation)?.receipt(call.run)
  }

  /** The caller of one that is not answered gives it up: it is answered so, and a process that has it is told. */
  async cancel(at: number): Promise<void> {
    await settle()
    const open = this.runs.filter((run) => !this.outcomes.has(run))
    const run = open[at % open.length]
    if (run === undefined) return
    const held = this.calls.findLast((call) => call.run === run)
    const process = held && this.#processes.get(held.call.generation)
    const isReached = process?.link.takesRuns
    this.#dispatcher.hear({ type: 'run.cancel', run })
    await settle()
    expect(this.outcomes.get(run)).toBe('RUN_CANCELLED')
    if (isReached) expect(process?.told.some((frame) => frame.type === 'cancel' && frame.run === run)).toBe(true)
  }

  /** Of a process that has told a bad frame nothing more is read, and it is told nothing more. */
  leave(): void {
    for (const { asked, generation } of this.rig.slots.alive) {
      if (!asked.includes('process.terminate protocol')) continue
      this.#processes.get(generation)?.leave()
      this.#links.get(generation)?.spoil()
    }
  }

  close(): void {
    this.#dispatcher.close()
  }

  #hear(fact: PoolRigFact): void {
    if (fact.type === 'agent.ready' && !this.#links.has(fact.generation)) {
      const process = new FakeProcess(this.rig.definition, fact.generation)
      this.#processes.set(fact.generation, process)
      this.#links.set(fact.generation, process.link)
    }
    if (fact.type === 'process.exited') this.#die(fact.generation)
    this.#dispatcher.hear(fact)
  }

  #die(generation: string): void {
    const process = this.#processes.get(generation)
    process?.exit()
    for (const held of this.calls) {
      if (held.call.generation === generation) held.fail(new ConnectionLost('socket hang up', { isWritten: true }))
    }
    process?.bury()
  }
}

const outcomes = [
  'succeeded',
  'RUN_INTERRUPTED',
  'RUN_OUTCOME_UNKNOWN',
  'AGENT_BACKOFF',
  'AGENT_FAILED',
  'AGENT_STOPPED',
  'RUN_REJECTED',
  'RUN_CANCELLED',
]

it('whatever happens to an agent: a run goes at once to a process that serves where there is one, none begins twice, and each is answered', async () => {
  const seen = new Map<string, number>()
  await fc.assert(
    fc.asyncProperty(first, sequence, fc.infiniteStream(fc.nat({ max: 4 })), async (definition, commands, dice) => {
      const agent = new Agent(definition)
      let runs = 0
      for (const command of commands as Command[]) {
        play(agent.rig, command)
        agent.leave()
        const { serving } = agent.rig
        const id = `run-${runs++}`
        agent.run(id)
        const sent = agent.calls.filter(({ run }) => run === id).map(({ call }) => call.generation)
        if (serving.length > 0) {
          expect(sent).toHaveLength(1)
          expect(serving).toContain(sent[0])
        } else expect(sent).toEqual([])
        const luck = dice.next().value ?? 0
        const held = agent.calls.at(-1 - luck)
        if (luck === 4) await agent.cancel(dice.next().value ?? 0)
        else if (held && luck > 0 && !agent.outcomes.has(held.run)) {
          agent.begin(held)
          if (luck > 1) held.succeed()
        }
        await settle()
      }
      agent.rig.send('agent.stop')
      agent.rig.settle()
      await settle()
      // What waited was refused, what was in flight was interrupted or begun anew and refused.
      expect([...agent.outcomes.keys()]).toHaveLength(runs)
      expect([...agent.receipts.values()].filter((times) => times > 1)).toEqual([])
      for (const outcome of agent.outcomes.values()) {
        expect(outcomes).toContain(outcome)
        seen.set(outcome, (seen.get(outcome) ?? 0) + 1)
      }
      agent.close()
      expect(agent.rig.clock.pending).toBe(0)
    }),
    { numRuns: sized(2_000, 10_000) },
  )
  // So that nothing passes by standing still.
  const common = ['succeeded', 'RUN_INTERRUPTED', 'RUN_OUTCOME_UNKNOWN', 'AGENT_STOPPED', 'RUN_CANCELLED']
  expect(common.filter((outcome) => (seen.get(outcome) ?? 0) < 20)).toEqual([])
}, 900_000)
