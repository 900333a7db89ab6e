/**
 * Owns how much is tried of each fault, and chance that can be had again. `FAULTS_PROFILE=full` tries the whole of it, anything
 * else what there is time for whenever the tests run.
 */

/** What to try: the first in every run of the tests, the second by hand. */
export function sized<T>(ci: T, full: T): T {
  return process.env.FAULTS_PROFILE === 'full' ? full : ci
}

/** Printed where a test fails; given as FAULTS_SEED, the same chance is had again. */
export const seed = Number(process.env.FAULTS_SEED ?? Math.floor(Math.random() * 2 ** 31))

/** Numbers from 0 to below 1, the same for the same seed. */
export function seeded(from: number): () => number {
  let state = from
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return state / 2 ** 32
  }
}
