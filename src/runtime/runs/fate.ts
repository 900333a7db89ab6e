/**
 * Owns the question what became of an attempt whose connection broke. What is done about it is run.ts's.
 */
import type { Clock } from '../clock.ts'
import type { Link } from '../placement/link.ts'

/** How long a process may take to answer, or to be seen dead. */
const patienceMs = 1_000

/**
 * `gone`: the process has ended and all it said was read: what it has not receipted never began. `revoked`: it lives, and an
 * attempt that it has not receipted will not begin. `known`: it lives and has the attempt. `silent`: nobody can say, also where what
 * it had said could not be read.
 */
export type Fate = 'gone' | 'revoked' | 'known' | 'silent'

/** Takes the attempt back, and tells what the process had made of it by then. */
export async function fateOf(link: Link, run: string, attempt: number, clock: Clock): Promise<Fate> {
  if (!link.hasReceipts) return 'silent'
  const { promise: patience, resolve } = Promise.withResolvers<Fate>()
  const timer = clock.setTimeout(() => resolve('silent'), patienceMs)
  const gone = link.gone.then(() => (link.hasReceipts ? 'gone' : 'silent') as Fate)
  const asked = link.revoke(run, attempt).then((isKnown) => (isKnown ? 'known' : 'revoked') as Fate)
  const fate = await Promise.race([gone, asked, patience])
  clock.clearTimeout(timer)
  return fate
}
