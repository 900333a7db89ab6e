/**
 * Owns what a person says to agents: one talk for each, kept while views come and go, and the commands that go with it. What agents
 * answer lies in state.ts.
 *
 * 1. The next prompt carries the messages of the last run that succeeded.
 */
import { effect, type Signal, signal } from '@preact/signals'
import type { RunFrame } from '../../frames.ts'
import * as state from '../state.ts'
import { isSettled, type WorldState } from '../world.ts'
import { ledgerOf } from './ledger.ts'

export interface Turn {
  key: number
  prompt: string
  /** When it was sent, in milliseconds since 1970, by the server's clock. */
  at: number
  /** Undefined until the system has taken it. */
  run: string | undefined
  /** Why the system did not take it. */
  refusal?: { code: string; message: string }
}

export interface TalkState {
  turns: Signal<readonly Turn[]>
  /** What is written and not sent. */
  draft: Signal<string>
}

const talks = new Map<string, TalkState>()
let lastKey = 0

/** The run that a person chose to look at; undefined: the newest one of what is looked at. */
export const chosenRun = signal<string | undefined>(undefined)

export function talkWith(agent: string): TalkState {
  const known = talks.get(agent)
  if (known !== undefined) return known
  const talk = { turns: signal<readonly Turn[]>([]), draft: signal('') }
  talks.set(agent, talk)
  return talk
}

// Another system, or a recording, knows nothing of these talks.
effect(() => {
  state.history.value
  for (const { turns } of talks.values()) {
    const isKnown = turns.peek().some(({ run }) => run !== undefined && state.live.peek().runs.has(run))
    if (!isKnown) turns.value = []
  }
})

/** Sends what is written. */
export async function say(agent: string): Promise<void> {
  const { turns, draft } = talkWith(agent)
  const prompt = draft.peek().trim()
  if (prompt === '') return
  lastKey += 1
  const turn: Turn = { key: lastKey, prompt, at: Date.now() + state.clockOffset.peek(), run: undefined }
  const history = messagesOf(turns.peek())
  turns.value = [...turns.peek(), turn]
  draft.value = ''
  chosenRun.value = undefined
  const ack = await state.send({
    type: 'run.start',
    agent,
    prompt,
    ...(history !== undefined && { message_history: history }),
  })
  const { code, message } = ack.error ?? { code: 'PAGE_OFFLINE', message: 'The system gave no run.' }
  const known: Turn = ack.run === undefined ? { ...turn, refusal: { code, message } } : { ...turn, run: ack.run }
  turns.value = turns.peek().map((one) => (one.key === turn.key ? known : one))
  if (ack.run === undefined && draft.peek() === '') draft.value = prompt
}

function messagesOf(turns: readonly Turn[]): readonly unknown[] | undefined {
  for (const { run } of turns.toReversed()) {
    const messages = run === undefined ? undefined : ledgerOf(state.streamOf(run).peek()).messages
    if (messages !== undefined) return messages
  }
  return undefined
}

export type Answer = { isApproved: boolean; error?: string }
/** What a person answered to calls that ask, by run and call. */
export const answers = signal<ReadonlyMap<string, Answer>>(new Map())
export const callKey = (run: string, id: string) => `${run} ${id}`

export async function answerCall(run: string, id: string, isApproved: boolean): Promise<void> {
  const note = (answer: Answer) => {
    answers.value = new Map([...answers.peek(), [callKey(run, id), answer]])
  }
  note({ isApproved })
  const { ok, error } = await state.send({ type: 'tool.approve', run, id, approved: isApproved })
  if (!ok) note({ isApproved, error: error?.message ?? 'It was not taken.' })
}

/** The run that is looked at among those of an agent: the chosen one, else one that waits for a person, else the newest. */
export function runInView(
  world: WorldState,
  agent: string | undefined,
  chosen: string | undefined,
): string | undefined {
  const known = chosen === undefined ? undefined : world.runs.get(chosen)
  if (known !== undefined && (agent === undefined || known.agent === agent)) return known.run
  const runs = [...world.runs.values()].filter((run) => agent === undefined || run.agent === agent)
  return (runs.findLast(({ status }) => status === 'waiting') ?? runs.at(-1))?.run
}

const acceptances = new Map<string, number>()

/** When a run was accepted, in milliseconds since 1970: by its first frame, or else by its newest. */
export function acceptedAt(run: RunFrame): number {
  if (isSettled(run) && run.durationMs !== undefined) return run.at - run.durationMs
  const known = acceptances.get(run.run)
  if (known !== undefined) return known
  const history = state.history.peek()
  const first = history
    .between(history.oldestSeq, run.seq)
    .find((frame) => frame.type === 'run' && frame.run === run.run)
  const spent = run.phases.reduce((most, { fromMs, toMs }) => Math.max(most, fromMs, toMs ?? 0), 0)
  const at = first?.type === 'run' && first.status === 'accepted' ? first.at : run.at - spent
  acceptances.set(run.run, at)
  if (acceptances.size > 500) acceptances.delete(acceptances.keys().next().value as string)
  return at
}
