/**
 * Owns the view Talk: the run that is looked at with its timeline, the ledger of the talk with an agent, and the next prompt. Below a
 * run that others started stands that run alone.
 */
import { useComputed } from '@preact/signals'
import type { ComponentChildren } from 'preact'
import { useEffect, useLayoutEffect, useMemo, useRef } from 'preact/hooks'
import type { RunFrame } from '../../frames.ts'
import { secondOf } from '../format.ts'
import * as state from '../state.ts'
import { type Actor, isSettled } from '../world.ts'
import { Composer, cancelRun } from './composer.tsx'
import { ledgerOf } from './ledger.ts'
import { Entries, Failed, Row } from './ledger-rows.tsx'
import { useRun, useRunInView } from './run-in-view.ts'
import { RunTimeline, statusText } from './run-timeline.tsx'
import { acceptedAt, chosenRun, type Turn, talkWith } from './talks.ts'

/** So many runs of a talk are asked for again when the view is opened. */
const mostWatched = 20

export function Talk({ actor }: { actor: Actor }) {
  const { agent } = actor
  if (agent === undefined)
    return <p class="empty">Talk is with an agent. Choose one on the left, or one of its replicas.</p>
  return <TalkWith key={agent} agent={agent} />
}

function TalkWith({ agent }: { agent: string }) {
  const { turns } = talkWith(agent)
  const own = turns.value
  const others = useRunInView(agent)
  const last = own.at(-1)
  const isOwn = last !== undefined && (chosenRun.value === undefined || own.some(({ run }) => run === chosenRun.value))
  const run = isOwn ? (chosenRun.value ?? last.run) : others
  const runs = isOwn ? own.slice(-mostWatched).flatMap((turn) => turn.run ?? []) : run === undefined ? [] : [run]
  const wanted = runs.join(' ')
  useEffect(() => (wanted === '' ? undefined : state.watch({ runs: wanted.split(' ') })), [wanted])
  const running = useRunning(isOwn ? last.run : run)
  const keys = (event: KeyboardEvent) => {
    if (event.key !== 'Escape' || running === undefined || state.isReplay.peek()) return
    event.preventDefault()
    cancelRun(running)
  }
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: Escape anywhere in it is the button's key
    <div class="talk" onKeyDown={keys}>
      {run !== undefined && <Timeline run={run} />}
      <Asking agent={agent} except={run} />
      <div class="panel talk-panel">
        <Scroll>
          {isOwn ? (
            own.map((turn) => <OwnTurn key={turn.key} turn={turn} />)
          ) : run === undefined ? (
            <p class="empty">Nothing was said yet. Write the first message below, or run the agent from your code.</p>
          ) : (
            <OtherRun key={run} run={run} />
          )}
        </Scroll>
        <Composer agent={agent} running={running} isBusy={isOwn && running !== undefined} />
      </div>
    </div>
  )
}

/** Another run that waits for a person. */
function Asking({ agent, except }: { agent: string; except: string | undefined }) {
  const found = useComputed(() => {
    const runs = [...state.shown.value.runs.values()]
    return runs.find(({ run, agent: of, status }) => of === agent && status === 'waiting' && run !== except)?.run
  }).value
  if (found === undefined) return null
  return (
    <p class="asking">
      <span class="toned tone-warn">
        <b class="mono">{found}</b> waits for approval.
      </span>
      <button
        type="button"
        class="button"
        onClick={() => {
          chosenRun.value = found
        }}
      >
        Look at it
      </button>
    </p>
  )
}

function useRunning(run: string | undefined): string | undefined {
  const frame = useRun(run ?? '')
  return run !== undefined && (frame === undefined ? isFresh(run) : !isSettled(frame)) ? run : undefined
}

/** The system has taken it, and its first frame is on its way. */
function isFresh(run: string): boolean {
  return !state.isReplay.value && !ledgerOf(state.streamOf(run).value).isOver
}

function Timeline({ run }: { run: string }) {
  const frame = useRun(run)
  const ledger = useLedger(run)
  return frame === undefined ? null : <RunTimeline run={frame} deltas={ledger.deltas} />
}

/** What the run has told, up to the playhead. */
function useLedger(run: string) {
  const until = state.isReplay.value ? state.shown.value.at : undefined
  return ledgerOf(state.streamOf(run).value, until)
}

function OwnTurn({ turn }: { turn: Turn }) {
  return (
    <>
      <Row time={secondOf(turn.at)}>
        <p class="ledger-prompt">{turn.prompt}</p>
      </Row>
      {turn.refusal !== undefined && (
        <Row>
          <Failed error={turn.refusal} />
        </Row>
      )}
      {turn.run !== undefined && <Answer run={turn.run} since={turn.at} isOwn />}
    </>
  )
}

function OtherRun({ run }: { run: string }) {
  const frame = useRun(run)
  if (frame === undefined) return null
  const since = acceptedAt(frame)
  return (
    <>
      <Row time={secondOf(since)}>
        <Prompt run={run} seq={frame.seq} />
      </Row>
      <Answer run={run} since={since} isOwn={false} />
    </>
  )
}

/** Of a run that this page did not start, where an event told it. */
function Prompt({ run, seq }: { run: string; seq: number }) {
  const history = state.history.value
  const told = useMemo(() => {
    const found = history.between(history.oldestSeq, seq).find((frame) => promptIn(frame, run) !== undefined)
    return found === undefined ? undefined : promptIn(found, run)
  }, [history, run, seq])
  return told === undefined ? (
    <p class="quiet">Started elsewhere; what it was asked is not recorded.</p>
  ) : (
    <p class="ledger-prompt">{told}</p>
  )
}

function promptIn(frame: ReturnType<typeof state.history.value.between>[number], run: string): string | undefined {
  if (frame.type !== '@xstate.event' || frame.run !== run) return undefined
  const { prompt } = frame.event
  return typeof prompt === 'string' ? prompt : undefined
}

function Answer({ run, since, isOwn }: { run: string; since: number; isOwn: boolean }) {
  const frame = useRun(run)
  const ledger = useLedger(run)
  const isOver = frame === undefined ? ledger.isOver : isSettled(frame)
  const error = frame?.error === undefined ? ledger.error : { ...frame.error, ...startOf(frame) }
  const isSilent = ledger.entries.length === 0 && error === undefined
  return (
    <>
      <Entries run={run} ledger={ledger} since={since} />
      {error !== undefined && (
        <Row>
          <Failed error={error} />
        </Row>
      )}
      {isSilent && (
        <Row>
          <p class="quiet">{silence(isOver, isOwn)}</p>
        </Row>
      )}
      <p class="unseen" role="status">
        {frame !== undefined && isOwn ? `Run ${statusText(frame.status)}` : ''}
      </p>
    </>
  )
}

function startOf({ started, attempt }: RunFrame) {
  return { started, attempt }
}

function silence(isOver: boolean, isOwn: boolean): string {
  if (!isOver) return 'No answer yet.'
  return isOwn
    ? 'It ended without a word.'
    : 'Its words were not kept: they are where a run is streamed, or started from here.'
}

/** Stays at the end, unless a person has scrolled away from it. */
function Scroll({ children }: { children: ComponentChildren }) {
  const ref = useRef<HTMLDivElement>(null)
  const isAtEnd = useRef(true)
  useEffect(() => {
    const element = ref.current as HTMLDivElement
    const stay = () => {
      if (isAtEnd.current) element.scrollTop = element.scrollHeight
    }
    const observer = new ResizeObserver(stay)
    observer.observe(element)
    for (const child of element.children) observer.observe(child)
    return () => observer.disconnect()
  }, [])
  useLayoutEffect(() => {
    const element = ref.current as HTMLDivElement
    if (isAtEnd.current) element.scrollTop = element.scrollHeight
  })
  return (
    <div
      class="talk-scroll"
      ref={ref}
      role="log"
      aria-label="Talk"
      aria-live="off"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls can be scrolled by keys
      tabIndex={0}
      onScroll={({ currentTarget: { scrollTop, clientHeight, scrollHeight } }) => {
        isAtEnd.current = scrollTop + clientHeight >= scrollHeight - 24
      }}
    >
      <div class="ledger">{children}</div>
    </div>
  )
}
