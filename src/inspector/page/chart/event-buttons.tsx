/** Owns the events that a person may send to an actor: a closed list, asked once more where runs are in flight. */
import { useState } from 'preact/hooks'
import type { AckFrame } from '../../frames.ts'
import { plural } from '../format.ts'
import { canSend, connection, isReplay, role, send, shown } from '../state.ts'
import { replicasOf, shownState } from '../states.ts'
import type { Actor } from '../world.ts'

const ending: ReadonlySet<string> = new Set(['agent.stop', 'agent.restart', 'agent.drain'])

export function EventButtons({ actor }: { actor: Actor }) {
  const [asked, ask] = useState<string>()
  const [answer, setAnswer] = useState<AckFrame>()
  if (isReplay.value || actor.isGone || actor.snapshot.next.length === 0) return null
  const whyNot = !canSend.value ? reason() : undefined
  const emit = async (type: string, replicas?: number) => {
    ask(undefined)
    setAnswer(undefined)
    const { process, sessionId } = actor
    const event = { type, ...(replicas !== undefined && { replicas }) }
    const { generation } = process ?? {}
    if (type === 'run.cancel' && actor.run !== undefined) setAnswer(await send({ type: 'run.cancel', run: actor.run }))
    else setAnswer(await send({ type: 'send', sessionId, ...(generation !== undefined && { generation }), event }))
  }
  const press = (type: string) => {
    if (type === 'agent.scale' || (ending.has(type) && inFlight(actor) > 0)) ask(type)
    else void emit(type)
  }
  return (
    <div class="events">
      <div class="event-buttons">
        {offered(actor).map(({ event, allowed, why }) => {
          const reason = whyNot ?? (allowed ? undefined : (why ?? 'Not in this state.'))
          return (
            <button
              key={event}
              type="button"
              class={`button mono${event === 'agent.start' && reason === undefined ? ' is-first' : ''}`}
              aria-disabled={reason !== undefined}
              aria-description={reason}
              title={reason}
              onClick={() => reason === undefined && press(event)}
            >
              {event}
            </button>
          )
        })}
      </div>
      {whyNot !== undefined && <p class="small quiet">{whyNot}</p>}
      {asked !== undefined && whyNot === undefined && (
        <Question
          actor={actor}
          event={asked}
          yes={(replicas) => void emit(asked, replicas)}
          no={() => ask(undefined)}
        />
      )}
      {answer?.ok === false && (
        <p class="event-error" role="alert">
          <code>{answer.error?.code}</code> {answer.error?.message}
        </p>
      )}
    </div>
  )
}

/** An agent of which every process serves has nothing that could be started. */
function offered(actor: Actor): Actor['snapshot']['next'] {
  const { next } = actor.snapshot
  const isReady = actor.kind === 'agent' && shownState(shown.value, actor) === 'ready'
  return isReady ? next.filter(({ event }) => event !== 'agent.start') : next
}

function reason(): string {
  if (role.value === 'read') return 'This page may only look.'
  return connection.value.phase === 'closed' ? 'The system has stopped.' : 'There is no connection to the system.'
}

/** Runs that an ending of this actor may hit. */
function inFlight(actor: Actor): number {
  if (actor.kind === 'agent') return shown.peek().figures.get(actor.agent ?? actor.name)?.inFlight ?? 0
  return actor.beat?.inFlight ?? 0
}

interface QuestionProps {
  actor: Actor
  event: string
  yes: (replicas?: number) => void
  no: () => void
}

function Question({ actor, event, yes, no }: QuestionProps) {
  const isScale = event === 'agent.scale'
  const [replicas, setReplicas] = useState(replicasOf(shown.peek(), actor).length)
  const runs = inFlight(actor)
  return (
    <form
      class="event-question"
      aria-label={`Confirm ${event}`}
      onSubmit={(submitted) => {
        submitted.preventDefault()
        yes(isScale ? replicas : undefined)
      }}
      onKeyDown={(pressed) => {
        if (pressed.key !== 'Escape') return
        pressed.stopPropagation()
        no()
      }}
    >
      {isScale ? (
        <label>
          Replicas{' '}
          <input
            class="field"
            type="number"
            min="0"
            max="999"
            value={replicas}
            onInput={({ currentTarget }) => setReplicas(currentTarget.valueAsNumber)}
            ref={(field) => field?.focus()}
          />
        </label>
      ) : (
        <p>{plural(runs, 'run')} in flight. What has not ended in time is interrupted.</p>
      )}
      <button type="submit" class="button mono is-first" disabled={isScale && !Number.isInteger(replicas)}>
        {event}
      </button>
      <button type="button" class="button" onClick={no}>
        Keep
      </button>
    </form>
  )
}
