/**
 * Owns what Node holds of one application on Ray while runs go to it, and what Ray's own answers mean for a run.
 *
 * 1. A run has begun when its answer has, or has told an event: the beginning of its answer is its receipt. Before that nobody
 *    knows.
 * 2. `started: false` is said only of what Ray refuses before it has a replica: by its text, since it marks nothing.
 */
import type { Pool } from 'undici'
import { RunError } from '../../../errors.ts'
import type { AgentDefinition } from '../../../machines/definition.ts'
import { ConnectionLost } from '../../http/transport.ts'
import type { Link, LinkListener } from '../link.ts'
import type { Endpoints } from './endpoints.ts'
import { hashOf } from './packages.ts'

/** Said by the router of a proxy, or by a replica that is full, of what it has given to nobody. */
const rejected = /^Request dropped due to backpressure|is unavailable because it failed to deploy/
const unrouted = /^Path '.*' not found/

/** By which Serve's own router, where it is one that does, keeps what belongs together at one replica. */
const sessionHeader = 'x-session-id'

export class RayLink implements Link {
  readonly generation: string
  readonly agent: string
  readonly definition: AgentDefinition
  readonly hasReceipts = false
  /** What ends sooner is answered whole, which costs the proxy one message less. */
  readonly beginMs = 20
  readonly #end = Promise.withResolvers<void>()
  readonly gone = this.#end.promise
  listener: LinkListener | undefined
  #endpoints: Endpoints | undefined
  #takesRuns = false

  constructor(definition: AgentDefinition, generation: string) {
    this.definition = definition
    this.agent = definition.name
    this.generation = generation
  }

  get token(): string {
    return this.#endpoints?.address.token ?? ''
  }

  get prefix(): string {
    return this.#endpoints?.address.prefix ?? ''
  }

  get pool(): Pool | undefined {
    return this.#endpoints?.choose()
  }

  favour(affinity: string): { pool: Pool | undefined; headers: Record<string, string> } {
    return { pool: this.#endpoints?.choose(affinity), headers: { [sessionHeader]: hashOf(affinity) } }
  }

  get takesRuns(): boolean {
    return this.#takesRuns
  }

  /** The agent answers there. */
  serve(endpoints: Endpoints): void {
    this.#endpoints = endpoints
    this.#takesRuns = true
  }

  bury(): void {
    this.#takesRuns = false
    this.#endpoints = undefined
    this.#end.resolve()
  }

  /** A replica that drains says so; the others go on. */
  refuseRuns(): void {}

  send(): boolean {
    return false
  }

  sendLine(): boolean {
    return false
  }

  /** The end of the connection, which follows, cancels the run. */
  cancel(): void {}

  /** There is nobody to ask. */
  revoke(): Promise<boolean> {
    return new Promise(() => {})
  }

  judge(
    { status, text }: { status: number; text: string },
    about: { run: string; attempt: number },
  ): Error | undefined {
    // The agent's own errors are JSON, Ray's are text.
    if (text.startsWith('{')) return undefined
    const said = `Ray answered ${status}: ${text.slice(0, 500)}`
    if (status === 404 && unrouted.test(text)) return new ConnectionLost(said, { isWritten: false })
    if (!rejected.test(text)) return new ConnectionLost(said, { isWritten: true })
    const message = `Run ${about.run} did not start: ${said}. Raise replicas or concurrency of ${this.agent}.`
    const context = { generation: this.generation, status }
    return new RunError('RUN_REJECTED', message, { ...about, agent: this.agent, started: false, context })
  }
}
