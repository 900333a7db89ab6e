/** Owns the places of the page: header, bands, tree, actor, tape, foot. */
import { ActorPane } from './actor-pane.tsx'
import { selected, shown } from './state.ts'

export function Shell() {
  return (
    <div class="shell">
      <nav class="tree">
        {[...shown.value.actors.values()].map((actor) => (
          <button
            type="button"
            key={actor.sessionId}
            onClick={() => {
              selected.value = actor.sessionId
            }}
          >
            {actor.name}
          </button>
        ))}
      </nav>
      <ActorPane />
    </div>
  )
}
