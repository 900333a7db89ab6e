import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createActor, fromCallback } from 'xstate'
import { ProcessError, PythonEnvError } from '../../src/errors.ts'
import { agentMachine } from '../../src/machines/agent.ts'
import type { AgentEvent, FactListener } from '../../src/machines/agent-context.ts'
import type { AgentFact } from '../../src/machines/facts.ts'
import type { HeartbeatFrame } from '../../src/protocol/control.ts'
import {
  type ExitKind,
  type Model,
  type ModelCommand,
  newborn,
  type Reaction,
  type Rules,
  step,
} from './agent-model.ts'
import { legalTransitions, nameOf } from './agent-transitions.ts'
import { FakeSlots } from './fake-slots.ts'
import {
  agentFacts,
  bindFailure,
  definitionOf,
  endpoint,
  environment,
  exitOf,
  heartbeat,
  importFailure,
} from './samples.ts'
import { SteppedClock } from './stepped-clock.ts'

const limits = {
  restart: { maxRestarts: 3, withinMs: 20_000, firstMs: 0, baseMs: 400, maxMs: 1_200, stableMs: 5_000 },
  startMs: 3_000,
  shutdownMs: 2_000,
}
/** The real machine, on slots that answer before the call returns. */
class Bench {
  readonly clock = new SteppedClock()
  readonly slots = new FakeSlots('synchronous')
  readonly transitions: string[] = []
  readonly actor
  #judgements = 0
  #configured = 0
  #reaction: Reaction | undefined

  constructor(rules: Rules) {
    let from = 'idle'
    const listener = createActor(
      fromCallback<AgentFact>(({ receive }) => receive(({ type }) => type === 'agent.crashed' && this.#react())),
    ).start()
    this.actor = createActor(agentMachine.provide({ actors: this.slots.actors }), {
      clock: this.clock,
      input: {
        definition: definitionOf('writer', limits),
        parent: listener as unknown as FactListener,
        now: () => this.clock.now(),
        random: () => rules.dice(this.#judgements++),
      },
      inspect: (inspected) => {
        if (inspected.type !== '@xstate.microstep' || inspected.actorRef !== this.actor) return
        const to = nameOf((inspected.snapshot as unknown as { value: unknown }).value)
        if (to !== from) this.transitions.push(`${from} -> ${to}`)
        from = to
      },
    }).start()
  }

  play(command: ModelCommand): void {
    const { slots, actor } = this
    switch (command.type) {
      case 'start':
      case 'stop':
      case 'restart':
      case 'drain':
      case 'quiet':
        return actor.send({ type: `agent.${command.type}` })
      case 'configure':
        this.#configured += 1
        return actor.send({
          type: 'agent.configure',
          definition: definitionOf('writer', { ...limits, metadata: { configured: this.#configured } }),
        })
      case 'environment made':
        return slots.environments.at(-1)?.resolve(environment)
      case 'environment failed':
        return slots.environments.at(-1)?.reject(environmentError(command.isRetryable))
      case 'probe answered':
        return slots.probes.at(-1)?.resolve()
      case 'probe failed':
        return slots.probes.at(-1)?.reject(new ProcessError('PROCESS_HUNG', 'writer/0 does not answer.'))
      case 'react':
        this.#reaction = command.reaction
        return
      case 'tick':
        return this.clock.advance(command.ms)
      case 'stale':
        return actor.send(said(command.event, this.generation - 1))
      case 'spawned':
        return actor.send(said('process.spawned', this.generation))
      case 'ready':
        return actor.send(said('agent.ready', this.generation))
      case 'beat':
        return actor.send(said('process.heartbeat', this.generation))
      case 'lagging beat':
        return actor.send(said('process.heartbeat', this.generation, { loopLagMs: 1_000 }))
      case 'violated':
        return actor.send(said('process.violated', this.generation))
      case 'exited':
        return this.#exit(command.kind)
    }
  }

  #react(): void {
    const reaction = this.#reaction
    this.#reaction = undefined
    if (reaction !== undefined) this.play({ type: reaction })
  }

  /** The live process exits, or, where none is alive, the last exit is told once more. */
  #exit(kind: ExitKind): void {
    const process = this.slots.alive.at(-1)
    const end = process?.commands.find((one) => one.type === 'process.terminate')
    const reason = end?.type === 'process.terminate' ? end.reason : undefined
    if (process) process.exited({ ...exits[kind], reason })
    else this.actor.send(said('process.exited', this.generation))
  }

  get generation(): number {
    return this.actor.getSnapshot().context.generation
  }

  /** What the model claims to know, read from the machine. */
  get seen() {
    const { value, context, status } = this.actor.getSnapshot()
    const { generation, restarts, definition } = context
    return {
      status,
      state: nameOf(value),
      generation,
      restarts,
      configured: definition.metadata.configured ?? 0,
      made: this.slots.processes.length,
      alive: this.slots.alive.length,
      held: this.slots.processes.filter(({ isHeld }) => isHeld).length,
      timers: this.clock.pending,
      isCutOff: this.slots.processes.some(({ isCutOff }) => isCutOff),
    }
  }
}

const exits = {
  clean: { code: 0 },
  signal: { code: null, signal: 'SIGSEGV' },
  import: { failure: importFailure },
  bind: { failure: bindFailure },
}

function environmentError(isRetryable: boolean): PythonEnvError {
  return new PythonEnvError(isRetryable ? 'ENV_NETWORK' : 'ENV_CONFLICT', 'writer: no environment. Try again.')
}

function said(type: AgentEvent['type'], number: number, beat: Partial<HeartbeatFrame> = {}): AgentEvent {
  const generation = `writer/0#${number}`
  const bodies: Record<string, object> = {
    'process.spawned': { pid: 4242 },
    'agent.ready': { endpoint, facts: agentFacts },
    'process.heartbeat': { heartbeat: { ...heartbeat, ...beat } },
    'process.violated': { message: 'no frame' },
    'process.exited': { exit: exitOf(generation) },
  }
  return { type, generation, ...bodies[type] } as AgentEvent
}

/** The same, from the model. */
function expected(model: Model) {
  return {
    status: 'active',
    state: model.state,
    generation: model.generation,
    restarts: model.restarts,
    configured: model.configured,
    made: model.made,
    alive: model.hasProcess ? 1 : 0,
    held: model.hasProcess ? 1 : 0,
    timers: model.dueAt === undefined ? 0 : 1,
    isCutOff: false,
  }
}

const plain = <T extends ModelCommand['type']>(type: T) => fc.constant({ type } as ModelCommand)
const command: fc.Arbitrary<ModelCommand> = fc.oneof(
  { weight: 5, arbitrary: plain('start') },
  { weight: 2, arbitrary: plain('stop') },
  { weight: 1, arbitrary: plain('restart') },
  { weight: 1, arbitrary: plain('drain') },
  { weight: 1, arbitrary: plain('quiet') },
  { weight: 1, arbitrary: plain('configure') },
  { weight: 8, arbitrary: plain('environment made') },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('environment failed' as const), isRetryable: fc.boolean() }) },
  { weight: 1, arbitrary: plain('spawned') },
  { weight: 6, arbitrary: plain('ready') },
  { weight: 2, arbitrary: plain('beat') },
  { weight: 2, arbitrary: plain('lagging beat') },
  { weight: 1, arbitrary: plain('violated') },
  {
    weight: 6,
    arbitrary: fc.record({
      type: fc.constant('exited' as const),
      kind: fc.constantFrom<ExitKind>('clean', 'clean', 'signal', 'import', 'bind'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('stale' as const),
      event: fc.constantFrom('agent.ready', 'process.heartbeat', 'process.violated', 'process.exited'),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('react' as const),
      reaction: fc.constantFrom<Reaction>('start', 'stop', 'restart', 'drain', 'quiet', 'configure'),
    }),
  },
  { weight: 1, arbitrary: plain('probe answered') },
  { weight: 1, arbitrary: plain('probe failed') },
  {
    weight: 8,
    arbitrary: fc.record({
      type: fc.constant('tick' as const),
      ms: fc.constantFrom(0, 1, 200, 1_200, 2_000, 3_000, 9_999, 10_000, 18_000),
    }),
  },
)

/** Sequences begin here and there, so that the states that are far from the start are tried as often as the near ones. */
const start: ModelCommand[] = [{ type: 'start' }, { type: 'environment made' }]
const ready: ModelCommand[] = [...start, { type: 'spawned' }, { type: 'ready' }]
const again: ModelCommand[] = [{ type: 'tick', ms: 1_200 }, { type: 'environment made' }]
const beginnings: ModelCommand[][] = [
  [],
  ready,
  [...ready, { type: 'tick', ms: 10_000 }],
  [...ready, { type: 'tick', ms: 28_000 }],
  [...ready, { type: 'quiet' }],
  [...ready, { type: 'stop' }],
  [...ready, { type: 'restart' }, { type: 'exited', kind: 'clean' }, { type: 'environment made' }, { type: 'ready' }],
  [...ready, { type: 'exited', kind: 'signal' }, ...again, { type: 'exited', kind: 'clean' }, ...again],
  [...start, { type: 'exited', kind: 'import' }, ...again, { type: 'exited', kind: 'bind' }, ...again],
]
const sequence = fc
  .tuple(fc.constantFrom(...beginnings), fc.array(command, { maxLength: 30 }))
  .map((parts): ModelCommand[] => parts.flat())

it('for any sequence of commands, answers, exits and waits a replica lives as the model of the design does', () => {
  const seen = new Set<string>()
  fc.assert(
    fc.property(sequence, fc.nat({ max: 4 }), (commands, luck) => {
      const rules: Rules = { ...limits, dice: (judgement) => ((luck + judgement * 3) % 5) / 4 }
      const bench = new Bench(rules)
      let model = newborn
      let isAsked = false
      let hasReacted = false
      for (const one of commands) {
        const made = bench.slots.processes.length
        bench.play(one)
        model = step(rules, model, one)
        const [seenNow, wanted] = [bench.seen, expected(model)]
        // Compared as text first: `toEqual` costs more than the machine does.
        if (JSON.stringify(seenNow) !== JSON.stringify(wanted)) expect(seenNow).toEqual(wanted)
        if (one.type === 'start' || one.type === 'restart') isAsked = true
        if (one.type === 'stop') isAsked = false
        if (one.type === 'react') hasReacted = true
        const hasSpawned = bench.slots.processes.length > made
        if (hasSpawned && !hasReacted) expect(isAsked).toBe(true)
      }
      for (const transition of bench.transitions) {
        const [from, to] = transition.split(' -> ') as [string, string]
        if (!legalTransitions[from]?.includes(to)) expect(legalTransitions[from]).toContain(to)
        seen.add(transition)
      }
      bench.actor.stop()
      expect(bench.clock.pending).toBe(0)
      expect(bench.slots.alive).toEqual([])
    }),
    { numRuns: 10_000 },
  )
  // So that nothing passes by standing still: every legal transition was seen, but for the one of a state to itself.
  const legal = Object.entries(legalTransitions).flatMap(([from, tos]) => tos.map((to) => [from, to] as const))
  const changing = legal.filter(([from, to]) => from !== to).map(([from, to]) => `${from} -> ${to}`)
  expect([...seen].sort()).toEqual(changing.sort())
}, 300_000)
