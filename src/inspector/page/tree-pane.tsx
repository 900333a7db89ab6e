/** Owns the left side: the filter, the chips of states, the heads of the columns, the tree, and what stands there when it is empty. */
import { signal } from '@preact/signals'
import { isEmpty, parseFilter, toggleState } from './filter.ts'
import * as state from './state.ts'
import { StateShape } from './state-shape.tsx'
import { matchCount, Tree } from './tree.tsx'
import { stateCounts } from './tree-rows.ts'

/** In the order of the chips; others follow. */
const chipOrder = [
  'ready',
  'suspect',
  'starting',
  'provisioning',
  'backoff',
  'draining',
  'stopping',
  'crashed',
  'failed',
  'stopped',
  'idle',
]

export function TreePane() {
  return (
    <nav class="tree-pane" aria-label="Actors of the system">
      <label class="filter">
        <svg width="14" height="14" viewBox="0 0 16 16" aria-hidden="true">
          <path class="glyph" d="M7 2a5 5 0 1 0 0 10A5 5 0 0 0 7 2zm3.7 8.7L14.5 14.5" />
        </svg>
        <input
          id="filter"
          class="field"
          type="search"
          autocomplete="off"
          spellcheck={false}
          placeholder="Filter by name, pid or state:crashed"
          aria-label="Filter by name, pid or state"
          value={state.filter.value}
          onInput={({ currentTarget }) => {
            state.filter.value = currentTarget.value
          }}
          onKeyDown={(event) => {
            if (event.key === 'ArrowDown') document.getElementById('tree')?.focus()
            else if (event.key === 'Escape') state.filter.value = ''
            else return
            event.preventDefault()
          }}
        />
        <kbd>/</kbd>
      </label>
      <Chips />
      <div class="columns row" aria-hidden="true" style={{ '--level': 1 }}>
        <span class="cell-name">Actor</span>
        <span class="cell-state">State</span>
        <span class="cell-pid">pid</span>
        <span class="cell-gen">gen</span>
        <span class="cell-rst">rst</span>
        <span class="cell-mb">MB</span>
        <span class="cell-axis">
          <span>−5 min</span>
          <span>{state.playhead.value === undefined ? 'now' : ''}</span>
        </span>
      </div>
      <Tree />
      <Nothing />
    </nav>
  )
}

function Chips() {
  state.now.value
  state.treeVersion.value
  const counts = stateCounts(state.shown.peek())
  const known = [...chipOrder, ...[...counts.keys()].filter((name) => !chipOrder.includes(name))]
  const { states } = parseFilter(state.filter.value)
  return (
    <fieldset class="chips">
      <legend class="unseen">How many are in each state</legend>
      {known
        .filter((name) => counts.has(name) || states.includes(name))
        .map((name) => (
          <button
            type="button"
            class="chip"
            key={name}
            aria-pressed={states.includes(name)}
            onClick={() => {
              state.filter.value = toggleState(state.filter.value, name)
            }}
          >
            <StateShape state={name} size={11} /> <b>{counts.get(name) ?? 0}</b> {name}
          </button>
        ))}
    </fieldset>
  )
}

const example = [
  'const axon = await createAxon({',
  "  agents: { support: { module: 'agents.support' } },",
  '}).start()',
].join('\n')
const isLate = signal(false)

/** A connection that takes longer than this is said. */
export function startLateness(): void {
  setTimeout(() => {
    isLate.value = true
  }, 300)
}

function Nothing() {
  state.treeVersion.value
  const { connection, filter, hello } = state
  if (hello.value === undefined) {
    if (connection.value.phase !== 'connecting' || !isLate.value) return null
    return (
      <p class="empty" role="status">
        Connecting to {connection.value.address} …
      </p>
    )
  }
  if (!isEmpty(parseFilter(filter.value)) && matchCount.value === 0) {
    return (
      <div class="empty" role="status">
        <p>
          No actor matches <code>{filter.value}</code>
        </p>
        <button
          type="button"
          class="button"
          onClick={() => {
            filter.value = ''
          }}
        >
          Clear
        </button>
      </div>
    )
  }
  const hasAgents = [...state.shown.peek().actors.values()].some(({ kind }) => kind === 'agent')
  if (hasAgents) return null
  return (
    <div class="empty">
      <p>No agents yet</p>
      <pre class="panel example">{example}</pre>
    </div>
  )
}
