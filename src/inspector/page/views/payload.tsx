/** Owns how values are shown: as indented JSON, as text and never as markup. */

/** @param value JSON that was made fit to be shown where the frame was made */
export function Payload({ title, value }: { title?: string; value: unknown }) {
  const isEmpty =
    value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0)
  return (
    <>
      {title !== undefined && <p class="mono payload-title">{title}</p>}
      {isEmpty ? <p class="quiet">Nothing more was said.</p> : <pre class="payload">{textOf(value)}</pre>}
    </>
  )
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : (JSON.stringify(value, undefined, 2) ?? '')
}
