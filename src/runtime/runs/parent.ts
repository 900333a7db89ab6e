/**
 * Owns what a run inherits from the run on whose behalf it is made: the end of its time, its cancellation, and how far down it is.
 */
import { AxonError } from '../../errors.ts'
import type { ReadRunOptions } from './run-options.ts'

/** Runs that call agents that call agents: so many below the first. */
const maxDepth = 8

/** A run that calls a tool; other runs are made on its behalf with the option `parent`. */
export class RunParent {
  /** Its id. */
  readonly id: string
  readonly agent: string
  /** 0 for a run that nobody's tool has made. */
  readonly depth: number
  /** Ends what is done on its behalf. */
  readonly signal: AbortSignal
  readonly #leftMs: () => number

  constructor(run: { id: string; agent: string; depth: number; leftMs: number }, signal: AbortSignal) {
    this.id = run.id
    this.agent = run.agent
    this.depth = run.depth
    this.signal = signal
    this.#leftMs = () => run.leftMs
  }

  /** What is left of its time, in milliseconds. */
  get leftMs(): number {
    return this.#leftMs()
  }

  /** The parent of a run that others wait for as well: it goes on without this one. */
  shared(): RunParent {
    return new RunParent(this, new AbortController().signal)
  }
}

/**
 * The options of a run, within those of its parent.
 * @throws AxonError RUN_TOO_DEEP
 */
export function inherited(agent: string, read: ReadRunOptions, defaultMs: number): ReadRunOptions & { runMs: number } {
  const { parent, signal, runMs = defaultMs } = read
  if (parent === undefined) return { ...read, runMs }
  if (parent.depth >= maxDepth) {
    const message = `A run of ${agent} was refused: run ${parent.id} of ${parent.agent}, which asks for it, is ${parent.depth} runs below the first already. Do agents call each other in a circle?`
    throw new AxonError('RUN_TOO_DEEP', message, { agent, context: { parent: parent.id, depth: parent.depth } })
  }
  return {
    ...read,
    runMs: Math.max(1, Math.min(runMs, parent.leftMs)),
    signal: either(signal, parent.signal),
  }
}

/** Aborted by the first of them. */
export function either(one: AbortSignal | undefined, other: AbortSignal | undefined): AbortSignal | undefined {
  return one && other ? AbortSignal.any([one, other]) : (one ?? other)
}
