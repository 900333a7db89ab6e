import fc from 'fast-check'
import { expect, it } from 'vitest'
import { PythonEnvError } from '../../src/errors.ts'
import type { AgentDefinition } from '../../src/machines/definition.ts'
import { kept, leastOf } from '../../src/machines/pool-context.ts'
import { PoolRig } from './pool-rig.ts'
import { environment, importFailure } from './samples.ts'

type Command =
  | { type: 'start' | 'stop' | 'restart' | 'drain' | 'quiet' }
  | { type: 'scale'; replicas: number; why: 'load' | undefined }
  | { type: 'configure'; changes: Partial<AgentDefinition> }
  /** `at` chooses among what there is. */
  | { type: 'recycle' | 'made' | 'not made' | 'ready' | 'exited' | 'not imported' | 'violated'; at: number }
  | { type: 'beat'; at: number; rss: number }
  | { type: 'probe answered' | 'probe failed' }
  | { type: 'everything ready' | 'everything asked exits' }
  | { type: 'tick'; ms: number }

const restart = { maxRestarts: 4, withinMs: 20_000, firstMs: 0, baseMs: 400, maxMs: 1_200, stableMs: 5_000 }
const limits: Partial<AgentDefinition> = { restart, startMs: 3_000, shutdownMs: 2_000 }

function play(rig: PoolRig, command: Command): void {
  const { slots } = rig
  const one = <T>(list: readonly T[]): T | undefined => ('at' in command ? list[command.at % list.length] : list.at(-1))
  switch (command.type) {
    case 'start':
    case 'stop':
    case 'restart':
    case 'drain':
    case 'quiet':
      return rig.send(`agent.${command.type}`)
    case 'scale':
      return rig.scale(command.replicas, command.why)
    case 'configure':
      return rig.configure(command.changes)
    case 'recycle': {
      const process = one(slots.processes)
      return process && rig.recycle(process.generation)
    }
    case 'made':
      return one(slots.environments.filter(({ isAborted }) => !isAborted))?.resolve(environment)
    case 'not made':
      return one(slots.environments.filter(({ isAborted }) => !isAborted))?.reject(noEnvironment)
    case 'ready': {
      const process = one(rig.silent)
      return process && rig.say(process)
    }
    case 'exited':
      return one(slots.alive)?.exited()
    case 'not imported':
      return one(rig.silent)?.exited({ failure: importFailure })
    case 'violated':
      return one(slots.alive)?.violated()
    case 'beat':
      return one(slots.alive)?.beat({ rss: command.rss })
    case 'probe answered':
      return slots.probes.at(-1)?.resolve()
    case 'probe failed':
      return slots.probes.at(-1)?.reject(new Error('no answer'))
    case 'everything ready':
      return rig.serve()
    case 'everything asked exits':
      return rig.exitAsked()
    case 'tick':
      return rig.clock.advance(command.ms)
  }
}

const noEnvironment = new PythonEnvError('ENV_NETWORK', 'writer: no environment. Try again.')

/** What may let go of processes that serve, with nothing in their place. */
const lettingGo = new Set<Command['type']>(['stop', 'drain', 'quiet', 'scale'])

/** Plays the commands, and after each looks whether every invariant holds. */
class Watch {
  readonly rig: PoolRig
  /** Asked to serve, and not to end or rest since. */
  isAsked = false
  /** Asked to stop, and not to serve since. */
  isStopped = false

  constructor(changes: Partial<AgentDefinition>) {
    this.rig = new PoolRig({ ...limits, ...changes })
  }

  play(command: Command): void {
    const { rig } = this
    const { type } = command
    const [before, made, exited] = [rig.serving, rig.slots.processes.length, new Set(rig.alive)]
    const isOverlapping = rig.definition.replace === 'rolling'
    play(rig, command)
    if (type === 'start' || type === 'restart' || (type === 'scale' && command.why === undefined)) {
      this.isAsked = true
      this.isStopped = false
    } else if (type === 'stop' || type === 'drain' || type === 'quiet') {
      this.isAsked = false
      this.isStopped ||= type === 'stop'
    }
    for (const generation of rig.alive) exited.delete(generation)

    expect(rig.snapshot.status).toBe('active')
    // No process is named twice.
    const names = rig.slots.processes.map(({ generation }) => generation)
    expect(new Set(names).size).toBe(names.length)
    // What was stopped starts nothing by itself.
    if (this.isStopped) expect(names.length).toBe(made)
    this.#count()
    const isShrinking = type === 'configure' && command.changes.replicas !== undefined
    if (isOverlapping && !lettingGo.has(type) && !isShrinking) this.#compare(before, exited)
  }

  /** No more than are wanted and the one of a rollout, and, where it is to serve, no fewer. */
  #count(): void {
    const { context, value } = this.rig.snapshot
    const { rollout, definition } = context
    const count = kept(context).length - (rollout?.surge === undefined ? 0 : 1)
    expect(count).toBeLessThanOrEqual(Math.max(1, definition.replicas.max))
    if (this.isAsked) expect(count).toBeGreaterThanOrEqual(leastOf(definition))
    expect(value === 'rolling').toBe(rollout !== undefined)
    if (rollout?.surge !== undefined) expect(rollout.waiting.length).toBeGreaterThan(0)
  }

  /** What served and serves no more has died, is silent, or has a successor that serves. */
  #compare(before: readonly string[], exited: ReadonlySet<string>): void {
    const after = this.rig.serving
    const lost = before.filter((generation) => {
      if (after.includes(generation) || exited.has(generation)) return false
      const replica = this.rig.replica(Number(/\/(\d+)#/.exec(generation)?.[1]))
      return replica?.matches('draining') || replica?.matches('stopping')
    })
    const gained = after.filter((generation) => !before.includes(generation))
    expect(lost.length).toBeLessThanOrEqual(gained.length)
  }

  /** However it is: it can be stopped, started, and retired. */
  finish(): void {
    const { rig } = this
    this.play({ type: 'stop' })
    rig.settle()
    expect([rig.alive, rig.clock.pending]).toEqual([[], 0])
    this.play({ type: 'start' })
    rig.settle()
    expect(rig.serving).toHaveLength(rig.replicas.length)
    expect(rig.serving.length).toBeGreaterThanOrEqual(leastOf(rig.definition))
    rig.send('agent.retire')
    rig.settle()
    expect([rig.snapshot.status, rig.state, rig.alive, rig.clock.pending]).toEqual(['done', 'retired', [], 0])
    expect(rig.slots.processes.filter(({ isHeld, isCutOff }) => isHeld || isCutOff)).toEqual([])
  }
}

const plain = <T extends Command['type']>(type: T) => fc.constant({ type } as Command)
const chosen = <T extends Command['type']>(type: T) =>
  fc.record({ type: fc.constant(type), at: fc.nat({ max: 5 }) }) as fc.Arbitrary<Command>
const changes = fc.constantFrom<Partial<AgentDefinition>>(
  { model: 'one' },
  { model: 'two' },
  { metadata: { a: 1 } },
  { metadata: { a: 2 }, shutdownMs: 1_000 },
  { replicas: { min: 1, max: 1 } },
  { replicas: { min: 2, max: 4 } },
  { replicas: { min: 3, max: 3 }, model: 'three' },
  { replicas: { min: 0, max: 3 } },
  { recycle: { afterMs: 4_000 } },
  { recycle: { aboveMb: 1 } },
  { replace: 'recreate' },
  { replace: 'rolling' },
)
const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 4, arbitrary: plain('start') },
  { weight: 1, arbitrary: plain('stop') },
  { weight: 4, arbitrary: plain('restart') },
  { weight: 1, arbitrary: plain('drain') },
  { weight: 1, arbitrary: plain('quiet') },
  {
    weight: 3,
    arbitrary: fc.record({
      type: fc.constant('scale' as const),
      replicas: fc.nat({ max: 4 }),
      why: fc.constantFrom('load' as const, undefined),
    }),
  },
  { weight: 3, arbitrary: fc.record({ type: fc.constant('configure' as const), changes }) },
  { weight: 2, arbitrary: chosen('recycle') },
  { weight: 8, arbitrary: chosen('made') },
  { weight: 1, arbitrary: chosen('not made') },
  { weight: 8, arbitrary: chosen('ready') },
  { weight: 3, arbitrary: chosen('exited') },
  { weight: 2, arbitrary: chosen('not imported') },
  { weight: 1, arbitrary: chosen('violated') },
  {
    weight: 2,
    arbitrary: fc.record({
      type: fc.constant('beat' as const),
      at: fc.nat({ max: 5 }),
      rss: fc.constantFrom(1, 2 ** 21),
    }),
  },
  { weight: 1, arbitrary: plain('probe answered') },
  { weight: 1, arbitrary: plain('probe failed') },
  { weight: 8, arbitrary: plain('everything ready') },
  { weight: 8, arbitrary: plain('everything asked exits') },
  {
    weight: 4,
    arbitrary: fc.record({ type: fc.constant('tick' as const), ms: fc.constantFrom(0, 1, 400, 1_200, 4_000, 10_000) }),
  },
)
const first = fc.constantFrom<Partial<AgentDefinition>>(
  { replicas: { min: 1, max: 1 } },
  { replicas: { min: 2, max: 2 } },
  { replicas: { min: 1, max: 3 } },
  { replicas: { min: 2, max: 3 }, restart: { ...restart, maxRestarts: 0 } },
  { replicas: { min: 0, max: 2 }, recycle: { afterMs: 4_000 } },
)
const beginning: Command[] = [{ type: 'start' }, { type: 'everything ready' }]
const sequence = fc
  .tuple(
    fc.constantFrom([], beginning, [...beginning, { type: 'restart' } as const]),
    fc.array(command, { maxLength: 40, size: 'max' }),
  )
  .map((parts): Command[] => parts.flat())

it('whatever is asked and whatever happens: every process has a name of its own, what serves has a successor before it is let go, and all of it ends', () => {
  const told = new Map<string, number>()
  fc.assert(
    fc.property(first, sequence, (definition, commands) => {
      const watch = new Watch(definition)
      for (const one of commands) watch.play(one)
      watch.finish()
      for (const { type } of watch.rig.facts) told.set(type, (told.get(type) ?? 0) + 1)
    }),
    { numRuns: 2_000 },
  )
  // So that nothing passes by standing still.
  const few = ['rollout.completed', 'rollout.failed', 'replica.removed', 'agent.scaled', 'agent.failed'].filter(
    (type) => (told.get(type) ?? 0) < 200,
  )
  expect(few).toEqual([])
}, 300_000)
