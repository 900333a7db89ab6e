/** Owns the places of the page: header, bands, tree, actor, tape, foot. */
import { ActorPane } from './actor-pane.tsx'
import { Announcer } from './announcer.tsx'
import { Bands } from './bands.tsx'
import { Boundary } from './boundary.tsx'
import { Header } from './header.tsx'
import { Help } from './help.tsx'
import { isActorOpen, openView } from './navigation.ts'
import { recordingError } from './recording.ts'
import * as state from './state.ts'
import { Tape } from './tape.tsx'
import { TreePane } from './tree-pane.tsx'

const places: readonly [state.View, string][] = [
  ['actors', 'Actors'],
  ['runs', 'Runs'],
  ['events', 'Events'],
  ['figures', 'Figures'],
  ['talk', 'Talk'],
]

export function Shell() {
  const { phase } = state.connection.value
  const isStale = phase === 'lost' || phase === 'unauthorized' || phase === 'closed'
  return (
    <div class={`shell${isActorOpen.value ? ' is-open' : ''}${isStale ? ' is-stale' : ''}`}>
      <Boundary name="The head">
        <Header />
      </Boundary>
      <div class="bands">
        <Bands />
        {recordingError.value !== undefined && (
          <div class="band is-warn" role="alert">
            {recordingError.value}
          </div>
        )}
      </div>
      <Boundary name="The tree">
        <TreePane />
      </Boundary>
      <ActorPane />
      <Boundary name="The tape">
        <Tape />
      </Boundary>
      <nav class="foot" aria-label="Views of the system">
        {places.map(([view, title]) => (
          <button
            key={view}
            type="button"
            aria-current={state.view.value === view ? 'page' : undefined}
            onClick={() => openView(view)}
          >
            {title}
          </button>
        ))}
      </nav>
      <Help />
      <Announcer />
    </div>
  )
}
