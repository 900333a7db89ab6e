/** Owns what stands above the tabs: the actor's name and state, one line of what it is, and the events that it may be sent. */
import type { ComponentChildren } from 'preact'
import { count, generationNumber, plural } from '../format.ts'
import { actorSignal, figuresVersion, shown } from '../state.ts'
import { StateShape } from '../state-shape.tsx'
import { replicasOf, shownState, stateText, toneOf } from '../states.ts'
import type { Actor } from '../world.ts'
import { EventButtons } from './event-buttons.tsx'

export function ActorHeader({ actor }: { actor: Actor }) {
  for (const id of actor.kind === 'agent' ? actor.children : []) actorSignal(id).value
  const world = shown.peek()
  const state = shownState(world, actor)
  const text = actor.isGone ? 'gone' : stateText(world, actor)
  return (
    <header class="actor-header">
      <div class="actor-title">
        <h1 class="mono">{actor.name}</h1>
        {text !== '' && (
          <span class={`pill toned tinted tone-${toneOf(state)}`}>
            <StateShape state={state} /> {text}
          </span>
        )}
      </div>
      <div class="is-wide">
        <EventButtons actor={actor} />
      </div>
      <p class="actor-line">
        {parts(actor).map((part, i) => (
          <span key={i}>
            {i > 0 && ' · '}
            {part}
          </span>
        ))}
      </p>
    </header>
  )
}

function parts(actor: Actor): ComponentChildren[] {
  const { process } = actor
  const generation = process === undefined ? undefined : generationNumber(process.generation)
  switch (actor.kind) {
    case 'replica':
      return [
        <>
          replica of <b>{actor.agent}</b>
        </>,
        ...(generation === undefined
          ? ['no process yet']
          : [
              <>
                generation <b>{generation}</b>
                {whereItIs(process) ?? (
                  <>
                    {' '}
                    gone, <b>{Number(generation) + 1}</b> next
                  </>
                )}
              </>,
            ]),
        ...(process?.environment === undefined
          ? []
          : [
              <>
                environment <b class="mono">{process.environment}</b>
              </>,
            ]),
      ]
    case 'agent':
      return [
        'agent',
        plural(replicasOf(shown.peek(), actor).length, 'replica'),
        <InFlight key="runs" agent={actor.agent ?? actor.name} />,
      ]
    case 'supervisor':
      return [
        'supervisor',
        actor.strategy && <b class="mono">{actor.strategy}</b>,
        plural(actor.children.length, 'child', 'children'),
      ].filter(Boolean)
    case 'run':
      return [
        <>
          run of <b>{actor.agent}</b>
        </>,
      ]
    case 'other':
      return ['actor']
    default:
      return [actor.kind, ...(process?.pid === undefined ? [] : [`pid ${process.pid}`])]
  }
}

/** Undefined where it has ended. */
function whereItIs(process: Actor['process']): ComponentChildren {
  if (process?.pid !== undefined)
    return (
      <>
        , pid <b>{process.pid}</b>
      </>
    )
  return process?.application === undefined ? undefined : <>, application {process.application} on Ray</>
}

function InFlight({ agent }: { agent: string }) {
  figuresVersion.value
  const figures = shown.peek().figures.get(agent)
  return (
    <>
      {count(figures?.inFlight)} in flight, {count(figures?.queued)} queued
    </>
  )
}
