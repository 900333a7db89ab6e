/**
 * Owns the view Figures: rows over the five minutes of the tape, one crosshair through all, and the same as a table for those who do
 * not see it. A click puts the playhead there.
 */
import { useComputed, useSignal } from '@preact/signals'
import { useRef } from 'preact/hooks'
import type { LiveFrame } from '../../frames.ts'
import { secondOf } from '../format.ts'
import { lifelines } from '../intake.ts'
import * as state from '../state.ts'
import { axis, goToTime } from '../time.ts'
import type { Actor, WorldState } from '../world.ts'
import { Figure } from './figure.tsx'
import {
  collect,
  type FigureRow,
  type Metric,
  metricNames,
  processMetrics,
  rowOf,
  runMetrics,
  type Scope,
  valueAt,
} from './series.ts'

/** So many agents have a row each. */
const mostAgents = 40

interface Group {
  title: string | undefined
  rows: readonly FigureRow[]
}

export function Figures({ actor }: { actor: Actor }) {
  const isOfAll = actor.kind === 'system' || actor.kind === 'supervisor' || actor.kind === 'gateway'
  const each = useSignal<Metric | undefined>(undefined)
  const { sessionId } = actor
  const shown = useComputed(() => {
    state.figuresVersion.value
    const world = state.shown.peek()
    const found = world.actors.get(sessionId)
    if (found === undefined) return { groups: [], crashes: [] }
    const groups = each.value === undefined ? groupsOf(world, found, isOfAll) : [eachAgent(world, each.value)]
    return { groups, crashes: crashesOf(world, isOfAll ? undefined : found) }
  })
  const { groups, crashes } = shown.value
  const isEmpty = groups.every(({ rows }) =>
    rows.every(({ lines }) => lines.every(({ points }) => points.length === 0)),
  )
  return (
    <div class="plots-view">
      {isOfAll && (
        <div class="plots-choice">
          <select
            class="field"
            aria-label="Which figures"
            onChange={({ currentTarget: { value } }) => {
              each.value = value === '' ? undefined : (value as Metric)
            }}
          >
            <option value="">All agents together</option>
            {[...runMetrics, ...processMetrics].map((metric) => (
              <option key={metric} value={metric}>
                Each agent: {metricNames[metric]}
              </option>
            ))}
          </select>
        </div>
      )}
      {isEmpty ? <p class="empty">{emptyText(actor)}</p> : <Plots groups={groups} crashes={crashes} />}
    </div>
  )
}

function Plots({ groups, crashes }: { groups: readonly Group[]; crashes: readonly number[] }) {
  const ref = useRef<HTMLDivElement>(null)
  const hover = useSignal<number | undefined>(undefined)
  const between = axis.value
  const { from, to } = between
  const head = state.playhead.value === undefined ? to : state.shown.value.at
  const at = hover.value ?? head
  const inside = crashes.filter((time) => time >= from && time <= to)
  const timeAt = (event: MouseEvent) => {
    const plot = ref.current?.querySelector('.plot-area')?.getBoundingClientRect()
    if (plot === undefined || plot.width === 0 || event.clientX < plot.left) return undefined
    return from + Math.min(1, (event.clientX - plot.left) / plot.width) * (to - from)
  }
  const isMarked = hover.value !== undefined || state.isReplay.value
  return (
    <>
      {/* biome-ignore lint/a11y/noStaticElementInteractions: the tape is the slider with the keys */}
      {/* biome-ignore lint/a11y/useKeyWithClickEvents: the same */}
      <div
        class="plots"
        ref={ref}
        onPointerMove={(event) => {
          hover.value = timeAt(event)
        }}
        onPointerLeave={() => {
          hover.value = undefined
        }}
        onClick={(event) => {
          const time = timeAt(event)
          if (time !== undefined) goToTime(time)
        }}
      >
        {groups.map(({ title, rows }) => (
          <section key={title ?? ''} aria-hidden="true">
            {title !== undefined && <h2 class="small">{title}</h2>}
            {rows.map((row) => (
              <Figure key={row.key} row={row} axis={between} at={at} crashes={inside} />
            ))}
          </section>
        ))}
        <p class="plots-axis small" aria-hidden="true">
          <span>{secondOf(from)}</span>
          <span class={isMarked ? 'plots-at' : ''}>{isMarked ? secondOf(at) : ''}</span>
          <span>{state.isReplay.value ? secondOf(to) : 'now'}</span>
        </p>
        {isMarked && (
          <div class="plots-cross">
            <div style={{ left: `${((at - from) / (to - from)) * 100}%` }} />
          </div>
        )}
      </div>
      <Table groups={groups} at={head} />
    </>
  )
}

function Table({ groups, at }: { groups: readonly Group[]; at: number }) {
  const rows = groups.flatMap(({ title, rows }) => rows.map((row) => ({ title, row })))
  return (
    <div class="unseen">
      <table>
        <caption>Figures of the last five minutes</caption>
        <thead>
          <tr>
            {['Figure', 'Now', 'Least', 'Most'].map((name) => (
              <th key={name} scope="col">
                {name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {rows.flatMap(({ title, row }) =>
            row.lines.map(({ name, points }) => {
              const values = points.map(({ value }) => value)
              const bound = (of: (...all: number[]) => number) => row.format(values.length ? of(...values) : undefined)
              return (
                <tr key={`${row.key} ${name}`}>
                  <th scope="row">{[title, row.label, name].filter(Boolean).join(', ')}</th>
                  <td>{row.format(valueAt(points, at))}</td>
                  <td>{bound(Math.min)}</td>
                  <td>{bound(Math.max)}</td>
                </tr>
              )
            }),
          )}
        </tbody>
      </table>
    </div>
  )
}

function groupsOf(world: WorldState, actor: Actor, isOfAll: boolean): Group[] {
  if (isOfAll)
    return [
      { title: undefined, rows: rowsOf([...runMetrics, ...processMetrics], { agent: null, sessions: undefined }) },
    ]
  if (actor.kind === 'agent')
    return [
      {
        title: undefined,
        rows: rowsOf([...runMetrics, ...processMetrics], scopeOf(world, actor), limitOf(world, actor)),
      },
    ]
  const own = {
    title: undefined,
    rows: rowsOf(
      ['memory', 'cpu', 'lag'],
      { agent: undefined, sessions: new Set([actor.sessionId]) },
      limitOf(world, actor),
    ),
  }
  if (actor.agent === undefined) return [own]
  return [
    own,
    { title: `All of ${actor.agent}`, rows: rowsOf(runMetrics, { agent: actor.agent, sessions: new Set() }) },
  ]
}

function eachAgent(world: WorldState, metric: Metric): Group {
  const agents = [...world.actors.values()].filter(({ kind, isGone }) => kind === 'agent' && !isGone)
  const frames = toldFigures()
  const rows = agents.slice(0, mostAgents).map((agent) => {
    return rowOf(metric, collected(scopeOf(world, agent), frames), agent.name)
  })
  const more = agents.length > mostAgents ? `, the first ${mostAgents} of ${agents.length}` : ''
  return { title: `${metricNames[metric]} of each agent${more}`, rows }
}

function scopeOf(world: WorldState, { agent, name }: Actor): Scope {
  const all = [...world.actors.values()].filter((one) => one.kind === 'replica' && one.agent === agent)
  return { agent: agent ?? name, sessions: new Set(all.map(({ sessionId }) => sessionId)) }
}

function rowsOf(metrics: readonly Metric[], scope: Scope, limitBytes?: number): FigureRow[] {
  const found = collected(scope)
  return metrics.map((metric) => rowOf(metric, found, metricNames[metric], limitBytes))
}

function collected(scope: Scope, frames = toldFigures()) {
  const { from, to } = axis.peek()
  return collect(frames, scope, from, to)
}

function toldFigures(): LiveFrame[] {
  const told: LiveFrame[] = []
  for (const frame of state.history.peek().frames()) {
    if (frame.type === 'figures' || frame.type === 'beats') told.push(frame)
  }
  return told
}

/** Of the memory of a process; of an agent's, that of all of them. */
function limitOf(world: WorldState, actor: Actor): number | undefined {
  if (actor.kind === 'agent') {
    const all = actor.children.map((id) => world.actors.get(id)).filter((one) => one?.process?.pid !== undefined)
    const limits = all.map((one) => (one === undefined ? undefined : limitOf(world, one)))
    const known = limits.filter((limit) => limit !== undefined)
    return known.length === 0 || known.length < limits.length ? undefined : known.reduce((sum, one) => sum + one, 0)
  }
  const megabytes = actor.process?.limits?.asked.memoryMb
  return typeof megabytes === 'number' ? megabytes * 1e6 : undefined
}

function crashesOf(world: WorldState, actor: Actor | undefined): number[] {
  const isOwn = (id: string) =>
    actor === undefined ||
    id === actor.sessionId ||
    (actor.kind === 'agent' && world.actors.get(id)?.agent === actor.agent)
  return lifelines.crashes.filter(({ sessionId }) => isOwn(sessionId)).map(({ at }) => at)
}

function emptyText({ kind, name }: Actor): string {
  if (kind === 'replica' || kind === 'host') return `No process of ${name} has told its figures yet.`
  return 'No figures yet. A running system tells them each second.'
}
