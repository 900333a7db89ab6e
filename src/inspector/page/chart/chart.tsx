import type { Actor } from '../world.ts'

/** The first tab: the statechart, the crash, the context. */
export function Chart({ actor }: { actor: Actor }) {
  return <p class="empty">Chart of {actor.name}</p>
}
