import type { Axon } from '../../../src/index.ts'
import { resourcesOf } from '../../../src/runtime/resources.ts'

/** The bearer tokens of the processes that are alive. */
export function tokensOf(axon: Axon): string[] {
  return [...resourcesOf(axon.actor.system).links.values()].map(({ token }) => token)
}
