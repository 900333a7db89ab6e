/**
 * Owns what Node holds of one live process: its token, its pool of HTTP connections, its control connection, and the facts
 * by which runs are judged: what was receipted, whether it is still there. Starting and ending it belong to the port.
 */
import { randomBytes } from 'node:crypto'
import type { Socket } from 'node:net'
import { Pool } from 'undici'
import type { AgentDefinition } from '../../machines/definition.ts'
import type { Endpoint, NodeFrame, RevokedFrame } from '../../protocol/control.ts'
import type { Link, LinkListener } from '../placement/link.ts'

export class ProcessLink implements Link {
  readonly generation: string
  readonly agent: string
  readonly prefix = ''
  /** Bearer token of this process. */
  readonly token = randomBytes(32).toString('base64url')
  readonly #end = Promise.withResolvers<void>()
  /** Resolves when the process has exited and everything it said has been read: what is not receipted by then never began, where it `hasReceipts`. */
  readonly gone = this.#end.promise
  listener: LinkListener | undefined
  readonly definition: AgentDefinition
  #control: Socket | undefined
  #pool: Pool | undefined
  #isExited = false
  #refusesRuns = false
  #isSpoiled = false
  #closing: Promise<void> = Promise.resolve()
  /** Attempts that were taken back and of which the process has not answered yet. */
  #revoked = new Map<string, (isKnown: boolean) => void>()

  constructor(definition: AgentDefinition, generation: string) {
    this.definition = definition
    this.agent = definition.name
    this.generation = generation
  }

  /** The connections to the process's HTTP server; undefined before it is ready and after it has exited. */
  get pool(): Pool | undefined {
    return this.#isExited ? undefined : this.#pool
  }

  /** Whether runs may be sent here: not where no receipt would come, because the control connection has ended. */
  get takesRuns(): boolean {
    return !this.#isExited && !this.#refusesRuns && this.#control?.writable !== false
  }

  refuseRuns(): void {
    this.#refusesRuns = true
  }

  get hasReceipts(): boolean {
    return !this.#isSpoiled
  }

  /** Something on its control connection could not be read, and a receipt may have been lost with it: no receipt proves nothing. */
  spoil(): void {
    this.#isSpoiled = true
  }

  open(control: Socket): void {
    this.#control = control
  }

  send(frame: NodeFrame): boolean {
    return this.sendLine(JSON.stringify(frame))
  }

  sendLine(frame: string): boolean {
    if (!this.#control?.writable) return false
    this.#control.write(`${frame}\n`)
    return true
  }

  cancel(run: string, attempt: number, isStarted: boolean): void {
    this.listener?.onCancelled(run, attempt)
    this.send({ type: 'cancel', run, attempt, ...(isStarted && { started: true }) })
  }

  revoke(run: string, attempt: number): Promise<boolean> {
    return new Promise((resolve) => {
      this.listener?.onCancelled(run, attempt)
      this.#revoked.set(`${run}#${attempt}`, resolve)
      if (!this.send({ type: 'revoke', run, attempt })) this.#revoked.delete(`${run}#${attempt}`)
    })
  }

  /** The answer to that. One that nobody waits for means nothing. */
  revoked({ run, attempt, isKnown }: RevokedFrame): void {
    const key = `${run}#${attempt}`
    this.#revoked.get(key)?.(isKnown)
    this.#revoked.delete(key)
  }

  /** Once in a life: the process serves. */
  serve(endpoint: Endpoint): void {
    if (this.#isExited) return
    const { concurrency, timeouts } = this.definition
    const connect = { timeout: timeouts.connectMs, ...(endpoint.kind === 'unix' ? { socketPath: endpoint.path } : {}) }
    const origin = endpoint.kind === 'unix' ? 'http://localhost' : `http://${endpoint.host}:${endpoint.port}`
    this.#pool = new Pool(origin, {
      connections: concurrency + 1,
      pipelining: 1,
      // Shorter than the server's, so that no request is written to a connection that is being closed.
      keepAliveTimeout: 4_000,
      connect,
    })
  }

  /**
   * The process has exited: nothing is routed here from now on. Resolves when every answer has been read to its end: a process
   * that drains writes its last answer before it exits, and the news of the exit may be faster.
   */
  exit(): Promise<void> {
    this.#isExited = true
    if (this.#pool && !this.#pool.closed) this.#closing = this.#pool.close().catch(() => {})
    return this.#closing
  }

  bury(): void {
    void this.exit()
    void this.#pool?.destroy().catch(() => {})
    this.#control?.destroy()
    this.#revoked.clear()
    this.#end.resolve()
  }
}
