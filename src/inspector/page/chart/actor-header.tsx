import type { Actor } from '../world.ts'

/** Above the tabs: name, state, one line, and the buttons of the events that it takes. */
export function ActorHeader({ actor }: { actor: Actor }) {
  return (
    <header class="actor-header">
      <h1 class="mono">{actor.name}</h1>
    </header>
  )
}
