import type { Actor } from '../world.ts'

export function Events({ actor }: { actor: Actor }) {
  return <p class="empty">Events of {actor.name}</p>
}
