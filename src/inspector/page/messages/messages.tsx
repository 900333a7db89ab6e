/**
 * Owns the view Messages: what one run's actors said to each other, in the order of `seq`. Each row is a button that puts the playhead
 * there; the picture lies behind the rows.
 */
import { type Signal, useComputed, useSignal } from '@preact/signals'
import type { RunFrame } from '../../frames.ts'
import { duration, plural } from '../format.ts'
import * as state from '../state.ts'
import { StateShape } from '../state-shape.tsx'
import { runTone } from '../states.ts'
import { RunChoice } from '../talk/run-choice.tsx'
import { useRun, useRunInView } from '../talk/run-in-view.ts'
import { shapeOf, statusText } from '../talk/run-timeline.tsx'
import { useWidth } from '../talk/width.ts'
import { goTo } from '../time.ts'
import { type Actor, isSettled } from '../world.ts'
import { Picture, rowPx } from './picture.tsx'
import { type Message, type Sequence, sequenceOf } from './sequence.ts'

/** So many rows are shown, the last ones. */
const mostRows = 300
const timePx = 74
const leastColumnPx = 104

export function Messages({ actor }: { actor: Actor }) {
  const run = useRunInView(actor.agent)
  if (run === undefined)
    return <p class="empty">No runs yet. The first message to an agent, from your code or in Talk, is drawn here.</p>
  return <MessagesOf key={run} agent={actor.agent} run={run} />
}

function MessagesOf({ agent, run }: { agent: string | undefined; run: string }) {
  const frame = useRun(run)
  const first = useSignal<number | undefined>(undefined)
  const newest = useComputed(() => state.live.value.runs.get(run))
  const shown = useComputed(() => {
    // While it goes on, twice a second.
    if (newest.value !== undefined && !isSettled(newest.value)) state.now.value
    return read(run, newest.value, first)
  }).value
  if (frame === undefined) return null
  const tone = runTone(frame.status)
  return (
    <div class="messages">
      <div class="run-title">
        <RunChoice agent={agent} run={run} />
        <span class={`run-status toned tone-${tone}`}>
          <StateShape state={shapeOf(frame.status)} /> <b>{statusText(frame.status)}</b>
        </span>
        <span class="run-spent">
          {plural(
            shown.messages.reduce((sum, message) => sum + message.count, 0),
            'message',
          )}
          {frame.durationMs !== undefined && ` in ${duration(frame.durationMs)}`}
        </span>
      </div>
      {shown.messages.length === 0 ? (
        <p class="empty">Nothing is kept of what was said in this run. Runs that began while it was recorded are.</p>
      ) : (
        <Diagram sequence={shown} />
      )}
    </div>
  )
}

/** From the first frame of the run on; `first` remembers where that is. */
function read(run: string, newest: RunFrame | undefined, first: Signal<number | undefined>): Sequence {
  const history = state.history.peek()
  const begin = first.peek() ?? history.oldestSeq
  // What ends with the run is told right behind its end.
  const end = newest !== undefined && isSettled(newest) ? newest.seq + 10 : Number.POSITIVE_INFINITY
  const frames = history.between(begin, end)
  const own = frames.findIndex((frame) => 'run' in frame && frame.run === run)
  if (first.peek() === undefined && own !== -1) first.value = frames[own]?.seq
  const world = state.live.peek()
  return sequenceOf(run, own === -1 ? [] : frames.slice(own), (id) => world.actors.get(id))
}

function Diagram({ sequence: { columns, messages } }: { sequence: Sequence }) {
  const [ref, outer] = useWidth<HTMLDivElement>()
  const hidden = Math.max(0, messages.length - mostRows)
  const rows = messages.slice(hidden)
  const width = Math.max(outer, timePx + columns.length * leastColumnPx)
  const step = (width - timePx) / columns.length
  const place = (column: number) => timePx + (column + 0.5) * step
  const begin = messages[0]?.at ?? 0
  const playhead = state.isReplay.value ? state.playhead.value : undefined
  return (
    <div class="panel sequence" ref={ref}>
      <div class="sequence-all" style={{ width: `${width}px` }}>
        <div class="sequence-head" style={{ paddingLeft: `${timePx}px` }} aria-hidden="true">
          {columns.map(({ id, name, folded }) => (
            <span key={id} class="mono" title={[name, ...folded].join(', ')}>
              {name}
              {folded.length > 0 && <span class="quiet"> +{folded.length}</span>}
            </span>
          ))}
        </div>
        {hidden > 0 && <p class="small sequence-hidden">… {plural(hidden, 'earlier row')} not shown</p>}
        <div class="sequence-body">
          {width > 0 && (
            <Picture
              columns={columns.map((column) => ({ ...column, x: place(columns.indexOf(column)) }))}
              rows={rows}
              hidden={hidden}
              width={width}
              place={place}
              playhead={playhead}
            />
          )}
          <ol aria-label="Messages">
            {rows.map((message) => (
              <li key={message.seq}>
                <button
                  type="button"
                  class="sequence-row"
                  style={{ height: `${rowPx}px` }}
                  aria-label={sentence(message, columns, `+${duration(message.at - begin)}`)}
                  aria-current={playhead !== undefined && message.seq <= playhead && playhead <= message.toSeq}
                  onClick={() => goTo(message.toSeq)}
                >
                  <span>+{duration(message.at - begin)}</span>
                </button>
              </li>
            ))}
          </ol>
        </div>
      </div>
    </div>
  )
}

function sentence({ from, to, type, count, isFailure }: Message, columns: Sequence['columns'], after: string): string {
  const path = `${from === undefined ? 'outside' : columns[from]?.name} to ${columns[to]?.name}`
  return `${type}${count > 1 ? ` ×${count}` : ''}${isFailure ? ', a failure' : ''}, ${path}, ${after}`
}
