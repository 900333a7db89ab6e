/** Owns what a person has chosen for this browser: light or dark, and whether single letters are keys. */
import { effect, signal } from '@preact/signals'

export type Theme = 'system' | 'light' | 'dark'

export const theme = signal<Theme>(read('axon.theme', 'system'))
export const hasLetterKeys = signal(read('axon.letters', 'on') === 'on')
/** Grows when colours change, so that canvases are drawn again. */
export const colours = signal(0)

export function startSettings(): void {
  effect(() => {
    if (theme.value === 'system') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = theme.value
    keep('axon.theme', theme.value)
    colours.value = colours.peek() + 1
  })
  effect(() => keep('axon.letters', hasLetterKeys.value ? 'on' : 'off'))
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => {
    colours.value += 1
  })
}

function read<T extends string>(key: string, fallback: T): T {
  try {
    return (localStorage.getItem(key) as T | null) ?? fallback
  } catch {
    return fallback
  }
}

function keep(key: string, value: string): void {
  try {
    localStorage.setItem(key, value)
  } catch {
    // A page from a file may have no store: the choice lasts until it is left.
  }
}
