/**
 * Owns a proxy of bytes between Node and the HTTP server of an agent's process. It takes the place of the process's socket, so
 * that neither end knows of it, lets everything through, and does on request what a connection can suffer.
 */
import { existsSync, renameSync, rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import type { Axon, AxonEventOf } from '../../src/index.ts'

/** What happens to the next connection that carries so many bytes. */
export interface Fault {
  /** The bytes that are counted: those to the process, or those from it. */
  of: 'request' | 'answer'
  /** Passed on before it happens. Default 0: none is. */
  afterBytes?: number
  /**
   * `hold`: nothing more passes that way until `release`. `reset`: both ends are closed at once. `cut`: Node's end is closed at
   * once, the process's stays open. `halfClose`: the way is ended, the other stays open. `kill`: the process is killed.
   */
  act: 'hold' | 'reset' | 'cut' | 'halfClose' | 'kill'
}

export class FaultProxy {
  readonly pid: number
  readonly #path: string
  readonly #real: string
  readonly #server: Server
  readonly #pairs = new Set<{ near: Socket; far: Socket }>()
  #armed: { fault: Fault; happened: () => void }[] = []
  #held: (() => void)[] = []
  /** Connections that were ever made through it. */
  connections = 0

  /** At once: the socket that the process listens on gets another name, and the proxy takes its own. */
  constructor({ pid, endpoint }: AxonEventOf<'agent.ready'>) {
    if (endpoint.kind !== 'unix') throw new TypeError('The agent has a port.')
    this.pid = pid
    this.#path = endpoint.path
    this.#real = `${endpoint.path}.real`
    renameSync(this.#path, this.#real)
    this.#server = createServer({ allowHalfOpen: true }, (near) => this.#accept(near))
    this.#server.on('error', () => {})
    this.#server.listen(this.#path)
  }

  /** The next bytes suffer it, once. Resolves when it has happened. */
  arm(fault: Fault): Promise<void> {
    return new Promise((happened) => this.#armed.push({ fault, happened }))
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
    near.on('close', () => this.#pairs.delete(pair))
    this.#pass('request', near, far, pair)
    this.#pass('answer', far, near, pair)
  }

  #pass(way: Fault['of'], from: Socket, to: Socket, pair: { near: Socket; far: Socket }): void {
    let passed = 0
    let isHeld = false
    from.on('error', () => to.destroy())
    from.on('end', () => isHeld || to.end())
    from.on('close', () => isHeld || to.destroy())
    from.on('data', (bytes: Buffer) => {
      const at = this.#armed.findIndex(
        ({ fault }) => fault.of === way && passed + bytes.length > (fault.afterBytes ?? 0),
      )
      const armed = this.#armed[at]
      if (armed === undefined) {
        passed += bytes.length
        if (!to.write(bytes)) from.pause()
        return
      }
      this.#armed.splice(at, 1)
      const { fault, happened } = armed
      const before = bytes.subarray(0, Math.max(0, (fault.afterBytes ?? 0) - passed))
      const rest = bytes.subarray(before.length)
      passed += bytes.length
      // What passes before must be out when it happens.
      to.write(before, () => {
        if (fault.act === 'hold') {
          isHeld = true
          from.pause()
          this.#held.push(() => {
            isHeld = false
            to.write(rest)
            from.resume()
          })
        } else if (fault.act === 'cut') {
          isHeld = true
          pair.near.destroy()
        } else if (fault.act === 'halfClose') to.end()
        else if (fault.act === 'reset') {
          pair.near.destroy()
          pair.far.destroy()
        } else process.kill(this.pid, 'SIGKILL')
        happened()
      })
    })
    to.on('drain', () => from.resume())
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
