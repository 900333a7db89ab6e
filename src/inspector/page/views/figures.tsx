import type { Actor } from '../world.ts'

export function Figures({ actor }: { actor: Actor }) {
  return <p class="empty">Figures of {actor.name}</p>
}
