/**
 * Owns the operator's socket of a running system: who watches, and what they are told. What a table says is telemetry/table.ts;
 * who connects is client.ts.
 *
 * 1. It only tells: nothing that is said here changes anything.
 * 2. Nobody waits for a reader: one that does not keep up is let go.
 * 3. While nobody asks, nothing is gathered and no event is listened to.
 */
import { chmodSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { isBeat } from '../../machines/facts.ts'
import {
  type EventFilter,
  maxQuestionBytes,
  type OperatorAnswer,
  type OperatorQuestion,
  operatorQuestion,
} from '../../protocol/operator.ts'
import { FrameReader } from '../process/frames.ts'
import type { AxonEvent } from '../telemetry/catalogue.ts'
import { FigureCount } from '../telemetry/figures.ts'
import type { SystemTable } from '../telemetry/table.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'

/** What a reader may leave unread; beyond that it is let go. */
const maxUnreadBytes = 1024 * 1024
const maxConnections = 16
/** So long may one that is told goodbye take to read it. */
const goodbyeMs = 250
/** Whoever looks at the figures again within this time finds them counted all the while. */
const countedForMs = 60_000

export interface OperatorOptions {
  telemetry: Pick<Telemetry, 'on'>
  table: () => SystemTable
}

interface Counting {
  count: FigureCount
  end: () => void
  timer?: NodeJS.Timeout
}

export class OperatorServer {
  readonly #options: OperatorOptions
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  #counting: Counting | undefined

  /** Listens on `path`, in a directory that only this user can enter. Never throws: a system is no worse without it. */
  constructor(path: string, options: OperatorOptions) {
    this.#options = options
    this.#server = createServer((socket) => this.#accept(socket))
    this.#server.maxConnections = maxConnections
    this.#server.on('error', () => {})
    this.#server.listen(path, () => makePrivate(path))
  }

  /** Lets every reader read what it was told, and takes no more. */
  close(): void {
    this.#server.close()
    this.#endCounting()
    for (const socket of this.#sockets) leave(socket)
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket)
    const reader = new FrameReader(maxQuestionBytes)
    let unfollow: (() => void) | undefined
    socket.on('error', () => {})
    socket.once('close', () => {
      this.#sockets.delete(socket)
      unfollow?.()
    })
    socket.on('data', (chunk) => {
      try {
        for (const line of reader.lines(chunk)) {
          const question = operatorQuestion.parse(JSON.parse(line))
          if (question.type === 'events') unfollow?.()
          unfollow = this.#answer(socket, question) ?? unfollow
        }
      } catch {
        const message = `A question is one line of JSON of at most ${maxQuestionBytes} bytes, of the type snapshot or events.`
        say(socket, { type: 'refused', message })
        socket.removeAllListeners('data').resume()
        leave(socket)
      }
    })
  }

  #answer(socket: Socket, question: OperatorQuestion): (() => void) | undefined {
    if (question.type === 'snapshot') {
      say(socket, { type: 'snapshot', table: this.#table() })
      return undefined
    }
    say(socket, { type: 'events.following' })
    return this.#options.telemetry.on('*', (event) => {
      if (matches(event, question)) say(socket, { type: 'event', time: Date.now(), event })
    })
  }

  /** The figures of the last minute are counted from the first question on. */
  #table(): SystemTable {
    const counting = this.#counting ?? this.#count()
    clearTimeout(counting.timer)
    counting.timer = setTimeout(() => this.#endCounting(), countedForMs).unref()
    const table = this.#options.table()
    return { ...table, agents: table.agents.map((row) => ({ ...row, lastMinute: counting.count.read(row.name) })) }
  }

  #count(): Counting {
    const count = new FigureCount()
    const counting: Counting = { count, end: this.#options.telemetry.on('*', (event) => count.hear(event)) }
    this.#counting = counting
    return counting
  }

  #endCounting(): void {
    clearTimeout(this.#counting?.timer)
    this.#counting?.end()
    this.#counting = undefined
  }
}

function makePrivate(path: string): void {
  try {
    chmodSync(path, 0o600)
  } catch {
    // It is gone already; and nobody else can enter the directory that it was in.
  }
}

function matches(event: AxonEvent, { agent, name }: EventFilter): boolean {
  if (agent !== undefined && (event as { agent?: unknown }).agent !== agent) return false
  if (name === undefined) return !isBeat(event.type)
  return name.endsWith('*') ? event.type.startsWith(name.slice(0, -1)) : event.type === name
}

/** What was told may be read, for a moment. */
function leave(socket: Socket): void {
  socket.destroySoon()
  setTimeout(() => socket.destroy(), goodbyeMs).unref()
}

function say(socket: Socket, answer: OperatorAnswer<SystemTable, AxonEvent>): void {
  if (socket.destroyed || !socket.writable) return
  if (socket.writableLength > maxUnreadBytes) socket.destroy()
  else socket.write(`${JSON.stringify(answer)}\n`)
}
