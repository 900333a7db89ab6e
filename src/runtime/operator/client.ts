/**
 * Owns the way to a running system from outside: which there are, and what their operator's sockets say. What is shown of it is
 * the commands'.
 */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { AxonError } from '../../errors.ts'
import {
  type EventFilter,
  type OperatorAnswer,
  type OperatorQuestion,
  operatorSocket,
} from '../../protocol/operator.ts'
import { FrameReader } from '../process/frames.ts'
import { type KnownSystem, knownSystems } from '../state/living.ts'
import type { SystemTable } from '../telemetry/table.ts'

type Answer = OperatorAnswer<SystemTable, { type: string; agent?: string }>

/** An answer is made by Axon, but what an event tells may be long. */
const maxAnswerBytes = 64 * 1024 * 1024
/** A system whose last host was lost has no socket until the next. */
const againMs = 100

/**
 * The running system that `id` begins the id of; where it is not given, the only one there is.
 * @throws AxonError SYSTEM_UNKNOWN naming those that run
 */
export function findSystem(stateDir: string, id?: string): KnownSystem {
  const { living } = knownSystems(stateDir)
  const found = living.filter((system) => id === undefined || system.id.startsWith(id))
  if (found.length === 1) return found[0] as KnownSystem
  throw unknownSystem(stateDir, id, found.length > 0 ? found : living)
}

/** Whether it has not ended. */
export function isLiving(stateDir: string, { id }: Pick<KnownSystem, 'id'>): boolean {
  return knownSystems(stateDir).living.some((system) => system.id === id)
}

/** The figures of a system as they are now; undefined where it has ended, or has no socket at the moment. */
export async function readTable(stateDir: string, system: KnownSystem): Promise<SystemTable | undefined> {
  for await (const answer of ask(stateDir, system, { type: 'snapshot' })) {
    if (answer.type === 'snapshot') return answer.table
  }
  return undefined
}

export interface FollowOptions extends EventFilter {
  signal?: AbortSignal | undefined
  /** Told when events are followed, and again after each gap in which the system had no socket. */
  onFollowing?: (() => void) | undefined
}

/** The events of a system, until it ends. */
export async function* followEvents(
  stateDir: string,
  system: KnownSystem,
  { signal, onFollowing, ...filter }: FollowOptions,
): AsyncGenerator<Extract<Answer, { type: 'event' }>, void> {
  while (!signal?.aborted) {
    for await (const answer of ask(stateDir, system, { type: 'events', ...filter }, signal)) {
      if (answer.type === 'events.following') onFollowing?.()
      if (answer.type === 'event') yield answer
    }
    if (!isLiving(stateDir, system)) return
    await delay(againMs, undefined, signal ? { signal } : {}).catch(() => {})
  }
}

/** Nothing where it has no socket. */
async function* ask(
  stateDir: string,
  { id }: KnownSystem,
  question: OperatorQuestion,
  signal?: AbortSignal,
): AsyncGenerator<Answer, void> {
  // Its sockets may be elsewhere by now.
  const { runtimeDirs = [] } = knownSystems(stateDir).living.find((system) => system.id === id) ?? {}
  const socket = await connectFirst(runtimeDirs)
  if (socket === undefined) return
  const end = () => void socket.destroy()
  signal?.addEventListener('abort', end)
  if (signal?.aborted) end()
  const reader = new FrameReader(maxAnswerBytes)
  try {
    socket.write(`${JSON.stringify(question)}\n`)
    for await (const chunk of socket) for (const line of reader.lines(chunk as Buffer)) yield JSON.parse(line) as Answer
  } catch {
    // It was lost, or ended by the signal: what is to come has to be asked for anew.
  } finally {
    signal?.removeEventListener('abort', end)
    socket.destroy()
  }
}

async function connectFirst(directories: readonly string[]): Promise<Socket | undefined> {
  for (const directory of directories) {
    const socket = connect(join(directory, operatorSocket))
    try {
      await once(socket, 'connect')
      return socket
    } catch {
      socket.destroy()
    }
  }
  return undefined
}

function unknownSystem(stateDir: string, id: string | undefined, systems: readonly KnownSystem[]): AxonError {
  const list = systems.map((system) => `${system.id} (process ${system.pid})`).join(', ')
  const message =
    systems.length === 0
      ? `No system is running, by the records in ${stateDir}. Start one, or name its stateDir in AXON_STATE_DIR.`
      : id === undefined
        ? `Several systems are running. Name one with --system: ${list}.`
        : `No one system has an id that begins with ${id}. Running: ${list}.`
  return new AxonError('SYSTEM_UNKNOWN', message, {
    context: { stateDir, running: systems.map((system) => system.id) },
  })
}
