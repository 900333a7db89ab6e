/**
 * Owns idempotency keys: one run for an agent and a key. Those who come with the same key wait for that run, or get its answer
 * again. Where answers are kept is kept-answers.ts.
 *
 * 1. Of one agent and key there is at most one run whose code began, for as long as its answer is kept.
 * 2. What was proved not to have begun is not kept: the key is free for the next try.
 * 3. The run is cancelled when the last of those who wait has given up.
 */
import { createHash } from 'node:crypto'
import { AxonError, RunError } from '../../errors.ts'
import type { RunResponse } from '../../protocol/run.ts'
import { type AnswerStore, type KeepPolicy, type KeptAnswer, MemoryAnswers } from './kept-answers.ts'
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

export class KeyedRuns {
  readonly #store: AnswerStore
  #inFlight = new Map<string, Shared>()

  constructor(store: AnswerStore = new MemoryAnswers()) {
    this.#store = store
  }

  /**
   * @throws AxonError RUN_KEY_REUSED where the key belongs to another request
   * @throws RunError as the run does, and RUN_CANCELLED where the caller gives up
   */
  async answer(call: KeyedCall): Promise<RunResponse> {
    const { agent, key, body, signal } = call
    const fingerprint = createHash('sha256').update(body).digest('base64')
    const name = `${agent}/${key}`
    const shared = this.#inFlight.get(name)
    const kept = shared === undefined ? this.#store.find(agent, key) : undefined
    const known = shared ? { run: shared.run.id, fingerprint: shared.fingerprint } : kept
    if (known !== undefined && known.fingerprint !== fingerprint) throw reusedError(agent, key, known.run)
    if (kept !== undefined) return replay(kept)
    return await wait(shared ?? this.#begin(name, fingerprint, call), signal)
  }

  #begin(name: string, fingerprint: string, { agent, key, policy, start }: KeyedCall): Shared {
    const run = start()
    const shared: Shared = { run, fingerprint, waiting: 0 }
    this.#inFlight.set(name, shared)
    const keep = (outcome: KeptAnswer['outcome']) => {
      this.#inFlight.delete(name)
      const hasBegun = 'response' in outcome || outcome.error.started !== false
      if (hasBegun) this.#store.keep(agent, key, { run: run.id, fingerprint, outcome }, policy)
    }
    run.result.then(
      (response) => keep({ response }),
      (error) => keep({ error }),
    )
    return shared
  }
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
