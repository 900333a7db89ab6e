import type { Actor } from '../world.ts'

export function Talk({ actor }: { actor: Actor }) {
  return <p class="empty">Talk of {actor.name}</p>
}
