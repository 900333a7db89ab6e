/** Owns the sheet of all keys, and the two settings: light or dark, and whether single letters are keys. */
import { signal } from '@preact/signals'
import { useEffect, useRef } from 'preact/hooks'
import { OpenButton } from './bands.tsx'
import { hasLetterKeys, type Theme, theme } from './settings.ts'

export const isHelpOpen = signal(false)

const keys: readonly [string[], string][] = [
  [['/'], 'Filter the tree'],
  [['↑', '↓', '←', '→'], 'Move in the tree'],
  [['Enter'], 'Open the actor'],
  [['1', '–', '6'], 'Chart, Messages, Events, Logs, Figures, Talk'],
  [['g', 'then', 'a', 'r', 'e', 'f', 't'], 'Actors, runs, events, figures, talk'],
  [['Space'], 'Pause, go on'],
  [[',', '.'], 'One event back, on'],
  [['Shift', '+', ',', '.'], 'One transition of this actor'],
  [['[', ']'], 'The crash before, after'],
  [['L'], 'Live'],
  [['R'], 'Record'],
  [['Ctrl', '+', 'Enter'], 'Send'],
  [['Esc'], 'Cancel, close'],
  [['A', 'D'], 'Approve, deny, on a card'],
]
const joints = new Set(['–', '+', 'then'])
const themes: readonly [Theme, string][] = [
  ['system', 'As the system'],
  ['light', 'Light'],
  ['dark', 'Dark'],
]

export function Help() {
  const dialog = useRef<HTMLDialogElement>(null)
  useEffect(() => {
    if (isHelpOpen.value) dialog.current?.showModal()
    else dialog.current?.close()
  }, [isHelpOpen.value])
  const close = () => {
    isHelpOpen.value = false
  }
  return (
    <dialog class="help panel" ref={dialog} aria-labelledby="help-title" onClose={close}>
      <div class="help-head">
        <h2 id="help-title">Keys</h2>
        <button type="button" class="button" onClick={close}>
          Close <kbd>Esc</kbd>
        </button>
      </div>
      <dl class="help-keys">
        {keys.map(([pressed, says]) => (
          <div key={says}>
            <dt>{pressed.map((key) => (joints.has(key) ? ` ${key} ` : <kbd key={key}>{key}</kbd>))}</dt>
            <dd>{says}</dd>
          </div>
        ))}
      </dl>
      <label class="help-line">
        <input
          type="checkbox"
          checked={hasLetterKeys.value}
          onChange={({ currentTarget }) => {
            hasLetterKeys.value = currentTarget.checked
          }}
        />
        Single letters are keys
      </label>
      <fieldset class="help-line">
        <legend class="unseen">Colours</legend>
        {themes.map(([name, says]) => (
          <label key={name}>
            <input
              type="radio"
              name="theme"
              checked={theme.value === name}
              onChange={() => {
                theme.value = name
              }}
            />
            {says}
          </label>
        ))}
      </fieldset>
      <OpenButton />
    </dialog>
  )
}
