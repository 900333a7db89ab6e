/**
 * Owns the system's Unix socket, on which every agent's process connects back, and the proof of who connects: a nonce that
 * serves each stream of one process once. What is said on a connection belongs to the port.
 */
import { createServer, type Server, type Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { type HelloFrame, helloFrame, streams } from '../../protocol/control.ts'
import type { Clock } from '../clock.ts'
import { FrameReader } from './frames.ts'
import { keepReadable } from './last-words.ts'

/** A connection must say hello within this time. */
const helloMs = 10_000
/** Turns of the event loop in which a connection that was made before is accepted and has said hello. */
export const acceptTurns = 5
/** Whoever has not proved who it is may make us keep this much. */
const maxHelloBytes = 1024

type StreamName = HelloFrame['stream']

export interface Expected {
  generation: string
  nonce: string
  /** Called once a stream, with a socket that is paused behind the hello. */
  onConnection: (stream: StreamName, socket: Socket) => void
}

interface Expectation extends Expected {
  open: Set<StreamName>
}

export class Listener {
  readonly path: string
  #server: Server
  #expected = new Map<string, Expectation>()
  #sockets = new Set<Socket>()
  #clock: Clock
  #onRefused: (reason: string) => void

  private constructor(path: string, clock: Clock, onRefused: (reason: string) => void) {
    this.path = path
    this.#clock = clock
    this.#onRefused = onRefused
    this.#server = createServer((socket) => this.#accept(socket))
  }

  /** Listens on `path`, in a directory that only this user can enter. */
  static async open(path: string, clock: Clock, onRefused: (reason: string) => void): Promise<Listener> {
    const listener = new Listener(path, clock, onRefused)
    await new Promise<void>((resolve, reject) => {
      listener.#server.once('error', reject)
      listener.#server.listen(path, resolve)
    })
    // A late error must not end the owner.
    listener.#server.on('error', () => {})
    return listener
  }

  /** Lets the process with this nonce in. Call the answer when the process is gone. */
  expect(expected: Expected): () => void {
    this.#expected.set(expected.generation, { ...expected, open: new Set(streams) })
    return () => this.#expected.delete(expected.generation)
  }

  /** Takes no new connections; those that were made go on. */
  async retire(): Promise<void> {
    // What has connected is still to be accepted.
    for (let turn = 0; turn < acceptTurns; turn += 1) await setImmediate()
    this.#server.close()
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
  }

  #accept(socket: Socket): void {
    this.#sockets.add(socket)
    socket.once('close', () => this.#sockets.delete(socket))
    socket.on('error', () => socket.destroy())
    const reader = new FrameReader(maxHelloBytes)
    const timer = this.#clock.setTimeout(() => refuse('no hello in time'), helloMs)
    const refuse = (reason: string) => {
      this.#clock.clearTimeout(timer)
      socket.destroy()
      this.#onRefused(reason)
    }
    const onClose = () => this.#clock.clearTimeout(timer)
    const onData = (chunk: Buffer) => {
      let line: string | undefined
      try {
        const lines = reader.lines(chunk)
        line = lines.next().value ?? undefined
        if (line === undefined) return
        this.#clock.clearTimeout(timer)
        socket.off('data', onData)
        socket.off('close', onClose)
        socket.pause()
        // What follows the hello is the stream's own.
        socket.unshift(chunk.subarray(chunk.indexOf(10) + 1))
        this.#greet(socket, line, refuse)
      } catch {
        // What it said stays out of the log: it may be a secret that went astray.
        refuse('the first frame is no hello')
      }
    }
    socket.on('data', onData)
    socket.once('close', onClose)
  }

  #greet(socket: Socket, line: string, refuse: (reason: string) => void): void {
    const hello = helloFrame.safeParse(JSON.parse(line))
    if (!hello.success) return refuse('the first frame is no hello')
    const { generation, nonce, stream } = hello.data
    const expectation = this.#expected.get(generation)
    if (expectation === undefined || expectation.nonce !== nonce) return refuse(`a wrong nonce for ${generation}`)
    if (!expectation.open.delete(stream)) return refuse(`a used nonce for ${stream} of ${generation}`)
    if (stream === 'control') keepReadable(socket)
    expectation.onConnection(stream, socket)
  }
}
