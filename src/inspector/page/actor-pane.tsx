/** Owns the right side: the actor that is looked at, its tabs, and the one view that is open. */
import type { FunctionComponent } from 'preact'
import { Boundary } from './boundary.tsx'
import { ActorHeader } from './chart/actor-header.tsx'
import { Chart } from './chart/chart.tsx'
import { Figures } from './figures/figures.tsx'
import { count } from './format.ts'
import { lifelines } from './intake.ts'
import { Messages } from './messages/messages.tsx'
import { closeActor } from './navigation.ts'
import { logsOf, now, selectedActor, shown, type Tab, tab, tabs } from './state.ts'
import { Talk } from './talk/talk.tsx'
import { Events } from './views/events.tsx'
import { Logs } from './views/logs.tsx'
import type { Actor } from './world.ts'

const views: Readonly<Record<Tab, { title: string; View: FunctionComponent<{ actor: Actor }> }>> = {
  chart: { title: 'Chart', View: Chart },
  messages: { title: 'Messages', View: Messages },
  events: { title: 'Events', View: Events },
  logs: { title: 'Logs', View: Logs },
  figures: { title: 'Figures', View: Figures },
  talk: { title: 'Talk', View: Talk },
}

export function ActorPane() {
  const actor = selectedActor.value
  if (actor === undefined) return <main class="actor" />
  const { title, View } = views[tab.value]
  return (
    <main class="actor" id="actor">
      <button type="button" class="button is-bare back" aria-label="Back to all actors" onClick={closeActor}>
        <span aria-hidden="true">‹</span>
      </button>
      <Boundary name="The header" key={`header ${actor.sessionId}`}>
        <ActorHeader actor={actor} />
      </Boundary>
      <Tabs />
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keys */}
      <div class="pane" role="tabpanel" id="pane" tabIndex={0} aria-labelledby={`tab-${tab.value}`}>
        <Boundary name={title} key={`${tab.value} ${actor.sessionId}`}>
          <View actor={actor} />
        </Boundary>
      </div>
    </main>
  )
}

function Tabs() {
  const move = (event: KeyboardEvent) => {
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const next = tabs[(tabs.indexOf(tab.value) + step + tabs.length) % tabs.length] as Tab
    tab.value = next
    document.getElementById(`tab-${next}`)?.focus()
  }
  return (
    <div class="tabs" role="tablist" aria-label="Views of this actor">
      {tabs.map((name) => (
        <button
          key={name}
          type="button"
          role="tab"
          id={`tab-${name}`}
          aria-selected={tab.value === name}
          aria-controls="pane"
          tabIndex={tab.value === name ? 0 : -1}
          onClick={() => {
            tab.value = name
          }}
          onKeyDown={move}
        >
          {views[name].title}
          <Badge tab={name} />
        </button>
      ))}
    </div>
  )
}

/** How much there is to see: runs, events, lines that are errors. */
function Badge({ tab }: { tab: Tab }) {
  now.value
  const actor = selectedActor.value
  if (actor === undefined) return null
  if (tab === 'logs') {
    const errors = logsOf(actor.sessionId).value.filter(({ level }) => level === 'error').length
    return errors === 0 ? null : <span class="badge is-bad">{errors} err</span>
  }
  const found = tab === 'messages' ? runsOf(actor) : tab === 'events' ? lifelines.eventsOf(actor.sessionId) : 0
  return found === 0 ? null : <span class="badge">{count(found)}</span>
}

function runsOf(actor: Actor): number {
  let found = 0
  for (const run of shown.peek().runs.values()) {
    if (
      actor.kind === 'system' ||
      run.sessionId === actor.sessionId ||
      (actor.kind === 'agent' && run.agent === actor.agent)
    )
      found += 1
  }
  return found
}
