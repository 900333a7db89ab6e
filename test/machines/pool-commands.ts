/**
 * Owns whatever can be asked of an agent and happen to its processes, in any order, for the properties of pools.
 */
import fc from 'fast-check'
import { PythonEnvError } from '../../src/errors.ts'
import type { AgentDefinition } from '../../src/machines/definition.ts'
import type { PoolRig } from './pool-rig.ts'
import { environment, importFailure } from './samples.ts'

export type Command =
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
export const limits: Partial<AgentDefinition> = { restart, startMs: 3_000, shutdownMs: 2_000 }

/** Does it to the bench; what there is nothing for does nothing. */
export function play(rig: PoolRig, command: Command): void {
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
export const first = fc.constantFrom<Partial<AgentDefinition>>(
  { replicas: { min: 1, max: 1 } },
  { replicas: { min: 2, max: 2 } },
  { replicas: { min: 1, max: 3 } },
  { replicas: { min: 2, max: 3 }, restart: { ...restart, maxRestarts: 0 } },
  { replicas: { min: 0, max: 2 }, recycle: { afterMs: 4_000 } },
)
const beginning: Command[] = [{ type: 'start' }, { type: 'everything ready' }]
export const sequence = fc
  .tuple(
    fc.constantFrom([], beginning, [...beginning, { type: 'restart' } as const]),
    fc.array(command, { maxLength: 40, size: 'max' }),
  )
  .map((parts): Command[] => parts.flat())
