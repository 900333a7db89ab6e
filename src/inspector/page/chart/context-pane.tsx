/** Owns what the actor remembers, while it is watched: values as they came, redacted and cut at the source, folded where they are large. */
import { useEffect } from 'preact/hooks'
import { plural, secondOf } from '../format.ts'
import { isReplay, watch } from '../state.ts'
import type { Actor } from '../world.ts'

const smallest = 5
const deepest = 8

export function ContextPane({ actor }: { actor: Actor }) {
  const { sessionId, memory, snapshot } = actor
  useEffect(() => watch({ actors: [sessionId] }), [sessionId])
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it
    <section class="panel context" tabIndex={0} aria-label="Context">
      <header>
        <h2>Context</h2>
        {memory !== undefined && <span class="small">as of {secondOf(memory.at)}</span>}
      </header>
      {snapshot.error !== undefined && <p class="context-error">{snapshot.error}</p>}
      {memory === undefined ? (
        <p class="small">{isReplay.value ? 'What it remembered then was not recorded.' : 'It has told nothing yet.'}</p>
      ) : (
        <>
          <Entries value={memory.context} depth={0} prefix="" />
          {memory.output !== undefined && <Entries value={{ output: memory.output }} depth={0} prefix="" />}
        </>
      )}
    </section>
  )
}

function Entries({ value, depth, prefix }: { value: unknown; depth: number; prefix: string }) {
  const rows = rowsOf(value, prefix)
  if (rows.length === 0) return <p class="small">It remembers nothing.</p>
  return (
    <dl class="entries">
      {rows.map(([key, inner]) => (
        <Entry key={key} name={key} value={inner} depth={depth} />
      ))}
    </dl>
  )
}

function Entry({ name, value, depth }: { name: string; value: unknown; depth: number }) {
  if (isFolding(value) && depth < deepest)
    return (
      <div class="entry is-folded">
        <dt class="unseen">{name}</dt>
        <dd>
          <details>
            <summary class="mono">
              {name} <span class="quiet">{sizeOf(value)}</span>
            </summary>
            <Entries value={value} depth={depth + 1} prefix="" />
          </details>
        </dd>
      </div>
    )
  return (
    <div class="entry mono">
      <dt>{name}</dt>
      <dd title={textOf(value)}>{textOf(value)}</dd>
    </div>
  )
}

/** Small objects of plain values stand in line: `lastExit.class`. */
function rowsOf(value: unknown, prefix: string): [string, unknown][] {
  if (typeof value !== 'object' || value === null) return value === undefined ? [] : [[prefix || 'value', value]]
  return Object.entries(value).flatMap(([key, inner]): [string, unknown][] => {
    const isLine = isFolding(inner) && !Array.isArray(inner) && isSmall(inner as object)
    return isLine ? rowsOf(inner, `${prefix}${key}.`) : [[`${prefix}${key}`, inner]]
  })
}

const isSmall = (value: object) =>
  Object.keys(value).length <= smallest && Object.values(value).every((inner) => !isFolding(inner))

function isFolding(value: unknown): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length > 0
}

function sizeOf(value: unknown): string {
  return Array.isArray(value) ? `[${value.length}]` : plural(Object.keys(value as object).length, 'entry', 'entries')
}

/** Marks of what was taken out stand as they are; other texts in quotes. */
function textOf(value: unknown): string {
  if (typeof value !== 'string') return JSON.stringify(value) ?? '–'
  return /^\[[a-z ]+\]$|^…cut /.test(value) ? value : JSON.stringify(value)
}
