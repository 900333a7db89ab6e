import type { Actor } from '../world.ts'

export function Messages({ actor }: { actor: Actor }) {
  return <p class="empty">Messages of {actor.name}</p>
}
