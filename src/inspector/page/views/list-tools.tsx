/** Owns what stands above a list: the field by which it is searched, and what else there is to do with it. */
import type { Signal } from '@preact/signals'
import type { ComponentChildren } from 'preact'

interface Props {
  text: Signal<string>
  label: string
  placeholder: string
  children: ComponentChildren
}

export function ListTools({ text, label, placeholder, children }: Props) {
  return (
    <div class="list-tools">
      <input
        class="field mono"
        type="search"
        aria-label={label}
        placeholder={placeholder}
        value={text.value}
        onInput={(event) => {
          text.value = event.currentTarget.value
        }}
      />
      {children}
    </div>
  )
}
