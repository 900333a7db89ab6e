/**
 * What the step to Ray costs: the same echo agent on Ray, by Serve's proxy and by its replica's own port, and on this machine; with
 * a bare undici pool at the same proxy and the same application. What is compared takes turns in one run, on one head.
 */
import { join } from 'node:path'
import { runBesideRay } from '../test/ray/namespace.ts'
import { benchRoot } from './environment.ts'
import type { BenchResult } from './main.ts'

export async function ray(rounds = 15, seconds = 1): Promise<BenchResult> {
  const program = [join(benchRoot, 'ray/measure.ts'), String(rounds), String(seconds)]
  const { status, stdout } = await runBesideRay(program, 'pipe')
  if (status !== 0)
    throw new Error('Ray could not be measured: see above. It needs unshare and setpriv, as in util-linux.')
  return JSON.parse(stdout)
}
