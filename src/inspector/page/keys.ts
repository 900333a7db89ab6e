/** Owns the keys that hold everywhere. Single letters never act in a field, and can be switched off. */
import { isHelpOpen } from './help.tsx'
import { closeActor, isActorOpen, openView } from './navigation.ts'
import { toggleRecording } from './recording.ts'
import { hasLetterKeys } from './settings.ts'
import * as state from './state.ts'
import { goLive, stepCrash, stepEvents, stepTransition, togglePause } from './time.ts'

/** How long `g` waits for its second letter, in milliseconds. */
const chordMs = 1500
let chordUntil = 0

const views: Readonly<Record<string, state.View>> = { a: 'actors', r: 'runs', e: 'events', f: 'figures', t: 'talk' }

const single: Readonly<Record<string, () => void>> = {
  '/': () => document.getElementById('filter')?.focus(),
  ' ': togglePause,
  ',': () => stepEvents(-1),
  '.': () => stepEvents(1),
  '<': () => stepTransition(-1),
  '>': () => stepTransition(1),
  ';': () => stepTransition(-1),
  ':': () => stepTransition(1),
  '[': () => stepCrash(-1),
  ']': () => stepCrash(1),
  l: goLive,
  r: toggleRecording,
  g: () => {
    chordUntil = performance.now() + chordMs
  },
  '?': () => {
    isHelpOpen.value = true
  },
}

export function startKeys(): void {
  document.addEventListener('keydown', (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return
    if (event.key === 'Escape' && !isHelpOpen.value && isActorOpen.value && !isField(event.target)) {
      closeActor()
      return
    }
    if (!hasLetterKeys.value || isField(event.target) || isHelpOpen.value) return
    // A button or a link that has the focus is what Space is for.
    if (
      event.key === ' ' &&
      event.target instanceof HTMLElement &&
      event.target.closest('button, a, [role="tab"], summary')
    )
      return
    if (act(event)) event.preventDefault()
  })
}

function act(event: KeyboardEvent): boolean {
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key
  const view = performance.now() < chordUntil ? views[key] : undefined
  chordUntil = 0
  if (view !== undefined) {
    openView(view)
    return true
  }
  const tab = /^[1-6]$/.test(key) ? state.tabs[Number(key) - 1] : undefined
  if (tab !== undefined) {
    state.tab.value = tab
    isActorOpen.value = true
    return true
  }
  const found = event.shiftKey && /^[a-z]$/.test(key) ? undefined : single[key]
  found?.()
  return found !== undefined
}

function isField(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false
  const types = ['checkbox', 'radio', 'button', 'file']
  return (
    target.matches('textarea, select, [contenteditable]') ||
    (target.matches('input') && !types.includes((target as HTMLInputElement).type))
  )
}
