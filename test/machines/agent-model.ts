/**
 * Owns a second, independent statement of a replica's life, for comparison: one plain function from state and command to state,
 * written from the design rather than from the machine. Time, timers and dice are numbers in the state.
 */
import type { CrashClass, CrashFacts, RestartPolicy } from '../../src/machines/restart-policy.ts'
import type { AgentState } from './agent-rig.ts'
import { judgeLast, type LoggedCrash } from './restart-reference.ts'

export type ExitKind = 'clean' | 'signal' | 'import' | 'bind'

export type ModelCommand =
  | { type: 'start' | 'stop' | 'restart' | 'drain' | 'quiet' | 'configure' }
  | { type: 'environment made' }
  | { type: 'environment failed'; isRetryable: boolean }
  | { type: 'spawned' | 'ready' | 'beat' | 'lagging beat' | 'violated' }
  | { type: 'exited'; kind: ExitKind }
  | { type: 'stale'; event: 'agent.ready' | 'process.heartbeat' | 'process.violated' | 'process.exited' }
  | { type: 'probe answered' | 'probe failed' }
  /** Whoever hears of the next crash answers with this at once, before what follows from it is begun. */
  | { type: 'react'; reaction: Reaction }
  | { type: 'tick'; ms: number }
export type Reaction = 'start' | 'stop' | 'restart' | 'drain' | 'quiet' | 'configure'

export interface Rules {
  restart: RestartPolicy
  startMs: number
  shutdownMs: number
  /** The jitter of the n-th judgement. */
  dice: (judgement: number) => number
}

type Ended = 'start_timeout' | 'hang' | 'protocol' | 'stop'

type Next = 'started' | 'idle' | 'stopped'

export interface Model {
  state: AgentState
  now: number
  /** Starts that were begun, and processes that were made. */
  generation: number
  made: number
  hasProcess: boolean
  /** Why Node ended the process; the first reason holds. */
  ended: Ended | undefined
  /** What follows the process that is being ended. */
  next: Next
  /** When the state is left by itself. */
  dueAt: number | undefined
  isProbed: boolean
  readyAt: number | undefined
  /** Crashes since the history was forgotten. */
  crashes: readonly LoggedCrash[]
  judgements: number
  restarts: number
  configured: number
  reaction: Reaction | undefined
}

export const newborn: Model = {
  state: 'idle',
  now: 0,
  generation: 0,
  made: 0,
  hasProcess: false,
  ended: undefined,
  next: 'stopped',
  dueAt: undefined,
  isProbed: false,
  readyAt: undefined,
  crashes: [],
  judgements: 0,
  restarts: 0,
  configured: 0,
  reaction: undefined,
}

const suspect = ['suspect.waiting', 'suspect.confirming', 'suspect.lagging'] as const
const suspectAfterMs = 10_000
const hungAfterMs = 18_000

export function step(rules: Rules, model: Model, command: ModelCommand): Model {
  const { state } = model
  const isOneOf = (...states: AgentState[]) => states.includes(state)
  const hasNothing = isOneOf('idle', 'stopped', 'backoff', 'failed')
  const isLeaving = isOneOf('draining', 'stopping')

  switch (command.type) {
    case 'start':
      if (hasNothing) return begin(model)
      return isLeaving ? { ...model, next: 'started' } : model

    case 'restart':
      return replace(rules, model)

    case 'configure': {
      const configured = { ...model, configured: model.configured + 1 }
      return isLeaving || isOneOf('idle', 'stopped') ? configured : replace(rules, configured)
    }

    case 'stop':
      if (hasNothing || state === 'provisioning') return stopped(model)
      if (isOneOf('ready', 'suspect.lagging')) return drain(rules, model, 'stopped')
      return isLeaving ? { ...model, next: 'stopped' } : end(model, 'stopping', 'stop')

    case 'drain':
      return isOneOf('ready', ...suspect) ? drain(rules, model, 'stopped') : model

    case 'quiet':
      return state === 'ready' ? drain(rules, model, 'idle') : model

    case 'environment made':
      if (state !== 'provisioning') return model
      return {
        ...enter(model, 'starting', rules.startMs),
        made: model.made + 1,
        hasProcess: true,
        ended: undefined,
      }

    case 'environment failed':
      if (state !== 'provisioning') return model
      return judge(rules, model, 'environment', command.isRetryable)

    case 'ready':
      return state === 'starting' ? { ...enter(model, 'ready', suspectAfterMs), readyAt: model.now } : model

    case 'beat':
      return isOneOf('ready', ...suspect) ? enter(model, 'ready', suspectAfterMs) : model

    case 'lagging beat':
      if (!isOneOf('ready', ...suspect)) return model
      return { ...enter(model, 'suspect.lagging', suspectAfterMs), isProbed: true }

    case 'probe answered':
      return isOneOf(...suspect) && model.isProbed ? enter(model, 'ready', suspectAfterMs) : model

    case 'probe failed':
      if (state === 'suspect.confirming') return end(model, 'crashed.ending', 'hang')
      return { ...model, isProbed: false }

    case 'violated':
      if (!model.hasProcess) return model
      return isLeaving ? { ...model, ended: model.ended ?? 'protocol' } : end(model, 'crashed.ending', 'protocol')

    case 'exited': {
      if (!model.hasProcess) return model
      const gone = { ...model, hasProcess: false }
      if (isLeaving) return follow(gone)
      return judge(
        rules,
        gone,
        classOf(model.ended, command.kind),
        command.kind === 'clean' || command.kind === 'signal',
      )
    }

    case 'react':
      return { ...model, reaction: command.reaction }

    case 'tick':
      return pass(rules, model, model.now + command.ms)

    case 'spawned':
    case 'stale':
      return model
  }
}

function pass(rules: Rules, model: Model, until: number): Model {
  if (model.dueAt === undefined || model.dueAt > until) return { ...model, now: until }
  return pass(rules, expire(rules, { ...model, now: model.dueAt }), until)
}

function expire(rules: Rules, model: Model): Model {
  switch (model.state) {
    case 'starting':
      return end(model, 'crashed.ending', 'start_timeout')
    case 'ready':
    case 'suspect.lagging':
      return { ...enter(model, 'suspect.waiting', hungAfterMs), isProbed: true }
    case 'suspect.waiting':
      return { ...enter(model, 'suspect.confirming'), isProbed: true }
    case 'draining':
      return { ...end(model, 'stopping', 'stop'), next: model.next }
    case 'backoff':
      return begin(model)
    default:
      throw new Error(`Nothing is due in ${model.state}, with ${rules.startMs} ms for a start.`)
  }
}

/** Another process takes the place of what is there. */
function replace(rules: Rules, model: Model): Model {
  switch (model.state) {
    case 'draining':
    case 'stopping':
      return { ...model, next: 'started' }
    case 'ready':
    case 'suspect.lagging':
      return drain(rules, model, 'started')
    case 'starting':
    case 'suspect.waiting':
    case 'suspect.confirming':
    case 'crashed.ending':
      return { ...end(model, 'stopping', 'stop'), next: 'started' }
    default:
      return begin(model)
  }
}

function begin(model: Model): Model {
  const crashes = model.state === 'failed' ? [] : model.crashes
  const generation = model.generation + 1
  return { ...enter(model, 'provisioning'), generation, next: 'stopped', readyAt: undefined, crashes }
}

function follow(model: Model): Model {
  if (model.next === 'started') return begin(model)
  return model.next === 'idle' ? enter(model, 'idle') : stopped(model)
}

function stopped(model: Model): Model {
  return { ...enter(model, 'stopped'), crashes: [] }
}

function drain(rules: Rules, model: Model, next: Next): Model {
  return { ...enter(model, 'draining', rules.shutdownMs), next }
}

function end(model: Model, state: 'stopping' | 'crashed.ending', why: Ended): Model {
  return { ...enter(model, state), ended: model.ended ?? why, next: 'stopped' }
}

function judge(rules: Rules, model: Model, crashClass: CrashClass, isRetryable: boolean): Model {
  const readyForMs = model.readyAt === undefined ? undefined : model.now - model.readyAt
  const crash: CrashFacts = { class: crashClass, isRetryable, readyForMs }
  const random = rules.dice(model.judgements)
  const judged = {
    ...model,
    judgements: model.judgements + 1,
    crashes: [...model.crashes, { atMs: model.now, random, crash }],
  }
  const verdict = judgeLast(rules.restart, judged.crashes)
  const next =
    verdict.action === 'fail'
      ? enter(judged, 'failed')
      : { ...enter(judged, 'backoff', verdict.delayMs), restarts: model.restarts + 1 }
  // An answer to the crash has the effect that it would have had a moment later.
  return model.reaction === undefined ? next : step(rules, { ...next, reaction: undefined }, { type: model.reaction })
}

function enter(model: Model, state: AgentState, forMs?: number): Model {
  return { ...model, state, dueAt: forMs === undefined ? undefined : model.now + forMs, isProbed: false }
}

function classOf(ended: Ended | undefined, kind: ExitKind): CrashClass {
  if (ended !== undefined && ended !== 'stop') return ended
  const classes = { clean: 'exit', signal: 'signal', import: 'import', bind: 'exit' } as const
  return classes[kind]
}
