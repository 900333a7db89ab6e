/** Owns the first tab: the statechart or its outline, the events of a narrow window, the last crash, and what the actor remembers. */
import { signal } from '@preact/signals'
import { shown } from '../state.ts'
import type { Actor } from '../world.ts'
import './statechart.css'
import './crash.css'
import './chart.css'
import { ContextPane } from './context-pane.tsx'
import { CrashCard } from './crash-card.tsx'
import { EventButtons } from './event-buttons.tsx'
import { NearChart } from './near.tsx'
import { Outline } from './outline.tsx'
import { Statechart } from './statechart.tsx'

const mostDrawn = 60
const narrow = matchMedia('(max-width: 719px)')
const isNarrow = signal(narrow.matches)
narrow.addEventListener('change', () => {
  isNarrow.value = narrow.matches
})
const isOutline = signal(false)

export function Chart({ actor }: { actor: Actor }) {
  return (
    <div class="chart-tab">
      <Figure actor={actor} />
      {isNarrow.value && <EventButtons actor={actor} />}
      <div class="chart-below">
        {actor.crash !== undefined && <CrashCard actor={actor} crash={actor.crash} />}
        <ContextPane actor={actor} />
      </div>
    </div>
  )
}

function Figure({ actor }: { actor: Actor }) {
  const machine = actor.machine === undefined ? undefined : shown.peek().machines.get(actor.machine)
  if (machine === undefined)
    return (
      <p class="panel empty">
        {actor.name} is no state machine: it has no chart. Its events and logs have tabs of their own.
      </p>
    )
  const isLarge = machine.nodes.length > mostDrawn
  const isWords = isLarge || isOutline.value
  return (
    <figure class={`panel chart-panel${isWords ? ' is-words' : ''}`}>
      {isWords ? (
        <Outline actor={actor} machine={machine} />
      ) : isNarrow.value ? (
        <NearChart actor={actor} machine={machine} />
      ) : (
        <Statechart key={machine.hash} actor={actor} machine={machine} />
      )}
      {!isLarge && (
        <button
          type="button"
          class="button chart-switch"
          aria-pressed={isWords}
          onClick={() => {
            isOutline.value = !isOutline.value
          }}
        >
          Outline
        </button>
      )}
    </figure>
  )
}
