/**
 * Owns a proxy of bytes between Node and the HTTP server of an agent's process. It takes the place of the process's socket, so
 * that neither end knows of it, lets everything through, and does on request what a connection can suffer.
 */
import { existsSync, renameSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Axon, AxonEventOf } from '../../src/index.ts'

/** What happens to the connection that carries the next bytes. */
export interface Fault {
  /** The bytes that are counted, from now on: those to the process, or those from it. */
  of: 'request' | 'answer'
  /** So many are passed on before it happens. Default 0: none is. */
  afterBytes?: number
  /**
   * `hold`: nothing more passes that way until `release`. `reset`: both ends are closed at once. `cut`: Node's end is closed at
   * once, the process's stays open, and gets what was held at `release`. `halfClose`: the way is ended, the other stays open.
   * `kill`: the process is killed. `lie`: as `hold`, and `tells` says to Node what it likes.
   */
  act: 'hold' | 'reset' | 'cut' | 'halfClose' | 'kill' | 'lie'
  tells?: (near: Socket) => void
}

export class FaultProxy {
  readonly pid: number
  readonly #path: string
  readonly #real: string
  readonly #server: Server
  readonly #pairs = new Set<{ near: Socket; far: Socket }>()
  #armed: { fault: Fault; left: number; happened: () => void }[] = []
  #held: (() => void)[] = []
  /** Connections that were ever made through it. */
  connections = 0

  /** At once: the socket that the process listens on gets another name, and the proxy takes its own. */
  constructor({ pid, endpoint }: AxonEventOf<'agent.ready'>) {
    if (endpoint.kind !== 'unix') throw new TypeError('The agent has a port.')
    this.pid = pid as number
    this.#path = endpoint.path
    this.#real = `${endpoint.path}.real`
    renameSync(this.#path, this.#real)
    this.#server = createServer({ allowHalfOpen: true }, (near) => this.#accept(near))
    this.#server.on('error', () => {})
    this.#server.listen(this.#path)
  }

  /** The next bytes suffer it, once. Resolves when it has happened. */
  arm(fault: Fault): Promise<void> {
    return new Promise((happened) => this.#armed.push({ fault, left: fault.afterBytes ?? 0, happened }))
  }

  /** What is held passes. */
  release(): void {
    for (const resume of this.#held.splice(0)) resume()
  }

  /** Nobody can connect any more; what stands is closed. */
  refuse(): void {
    rmSync(this.#path, { force: true })
    this.#server.close()
    this.closeAll()
  }

  /** Closes the connections that stand, as a server does with those that are idle. */
  closeAll(): void {
    for (const { near, far } of this.#pairs) {
      near.destroy()
      far.destroy()
    }
  }

  /** Closes some of them, by lot. */
  closeSome(count: number, random: () => number): void {
    const pairs = [...this.#pairs]
    for (let closed = 0; closed < count && pairs.length > 0; closed += 1) {
      const [pair] = pairs.splice(Math.floor(random() * pairs.length), 1)
      pair?.near.destroy()
      pair?.far.destroy()
    }
  }

  /** The process is gone. */
  end(): void {
    this.#server.close()
    this.closeAll()
    rmSync(this.#real, { force: true })
  }

  #accept(near: Socket): void {
    this.connections += 1
    const far = connect({ path: this.#real, allowHalfOpen: true })
    const pair = { near, far }
    this.#pairs.add(pair)
    const forget = () => near.destroyed && far.destroyed && this.#pairs.delete(pair)
    near.on('close', forget)
    far.on('close', forget)
    this.#pass('request', near, far, pair)
    this.#pass('answer', far, near, pair)
  }

  #pass(way: Fault['of'], from: Socket, to: Socket, pair: { near: Socket; far: Socket }): void {
    let isHeld = false
    from.on('error', () => to.destroy())
    from.on('end', () => isHeld || to.end())
    from.on('close', () => isHeld || to.destroy())
    from.on('data', (bytes: Buffer) => {
      const armed = this.#armed.find(({ fault }) => fault.of === way)
      if (armed === undefined || bytes.length <= armed.left) {
        if (armed) armed.left -= bytes.length
        if (!to.write(bytes)) from.pause()
        return
      }
      this.#armed = this.#armed.filter((other) => other !== armed)
      const { fault, happened, left } = armed
      const [before, rest] = [bytes.subarray(0, left), bytes.subarray(left)]
      // What passes before must be out when it happens.
      to.write(before, () => {
        if (fault.act === 'hold' || fault.act === 'lie') {
          isHeld = true
          from.pause()
          this.#held.push(() => {
            isHeld = false
            to.write(rest)
            from.resume()
          })
          fault.tells?.(to)
        } else if (fault.act === 'cut') {
          isHeld = true
          pair.near.destroy()
          this.#held.push(() => to.write(rest))
        } else if (fault.act === 'halfClose') to.end()
        else if (fault.act === 'reset') {
          pair.near.destroy()
          pair.far.destroy()
        } else killed(this.pid)
        happened()
      })
    })
    to.on('drain', () => from.resume())
  }
}

/** It may have been killed by another fault already, and be known to be gone. */
export function killed(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** A proxy for every process of the system, from the moment in which it is ready. Call it before `start()`. */
export function proxied(axon: Axon): Map<string, FaultProxy> {
  const proxies = new Map<string, FaultProxy>()
  axon.on('agent.ready', (event) => {
    if (event.endpoint.kind !== 'unix' || !existsSync(event.endpoint.path)) return
    // A process that was suspect is told as ready again.
    if (!proxies.has(event.generation)) proxies.set(event.generation, new FaultProxy(event))
  })
  axon.on('process.exited', ({ generation }) => {
    proxies.get(generation)?.end()
    proxies.delete(generation)
  })
  return proxies
}
