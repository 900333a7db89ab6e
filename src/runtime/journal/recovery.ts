/**
 * Owns what becomes of the runs that an earlier system accepted and did not end: those that waited are run, and of those that
 * were sent nobody knows how far they came. A child is not run without its parent, which ended with Node: nobody waits for it.
 * How a run is run is the dispatcher's.
 */
import { RunError } from '../../errors.ts'
import type { AgentDefinition } from '../../machines/definition.ts'
import type { RunFact } from '../../machines/facts.ts'
import type { RuntimeFact } from '../telemetry/catalogue.ts'
import type { UnfinishedRun } from './messages.ts'
import type { JournalRecord } from './record.ts'

export interface RecoveryOptions {
  definitionOf: (agent: string) => AgentDefinition | undefined
  record: (run: UnfinishedRun) => JournalRecord
  /** Sends the run, or lets it wait. */
  resume: (run: UnfinishedRun, record: JournalRecord) => void
  tell: (fact: Extract<RunFact, { type: 'run.settled' }> | RuntimeFact) => void
}

export class Recovery {
  readonly #options: RecoveryOptions
  /** Runs of agents that are not in the system, or not yet. */
  #waiting = new Map<string, UnfinishedRun[]>()

  constructor(options: RecoveryOptions) {
    this.#options = options
  }

  /** Resolves when all is told that is known at once. */
  async begin(unfinished: readonly UnfinishedRun[]): Promise<void> {
    if (unfinished.length === 0) return
    const lost = unfinished.filter(
      ({ status, isIdempotent, parent }) => parent !== undefined || (status === 'sent' && !isIdempotent),
    )
    const others = unfinished.filter((run) => !lost.includes(run))
    const interrupting = lost.map((run) => this.#interrupt(run))
    let interrupted = lost.length
    for (const run of others) {
      if (this.#options.definitionOf(run.agent) === undefined) this.#wait(run)
      else if (this.#mayRun(run)) this.#resume(run)
      else {
        interrupting.push(this.#interrupt(run))
        interrupted += 1
      }
    }
    await Promise.all(interrupting)
    this.#options.tell({ type: 'journal.recovered', resumed: unfinished.length - interrupted, interrupted })
  }

  /** An agent has come into the system. */
  welcome(agent: string): void {
    const waiting = this.#waiting.get(agent)
    if (waiting === undefined || this.#options.definitionOf(agent) === undefined) return
    this.#waiting.delete(agent)
    for (const run of waiting) {
      if (this.#mayRun(run)) this.#resume(run)
      else void this.#interrupt(run)
    }
  }

  #wait(run: UnfinishedRun): void {
    const waiting = this.#waiting.get(run.agent)
    if (waiting) waiting.push(run)
    else this.#waiting.set(run.agent, [run])
  }

  /** What may have begun is run again only where that was safe when it was sent, and is now. */
  #mayRun({ agent, status }: UnfinishedRun): boolean {
    return status === 'queued' || this.#options.definitionOf(agent)?.idempotent === true
  }

  #resume(run: UnfinishedRun): void {
    this.#options.resume(run, this.#options.record(run))
  }

  async #interrupt(run: UnfinishedRun): Promise<void> {
    const { agent, attempt } = run
    // A child that waited was never sent, unless it was sent once and is to be sent again.
    const started = run.status === 'queued' && attempt === 1 ? false : undefined
    const what =
      started === false
        ? `Node ended while it waited, and with Node the run ${run.parent} that had asked for it`
        : 'Node ended after it had been sent, and nobody can say how far it came. Look before you run it again'
    const message = `Run ${run.run} of ${agent} was interrupted: ${what}.`
    const error = new RunError('RUN_INTERRUPTED', message, { run: run.run, agent, started, attempt })
    const settlement = { status: 'interrupted', started, attempt, error } as const
    await this.#options.record(run).settled(settlement)
    const durationMs = Math.max(0, Date.now() - run.createdAt)
    this.#options.tell({ type: 'run.settled', agent, run: run.run, ...settlement, durationMs })
  }
}
