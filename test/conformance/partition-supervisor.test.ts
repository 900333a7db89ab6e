/** Elixir's partition_supervisor_test: equal children by key, and how many of them take part. */
import { expect, onTestFinished } from 'vitest'
import { type AnyActorRef, fromTransition } from 'xstate'
import { exitReasonOf } from '../../src/machines/supervision/index.ts'
import { createPartitions, type Partitions } from '../../src/machines/supervision/partitions.ts'
import { conformanceCase } from './cases.ts'

const same = { suite: 'partition_supervisor_test', verdict: 'same' } as const

/** An Agent that holds the number of its partition. */
const agent = fromTransition(
  (number: number) => number,
  ({ input }: { input: number }) => input,
)

async function startedPartitions(count: number): Promise<Partitions> {
  const partitions = createPartitions({
    child: { logic: agent, input: (partition: number) => partition },
    partitions: count,
  })
  await partitions.start()
  onTestFinished(() => partitions.stop())
  return partitions
}

const stateOf = (ref: AnyActorRef) => ref.getSnapshot().context
const childrenOf = ({ supervisor }: Partitions) => supervisor.whichChildren().filter(({ ref }) => ref !== undefined)

conformanceCase(
  { ...same, name: 'with_arguments', holds: 'of 3 partitions, 3 is asked for 0 and -1 for 1' },
  async () => {
    const partitions = await startedPartitions(3)
    expect(partitions.partitions()).toBe(3)
    expect([0, 1, 2, 3, -1].map((key) => stateOf(partitions.of(key)))).toEqual([0, 1, 2, 0, 1])
  },
)

conformanceCase(
  { ...same, name: 'is synchronous', holds: 'when stop resolves, the supervisor and all partitions have ended' },
  async () => {
    const partitions = await startedPartitions(8)
    const refs = childrenOf(partitions).map(({ ref }) => ref as AnyActorRef)
    expect(refs).toHaveLength(8)
    await partitions.stop()
    expect(partitions.supervisor.actor.getSnapshot().status).toBe('done')
    expect(refs.map((ref) => exitReasonOf(ref))).toEqual(new Array(8).fill('shutdown'))
    expect(() => partitions.of(0)).toThrow(expect.objectContaining({ code: 'ACTOR_NOT_RUNNING' }))
  },
)

conformanceCase(
  { ...same, name: 'with workers', holds: 'they are counted as the children that they are' },
  async () => {
    const partitions = await startedPartitions(8)
    expect(partitions.supervisor.countChildren()).toEqual({ active: 8, specs: 8, supervisors: 0, workers: 8 })
  },
)

conformanceCase(
  { ...same, name: 'resizes the number of children', holds: 'down ends the last ones, back starts them again' },
  async () => {
    const partitions = await startedPartitions(8)
    const [, last] = [partitions.of(0), partitions.of(7)]
    for (const count of [8, 4, 0, 2, 8]) {
      await partitions.resize(count)
      expect(partitions.partitions()).toBe(count)
      expect(childrenOf(partitions).map(({ id }) => id)).toEqual(Array.from({ length: count }, (_, id) => String(id)))
    }
    expect(exitReasonOf(last)).toBe('shutdown')
    expect(stateOf(partitions.of(7))).toBe(7)
  },
)

conformanceCase(
  { ...same, name: 'raises on lookup after resizing to zero', holds: 'there is no partition to ask' },
  async () => {
    const partitions = await startedPartitions(8)
    await partitions.resize(0)
    expect(() => partitions.of(0)).toThrow(expect.objectContaining({ code: 'ACTOR_NOT_RUNNING' }))
    expect(() => partitions.of('key')).toThrow(expect.objectContaining({ code: 'ACTOR_NOT_RUNNING' }))
    await partitions.resize(8)
    expect(stateOf(partitions.of(0))).toBe(0)
  },
)

conformanceCase(
  { ...same, name: 'raises if trying to increase', holds: 'there are never more than in the beginning' },
  async () => {
    const partitions = await startedPartitions(8)
    await expect(partitions.resize(9)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await partitions.resize(4)
    await expect(partitions.resize(9)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    expect(partitions.partitions()).toBe(4)
  },
)
