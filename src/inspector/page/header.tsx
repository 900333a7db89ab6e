/** Owns the head of the page: whose it is, the figures of all, the connection, Record and the keys. */
import { duration, durationParts, megabytes, percent, rate } from './format.ts'
import { isHelpOpen } from './help.tsx'
import { recording, toggleRecording } from './recording.ts'
import * as state from './state.ts'
import { StateShape } from './state-shape.tsx'
import { totalMemory } from './tree-rows.ts'

export function Header() {
  const hello = state.hello.value
  return (
    <header class="header">
      <div class="title">
        <svg class="logo" width="26" height="26" viewBox="0 0 24 24" aria-hidden="true">
          <path class="glyph" d="M2 13h4l3-8 5 14 3-8 1.5 2H22" />
        </svg>
        <div>
          <p class="system">{hello?.system.name ?? 'Axon'}</p>
          <p class="small quiet">
            {hello === undefined
              ? ' '
              : `pid ${hello.system.pid} · up ${duration(state.now.value - hello.system.startedAt)}`}
          </p>
        </div>
      </div>
      <FigureRow />
      <div class="actions">
        <Light />
        <button
          type="button"
          class="button record"
          aria-pressed={recording.value !== undefined}
          onClick={toggleRecording}
        >
          {recording.value === undefined ? 'Record' : `Stop ${duration(state.now.value - recording.value.at)}`}
        </button>
        <button
          type="button"
          class="button help-button"
          aria-label="Keys and settings"
          onClick={() => {
            isHelpOpen.value = true
          }}
        >
          ?
        </button>
      </div>
    </header>
  )
}

function FigureRow() {
  state.figuresVersion.value
  state.now.value
  const world = state.shown.peek()
  const all = world.figures.get('')
  const [p50, p50Unit] = durationParts(all?.p50Ms)
  const [p99, p99Unit] = durationParts(all?.p99Ms)
  const errors = percent(all?.errorRatio)
  return (
    <dl class="figures-row">
      <Figure value={rate(all?.runsPerSecond)} unit="runs/s" says="1 min" short="runs/s" />
      <Figure value={p50} unit={p50Unit} says="p50" />
      <Figure value={p99} unit={p99Unit} says="p99" />
      <Figure value={errors} unit={errors === '–' ? '' : '%'} says="errors" />
      <Figure value={all?.queued ?? '–'} unit="queued" says={`${all?.inFlight ?? '–'} in flight`} isSecond />
      <Figure value={megabytes(totalMemory(world))} unit="MB" says="memory, all" isSecond />
      <Figure value={all?.restarts ?? '–'} unit="restarts" says="10 min" isSecond />
    </dl>
  )
}

interface FigureProps {
  value: string | number
  unit: string
  says: string
  /** On the phone the unit stands below. */
  short?: string
  isSecond?: boolean
}

function Figure({ value, unit, says, short, isSecond = false }: FigureProps) {
  return (
    <div class={isSecond ? 'figure is-second' : 'figure'}>
      <dd>
        <b>{value}</b> <span class={short === undefined ? 'unit' : 'unit is-wide'}>{unit}</span>
      </dd>
      <dt class="small quiet">
        <span class={short === undefined ? '' : 'is-wide'}>{says}</span>
        {short !== undefined && <span class="is-narrow">{short}</span>}
      </dt>
    </div>
  )
}

/** Whether what is seen is what is. */
function Light() {
  const { phase } = state.connection.value
  state.now.value
  if (phase === 'recording') return <p class="light">Recording</p>
  if (phase === 'static') return null
  if (phase === 'closed') return <Lit shape="stopped" text="Stopped" />
  if (phase === 'connecting') return <Lit shape="provisioning" text="Connecting" />
  if (phase === 'unauthorized') return <Lit shape="failed" text="No access" />
  if (phase === 'lost') return <Lit shape="suspect" text="Lost" />
  if (state.playhead.value !== undefined) return <Lit shape="idle" text="Replay" />
  const age = state.frameAgeMs.peek()
  return <Lit shape="ready" text="Live" more={age === undefined ? '' : duration(age)} />
}

function Lit({ shape, text, more = '' }: { shape: string; text: string; more?: string }) {
  return (
    <p class="light">
      <StateShape state={shape} size={10} /> <b>{text}</b> <span class="small quiet">{more}</span>
    </p>
  )
}
