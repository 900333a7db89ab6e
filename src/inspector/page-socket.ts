/**
 * Owns one socket to somebody who looks: what is sent is never waited for. Who takes nothing for too long, or does not answer a
 * ping, is closed.
 */
import type { WebSocket } from 'ws'
import { closeCodes } from './frames.ts'

export interface SocketBounds {
  /** So many bytes may wait for `slowMs`. */
  slowBytes: number
  /** Milliseconds. */
  slowMs: number
  /** So many may wait at no time. */
  mostBytes: number
}

const pingMs = 15_000

export class PageSocket {
  readonly #socket: WebSocket
  readonly #bounds: SocketBounds
  readonly #timer: NodeJS.Timeout
  #slowSince: number | undefined
  #isHeard = true

  constructor(socket: WebSocket, bounds: SocketBounds) {
    this.#socket = socket
    this.#bounds = bounds
    this.#timer = setInterval(() => this.#ping(), pingMs).unref()
    socket.on('pong', () => {
      this.#isHeard = true
    })
    socket.on('close', () => clearInterval(this.#timer))
    // Told by `close` as well, which comes next.
    socket.on('error', () => {})
  }

  get isOpen(): boolean {
    return this.#socket.readyState === this.#socket.OPEN
  }

  send(text: string): void {
    if (this.isOpen && !this.#isTooSlow()) this.#socket.send(text)
  }

  /** Resolves when the system has taken it, or the socket is closed. For what comes in many pieces. */
  async sent(text: string): Promise<void> {
    if (this.isOpen) await new Promise<void>((resolve) => this.#socket.send(text, () => resolve()))
  }

  close(code: number, reason = ''): void {
    this.#socket.close(code, reason)
  }

  #isTooSlow(): boolean {
    const { slowBytes, slowMs, mostBytes } = this.#bounds
    const waiting = this.#socket.bufferedAmount
    if (waiting <= slowBytes) {
      this.#slowSince = undefined
      return false
    }
    const now = performance.now()
    this.#slowSince ??= now
    if (waiting <= mostBytes && now - this.#slowSince < slowMs) return false
    this.close(closeCodes.tooSlow, 'too slow')
    return true
  }

  #ping(): void {
    if (this.#isHeard && !this.#isTooSlow()) {
      this.#isHeard = false
      this.#socket.ping()
    } else this.#socket.terminate()
  }
}
