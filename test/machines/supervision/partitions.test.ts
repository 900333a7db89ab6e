import { afterEach, describe, expect, it } from 'vitest'
import { type AnyActorRef, fromTransition } from 'xstate'
import {
  createPartitions,
  type Partitions,
  type PartitionsOptions,
} from '../../../src/machines/supervision/partitions.ts'
import { mortalMachine } from './mortal.ts'

const open = new Set<Partitions>()
afterEach(async () => {
  for (const partitions of open) await partitions.stop()
  open.clear()
})

/** Each knows its number. */
const numbered = fromTransition(
  (number: number) => number,
  ({ input }: { input: number }) => input,
)

const started = async (count: number, options: Partial<PartitionsOptions> = {}) => {
  const child = { logic: numbered, input: (partition: number) => partition }
  const partitions = createPartitions({ child, partitions: count, ...options })
  open.add(partitions)
  await partitions.start()
  return partitions
}

const numberOf = (ref: AnyActorRef) => ref.getSnapshot().context

describe('partitions', () => {
  it('take whole numbers by what is left when they are divided, and texts by what they say', async () => {
    const partitions = await started(3)
    expect([0, 1, 2, 3, -1, -5].map((key) => numberOf(partitions.of(key)))).toEqual([0, 1, 2, 0, 1, 2])
    const taken = new Map<AnyActorRef, number>()
    for (let order = 0; order < 300; order++) {
      const ref = partitions.of(`order-${order}`)
      expect(partitions.of(`order-${order}`)).toBe(ref)
      taken.set(ref, (taken.get(ref) ?? 0) + 1)
    }
    expect(taken.size).toBe(3)
    expect(Math.min(...taken.values())).toBeGreaterThan(50)
  })

  it('are restarted as a supervisor does it, and found again', async () => {
    const partitions = await started(2, { child: { logic: mortalMachine } })
    const ref = partitions.of(1)
    ref.send({ type: 'finish' })
    expect(partitions.of(1)).not.toBe(ref)
    expect(partitions.of(1).getSnapshot().status).toBe('active')
  })

  it('that are not running are not given', async () => {
    const partitions = await started(2)
    await partitions.supervisor.terminateChild('1')
    expect(numberOf(partitions.of(0))).toBe(0)
    expect(() => partitions.of(1)).toThrow(expect.objectContaining({ code: 'ACTOR_NOT_RUNNING' }))
  })

  it('can be fewer for a while, but not more than there were', async () => {
    const partitions = await started(4)
    await partitions.resize(2)
    expect([0, 1, 2, 3].map((key) => numberOf(partitions.of(key)))).toEqual([0, 1, 0, 1])
    expect(partitions.supervisor.countChildren()).toMatchObject({ specs: 4, active: 2 })
    await partitions.resize(4)
    expect([0, 1, 2, 3].map((key) => numberOf(partitions.of(key)))).toEqual([0, 1, 2, 3])
    await expect(partitions.resize(5)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    await expect(partitions.resize(-1)).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
    expect(partitions.partitions()).toBe(4)
  })

  it.each([0, 1.5, -1])('are not %s', (count) => {
    expect(() => createPartitions({ child: { logic: numbered }, partitions: count })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  })
})
