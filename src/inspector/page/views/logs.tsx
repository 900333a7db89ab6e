import type { Actor } from '../world.ts'

export function Logs({ actor }: { actor: Actor }) {
  return <p class="empty">Logs of {actor.name}</p>
}
