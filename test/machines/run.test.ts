import { expect, test } from 'vitest'
import { createActor } from 'xstate'
import { AxonError } from '../../src/errors.ts'
import { type RunEvent, type RunOutcome, type RunState, runLogic } from '../../src/machines/run.ts'

const outcomes: RunOutcome[] = ['succeeded', 'failed', 'cancelled', 'timed_out', 'interrupted']

const events: RunEvent[] = [
  { type: 'run.queued' },
  { type: 'run.assigned', generation: 'writer/0#1' },
  { type: 'run.written' },
  { type: 'run.started' },
  { type: 'run.streaming' },
  { type: 'run.requeued' },
  { type: 'run.repeated' },
]

/** The events that lead to each state. */
const ways: Record<Exclude<RunState, RunOutcome>, RunEvent['type'][]> = {
  accepted: [],
  queued: ['run.queued'],
  assigned: ['run.queued', 'run.assigned'],
  written: ['run.assigned', 'run.written'],
  started: ['run.assigned', 'run.written', 'run.started'],
  streaming: ['run.assigned', 'run.written', 'run.streaming'],
}
type Living = keyof typeof ways
const living = Object.keys(ways) as Living[]

/** What each event does; what is not here changes nothing. */
const leads: Record<Living, Partial<Record<RunEvent['type'], RunState>>> = {
  accepted: { 'run.queued': 'queued', 'run.assigned': 'assigned' },
  queued: { 'run.assigned': 'assigned' },
  assigned: { 'run.written': 'written', 'run.started': 'started', 'run.requeued': 'queued' },
  written: {
    'run.started': 'started',
    'run.streaming': 'streaming',
    'run.requeued': 'queued',
    'run.repeated': 'queued',
  },
  started: { 'run.streaming': 'streaming', 'run.repeated': 'queued' },
  streaming: { 'run.started': 'streaming' },
}

function runIn(state: Living, cancel = () => {}) {
  const actor = createActor(runLogic, { input: { run: 'r-1', agent: 'writer', mode: 'stream', cancel } }).start()
  for (const type of ways[state]) actor.send(events.find((event) => event.type === type) as RunEvent)
  expect(actor.getSnapshot().value).toBe(state)
  return actor
}

const table = living.flatMap((state) =>
  events.map((event) => [state, event.type, leads[state][event.type] ?? state, event] as const),
)

test.each(table)('in %s, %s leads to %s', (state, _, target, event) => {
  const actor = runIn(state)
  actor.send(event)
  expect(actor.getSnapshot()).toMatchObject({ value: target, status: 'active' })
})

test.each(living.flatMap((state) => outcomes.map((outcome) => [state, outcome] as const)))(
  'a run that is %s can end as %s, and nothing leads on from there',
  (state, outcome) => {
    const cancelled: string[] = []
    const actor = runIn(state, () => cancelled.push('cancel'))
    actor.send({ type: 'run.settled', outcome })
    const end = actor.getSnapshot()
    expect(end).toMatchObject({ status: 'done', value: outcome, output: outcome })
    for (const event of [...events, { type: 'run.cancel' }, { type: 'run.settled', outcome: 'failed' }] as RunEvent[]) {
      expect(runLogic.transition(end, event, {} as never)).toBe(end)
    }
    expect(actor.getSnapshot()).toBe(end)
    expect(cancelled).toEqual([])
  },
)

test('run.cancel asks the one who runs it, in every state, and decides nothing itself', () => {
  for (const state of living) {
    const asked: string[] = []
    const actor = runIn(state, () => asked.push(state))
    const before = actor.getSnapshot()
    actor.send({ type: 'run.cancel' })
    expect(actor.getSnapshot()).toBe(before)
    expect(asked).toEqual([state])
  }
})

test('a run that is cancelled may settle within the asking', () => {
  let asked = 0
  const actor = runIn('started', () => {
    asked += 1
    actor.send({ type: 'run.settled', outcome: 'cancelled' })
  })
  actor.send({ type: 'run.cancel' })
  expect(actor.getSnapshot().value).toBe('cancelled')
  expect(asked).toBe(1)
})

test('the context says where a run is, whether it started, and how often it was tried', () => {
  const actor = runIn('written')
  expect(actor.getSnapshot().context).toMatchObject({ attempt: 1, generation: 'writer/0#1', started: false })
  actor.send({ type: 'run.requeued' })
  expect(actor.getSnapshot().context).toMatchObject({ attempt: 2, generation: undefined, started: false })
  actor.send({ type: 'run.assigned', generation: 'writer/0#2' })
  actor.send({ type: 'run.started' })
  expect(actor.getSnapshot().context).toMatchObject({ attempt: 2, generation: 'writer/0#2', started: true })
})

test('snapshots hold data only: JSON gives them back', () => {
  const plain = (value: unknown) => JSON.parse(JSON.stringify(value))
  for (const state of living) {
    const actor = runIn(state)
    const { context, value } = actor.getSnapshot()
    expect({ ...context }).toEqual({ generation: undefined, error: undefined, ...plain(context) })
    actor.send({ type: 'run.settled', outcome: 'failed', error: new AxonError('RUN_REJECTED', 'full') })
    expect(plain(actor.getPersistedSnapshot())).toMatchObject({
      value: 'failed',
      context: { run: 'r-1', agent: 'writer', mode: 'stream', error: { code: 'RUN_REJECTED', message: 'full' } },
    })
    expect(value).toBe(state)
  }
})
