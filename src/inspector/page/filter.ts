/**
 * Owns the words of the filter over the tree: parts of a name, a pid, `state:crashed`. All must match; of several states, one.
 */
import { stateName } from '../state-value.ts'
import { shownState } from './states.ts'
import type { Actor, WorldState } from './world.ts'

export interface Filter {
  words: readonly string[]
  states: readonly string[]
}

export function parseFilter(text: string): Filter {
  const words = text.toLowerCase().split(/\s+/).filter(Boolean)
  const isState = (word: string) => word.startsWith('state:')
  return {
    words: words.filter((word) => !isState(word)),
    states: words
      .filter(isState)
      .map((word) => word.slice('state:'.length))
      .filter(Boolean),
  }
}

export function isEmpty(filter: Filter): boolean {
  return filter.words.length === 0 && filter.states.length === 0
}

export function matches(filter: Filter, world: WorldState, actor: Actor): boolean {
  const name = actor.name.toLowerCase()
  const pid = String(actor.process?.pid ?? (actor.kind === 'system' ? world.hello?.system.pid : '') ?? '')
  if (!filter.words.every((word) => name.includes(word) || (/^\d+$/.test(word) && pid.startsWith(word)))) return false
  if (filter.states.length === 0) return true
  // An agent is in its replicas' states; alone it counts only where it has none.
  const state =
    actor.kind === 'agent' && actor.children.length > 0
      ? ''
      : shownState(world, actor) || stateName(actor.snapshot.value)
  return filter.states.some((wanted) => state === wanted || state.startsWith(`${wanted}.`))
}

/** The filter with `state:` of this state added, or taken out. */
export function toggleState(text: string, state: string): string {
  const word = `state:${state}`
  const words = text.split(/\s+/).filter(Boolean)
  return (words.includes(word) ? words.filter((other) => other !== word) : [...words, word]).join(' ')
}
