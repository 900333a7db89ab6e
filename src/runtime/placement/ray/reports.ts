/**
 * Owns what the replicas of an application tell of themselves: memory and processor time, and the lines that they say. Each address
 * is asked; behind a proxy, whichever replica answers. What one has said last before it ended, Ray has.
 *
 * 1. Nothing waits for it, and where nobody answers nothing follows: whether a replica lives is Ray's to say.
 */
import type { Pool } from 'undici'
import * as z from 'zod'
import type { RayReplica } from '../../../machines/slots.ts'
import { cleanLine, type OutputLine } from '../../process/output.ts'
import type { Address } from './application.ts'
import type { Dashboard } from './dashboard.ts'

/** A replica with all its places taken answers when one of them is free. */
const patienceMs = 10_000
const lastWords = 20
/** Lines of a replica by which its last words are known to have been told already. */
const remembered = 100

const report = z.looseObject({
  replica: z.string(),
  rss: z.number().nullable(),
  cpu: z.number(),
  in_flight: z.int(),
  output: z.looseObject({
    end: z.int(),
    dropped: z.int(),
    lines: z.array(z.tuple([z.enum(['stdout', 'stderr']), z.string()])),
  }),
})
type Report = z.output<typeof report>

/** A line, and which of Ray's replicas has said it. */
export type ReplicaLine = OutputLine & { replica: string }

export class Reports {
  readonly #agent: string
  readonly #dashboard: Dashboard
  readonly #onLine: (line: ReplicaLine) => void
  readonly #told = new Map<string, Report>()
  /** By replica: the last of its lines. */
  readonly #lines = new Map<string, string[]>()
  #replicas: readonly RayReplica[] = []
  /** By address: one question at a time. */
  readonly #asking = new Map<Pool, Promise<void>>()
  readonly #burying = new Set<Promise<void>>()
  readonly #closing = new AbortController()

  constructor(agent: string, dashboard: Dashboard, onLine: (line: ReplicaLine) => void) {
    this.#agent = agent
    this.#dashboard = dashboard
    this.#onLine = onLine
  }

  /** As Ray told last, with what each has told of itself. */
  get replicas(): RayReplica[] {
    return this.#replicas.map((replica) => {
      const told = this.#told.get(replica.id)
      return told ? { ...replica, rss: told.rss ?? undefined, cpu: told.cpu, inFlight: told.in_flight } : replica
    })
  }

  /** These are the replicas now. Of those that are gone, what they have said last is told. */
  update(replicas: readonly RayReplica[]): void {
    const gone = this.#replicas.filter(({ id }) => !replicas.some((replica) => replica.id === id))
    this.#replicas = replicas
    for (const { id, actor } of gone) {
      const burying = this.#bury(id, actor)
        .catch(() => {})
        .finally(() => this.#burying.delete(burying))
      this.#burying.add(burying)
    }
  }

  /** Asks each address that has answered what it was asked before. */
  ask(pools: readonly Pool[], address: Address): void {
    for (const pool of pools) {
      if (this.#asking.has(pool)) continue
      const asked = this.#ask(pool, address).then(
        (told) => this.#hear(told),
        () => {},
      )
      this.#asking.set(
        pool,
        asked.finally(() => this.#asking.delete(pool)),
      )
    }
  }

  /** Resolves when nothing is asked any more. */
  async close(): Promise<void> {
    this.#closing.abort()
    await Promise.all([...this.#asking.values(), ...this.#burying])
  }

  async #bury(id: string, actor: string | undefined): Promise<void> {
    const known = this.#lines.get(id) ?? []
    this.#told.delete(id)
    this.#lines.delete(id)
    if (actor === undefined) return
    for (const stream of ['out', 'err'] as const)
      for (const line of await this.#dashboard.lastLines(actor, stream, lastWords, this.#closing.signal))
        if (!known.includes(cleanLine(line))) this.#tell(id, `std${stream}`, line, 0)
  }

  #tell(replica: string, stream: OutputLine['stream'], said: string, droppedBytes: number): void {
    const line = cleanLine(said)
    this.#onLine({ replica, stream, line, droppedBytes })
    if (this.#told.has(replica))
      this.#lines.set(replica, [...(this.#lines.get(replica) ?? []), line].slice(-remembered))
  }

  async #ask(pool: Pool, { prefix, token }: Address): Promise<Report> {
    const after = Object.fromEntries([...this.#told].map(([id, { output }]) => [id, output.end]))
    const { statusCode, body } = await pool.request({
      path: `${prefix}/agents/${this.#agent}/report`,
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ after }),
      signal: AbortSignal.any([this.#closing.signal, AbortSignal.timeout(patienceMs)]),
    })
    const text = await body.text()
    if (statusCode !== 200) throw new Error(`it answers ${statusCode}`)
    return report.parse(JSON.parse(text))
  }

  #hear(told: Report): void {
    const { replica, output } = told
    // One that is not known any more, or not yet; then it tells the same again.
    if (!this.#replicas.some(({ id }) => id === replica)) return
    const known = this.#told.get(replica)?.output.end ?? -1
    // Asked by two ways at once, it tells the same twice.
    if (output.end < known) return
    this.#told.set(replica, told)
    if (output.end === known) return
    let droppedBytes = output.dropped
    for (const [stream, line] of output.lines) {
      this.#tell(replica, stream, line, droppedBytes)
      droppedBytes = 0
    }
  }
}
