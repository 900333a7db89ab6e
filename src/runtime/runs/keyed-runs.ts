/**
 * Owns idempotency keys: one run for an agent and a key. Those who come with the same key wait for that run, or get its answer
 * again. Where answers are kept is kept-answers.ts, and in the journal.
 *
 * 1. Of one agent and key there is at most one run whose code began, for as long as its answer is kept.
 * 2. What was proved not to have begun is not kept: the key is free for the next try.
 * 3. The run is cancelled when the last of those who wait has given up.
 */
import { AxonError, RunError } from '../../errors.ts'
import type { RunResponse } from '../../protocol/run.ts'
import { fingerprintOf, type UnansweredRun, unendedError } from '../journal/recall.ts'
import { type KeepPolicy, type KeptAnswer, KeptAnswers } from './kept-answers.ts'
import type { Run } from './run.ts'

export interface KeyedCall {
  agent: string
  key: string
  /** The request as JSON. */
  body: string
  policy: KeepPolicy
  /** Of this caller alone. */
  signal: AbortSignal | undefined
  /** Starts the run. Not under the caller's signal: others may wait for it. */
  start: () => Run
}

interface Shared {
  run: Run
  fingerprint: string
  waiting: number
}

export interface KeyedSurroundings {
  /** What the journal has of a key. Undefined: there is no journal. */
  recall?:
    | ((agent: string, key: string, policy: KeepPolicy) => Promise<KeptAnswer | UnansweredRun | undefined>)
    | undefined
  /** A run that is under way. */
  runOf: (id: string) => Run | undefined
}

export class KeyedRuns {
  readonly #around: KeyedSurroundings
  readonly #kept = new KeptAnswers()
  #inFlight = new Map<string, Shared>()

  constructor(around: KeyedSurroundings) {
    this.#around = around
  }

  /**
   * @throws AxonError RUN_KEY_REUSED where the key belongs to another request
   * @throws RunError as the run does, and RUN_CANCELLED where the caller gives up
   */
  async answer(call: KeyedCall): Promise<RunResponse> {
    const { agent, key, body, signal } = call
    const fingerprint = fingerprintOf(body)
    let known = this.#known(call)
    // Asked again afterwards: another call may have begun meanwhile.
    if (known === undefined && this.#around.recall) known = (await this.#recalled(call)) ?? this.#known(call)
    if (known !== undefined && known.fingerprint !== fingerprint) throw reusedError(agent, key, idOf(known))
    if (known !== undefined && 'outcome' in known) return replay(known)
    return await wait(known ?? this.#share(call, fingerprint, call.start()), signal)
  }

  #known({ agent, key }: KeyedCall): Shared | KeptAnswer | undefined {
    return this.#inFlight.get(`${agent}/${key}`) ?? this.#kept.find(agent, key)
  }

  /** From the journal. */
  async #recalled(call: KeyedCall): Promise<Shared | KeptAnswer | undefined> {
    const { agent, key, policy } = call
    const { recall, runOf } = this.#around
    if (recall === undefined) return undefined
    // A run may end between the two: then the journal has its answer the second time.
    for (let isLast = false; ; isLast = true) {
      const found = await recall(agent, key, policy)
      const known = this.#known(call)
      if (known) return known
      if (found === undefined || 'outcome' in found) return found
      const run = runOf(found.run)
      if (run) return this.#share(call, found.fingerprint, run)
      if (isLast) return { ...found, outcome: { error: unendedError({ ...found, agent }) } }
    }
  }

  #share({ agent, key, policy }: KeyedCall, fingerprint: string, run: Run): Shared {
    const name = `${agent}/${key}`
    const shared: Shared = { run, fingerprint, waiting: 0 }
    this.#inFlight.set(name, shared)
    const keep = (outcome: KeptAnswer['outcome']) => {
      this.#inFlight.delete(name)
      const hasBegun = 'response' in outcome || outcome.error.started !== false
      if (hasBegun) this.#kept.keep(agent, key, { run: run.id, fingerprint, outcome }, policy)
    }
    run.result.then(
      (response) => keep({ response }),
      (error) => keep({ error }),
    )
    return shared
  }
}

function idOf(known: Shared | KeptAnswer): string {
  return 'outcome' in known ? known.run : known.run.id
}

function replay({ outcome }: KeptAnswer): RunResponse {
  if ('error' in outcome) throw outcome.error
  return outcome.response
}

/** The run's answer, or the caller's own end. */
async function wait(shared: Shared, signal: AbortSignal | undefined): Promise<RunResponse> {
  const { run } = shared
  shared.waiting += 1
  if (signal === undefined) return await run.result
  const { promise: given, reject } = Promise.withResolvers<never>()
  const leave = () => {
    shared.waiting -= 1
    if (shared.waiting === 0) run.cancel(signal.reason)
    else reject(leftError(run, signal.reason))
  }
  if (signal.aborted) leave()
  else signal.addEventListener('abort', leave, { once: true })
  try {
    return await Promise.race([run.result, given])
  } finally {
    signal.removeEventListener('abort', leave)
  }
}

function leftError({ id, agent }: Run, cause: unknown): RunError {
  const message = `The call for run ${id} of ${agent} was cancelled; the run goes on for others with its key.`
  return new RunError('RUN_CANCELLED', message, { run: id, agent, started: undefined, attempt: 1, cause })
}

function reusedError(agent: string, key: string, run: string): AxonError {
  const message = `The idempotency key ${JSON.stringify(key)} of ${agent} belongs to run ${run}, whose request was another. Use a key for one request only.`
  return new AxonError('RUN_KEY_REUSED', message, { agent, context: { run } })
}
