/**
 * Owns which of a fixed number of equal children is asked for a key, in the manner of Elixir's PartitionSupervisor: for work that
 * one actor would do one thing after the other. The children are those of a supervisor, and restarted as it says.
 */
import type { ActorOptions, AnyActorRef } from 'xstate'
import { AxonError } from '../../errors.ts'
import type { ExitReason } from './exit.ts'
import type { supervisorMachine } from './machine.ts'
import type { ChildSpec, SupervisorOptions } from './spec.ts'
import { createSupervisor, type Supervisor } from './supervisor.ts'

export interface PartitionsOptions extends Pick<SupervisorOptions, 'intensity' | 'periodMs' | 'backoff'> {
  /** What each partition is; `input` may be a function of its number, from 0. */
  child: Omit<ChildSpec, 'id' | 'systemId' | 'significant'>
  /** How many there are. */
  partitions: number
}

export interface Partitions {
  /** The supervisor that the partitions are children of; their ids are their numbers. */
  readonly supervisor: Supervisor
  /** Starts all of them. Throws as `start` of a supervisor does. */
  start(): Promise<void>
  /**
   * The partition of a key, always the same while the number of partitions is: that of a whole number is what is left when it
   * is divided by them, that of anything else goes by its text.
   * @throws AxonError `ACTOR_NOT_RUNNING` where it is not running, or where there is none
   */
  of(key: unknown): AnyActorRef
  /** How many take part. */
  partitions(): number
  /**
   * Lets fewer take part, or as many as in the beginning again.
   * @throws AxonError `CONFIG_INVALID` where it is more than there were; those that `terminateChild` and `restartChild` throw
   */
  resize(partitions: number): Promise<void>
  /** Ends all of them in reverse order. Default reason: `'shutdown'`. */
  stop(reason?: ExitReason): Promise<void>
}

/**
 * Makes a supervisor of equal children that is the root of an actor system of its own.
 * @throws AxonError `CONFIG_INVALID` where the number of partitions is not a whole one above 0; `SUPERVISOR_SPEC_INVALID`
 */
export function createPartitions(
  { child, partitions, ...options }: PartitionsOptions,
  actorOptions: Pick<ActorOptions<typeof supervisorMachine>, 'id' | 'systemId' | 'inspect' | 'clock' | 'logger'> = {},
): Partitions {
  if (!Number.isInteger(partitions) || partitions < 1) throw wrongNumber(partitions, 'a whole number above 0')
  const children = Array.from({ length: partitions }, (_, partition): ChildSpec => {
    const input = typeof child.input === 'function' ? child.input(partition) : child.input
    return { ...child, input, id: String(partition) }
  })
  const supervisor = createSupervisor({ ...options, children }, actorOptions)
  let taking = partitions
  return {
    supervisor,
    start: async () => void (await supervisor.start()),
    of(key) {
      const id = String(partitionOf(key, taking))
      const ref = taking === 0 ? undefined : supervisor.getChild(id)?.ref
      if (ref === undefined) throw noPartition(key, taking)
      return ref
    },
    partitions: () => taking,
    async resize(wanted) {
      if (!Number.isInteger(wanted) || wanted < 0 || wanted > partitions) {
        throw wrongNumber(wanted, `a whole number up to the ${partitions} that there were`)
      }
      const before = taking
      // Those that are to go get no keys any more; those that come get them when they run.
      taking = Math.min(before, wanted)
      for (let partition = before - 1; partition >= wanted; partition--)
        await supervisor.terminateChild(String(partition))
      for (let partition = before; partition < wanted; partition++) {
        await supervisor.restartChild(String(partition))
        taking = partition + 1
      }
    },
    stop: (reason) => supervisor.stop(reason),
  }
}

function partitionOf(key: unknown, partitions: number): number {
  if (Number.isSafeInteger(key)) return Math.abs(key as number) % partitions
  // FNV-1a: spreads short texts well, and is the same in every process.
  let hash = 0x811c9dc5
  for (const character of String(key)) hash = Math.imul(hash ^ (character.codePointAt(0) as number), 0x01000193)
  return (hash >>> 0) % partitions
}

function noPartition(key: unknown, partitions: number): AxonError {
  const message = `The partition of ${String(key)} is not running; ${partitions} of them take part.`
  return new AxonError('ACTOR_NOT_RUNNING', message, { context: { key: String(key), partitions } })
}

function wrongNumber(partitions: number, wanted: string): AxonError {
  return new AxonError('CONFIG_INVALID', `The number of partitions is ${partitions}; it must be ${wanted}.`)
}
