/** Owns where a person is: which actor is open, which view of the whole, and the way back. */
import { signal } from '@preact/signals'
import * as state from './state.ts'
import { rootOf } from './world.ts'

/** Where the window is narrow: whether the actor covers the tree. */
export const isActorOpen = signal(false)

/** Looks at an actor, and lets it cover the tree where there is no room for both. */
export function openActor(sessionId: string): void {
  state.selected.value = sessionId
  state.view.value = 'actors'
  isActorOpen.value = true
}

export function closeActor(): void {
  isActorOpen.value = false
  state.view.value = 'actors'
  document.getElementById('tree')?.focus()
}

/** One of the five places of the foot: the list, or a view of the whole system. Talk is with an agent. */
export function openView(view: state.View): void {
  state.view.value = view
  if (view === 'actors') {
    closeActor()
    return
  }
  const world = state.shown.value
  const actors = [...world.actors.values()]
  const chosen = state.selectedActor.value
  const agent =
    actors.find(({ kind, agent }) => kind === 'agent' && agent === chosen?.agent) ??
    actors.find(({ kind }) => kind === 'agent')
  const target = view === 'talk' ? agent : rootOf(world)
  if (target !== undefined) state.selected.value = target.sessionId
  state.tab.value = view === 'runs' ? 'messages' : view
  isActorOpen.value = true
}
