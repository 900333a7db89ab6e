/**
 * The guards that hold Axon's promises, each with a change of the code that switches it off and the tests that must then fail.
 * Owns the table; trying it is scripts/mutation-check.ts. Tests are named as in test/faults/table.ts.
 */
import { gateway } from './gateway.ts'
import { processes } from './processes.ts'
import { python } from './python.ts'
import { runs } from './runs.ts'

export interface Edit {
  /** From the root of the project. */
  file: string
  /** Stands in the file exactly once. */
  find: string
  replace: string
}

export interface Mutation {
  id: string
  /** What is lost with it, as the end of "without: …". */
  guard: string
  /** More than one where two guards hold the same, and only both together can be missed. */
  edits: readonly Edit[]
  tests: readonly string[]
}

/** Those of Python last: after them everything is built again. */
export const mutations: readonly Mutation[] = [...gateway, ...runs, ...processes, ...python]

/** The text with the guard switched off. @throws Error where it is not there exactly once */
export function mutated(text: string, { file, find, replace }: Edit): string {
  const [before, after, ...more] = text.split(find)
  if (before === undefined || after === undefined || more.length > 0) {
    const times = text.split(find).length - 1
    throw new Error(`${file} has this ${times} times, not once: ${find}`)
  }
  return before + replace + after
}
