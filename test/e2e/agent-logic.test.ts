import { expect, test } from 'vitest'
import { createActor, setup, toPromise, waitFor } from 'xstate'
import * as z from 'zod'
import { type AgentStreamEvent, agentLogic, agentStreamLogic } from '../../src/index.ts'
import { agent, newAxon, next, record } from './axon.ts'

const review = z.object({ score: z.number() })
const start = () =>
  newAxon({
    agents: { critic: agent('gives', { output: review }), waits: agent('words') },
  }).start()

test('an agent is promise logic: its output is the answer, its error that of the run, and its input names the run', async () => {
  const axon = await start()
  const logic = agentLogic(axon, 'critic')
  const accepted = next(axon, 'run.accepted')
  const actor = createActor(logic, { input: { prompt: '{"score":3}' } }).start()
  const named = actor.getSnapshot().input?.options?.run
  expect((await accepted).run).toBe(named)
  const response = await toPromise(actor)
  expect(response.result).toEqual({ score: 3 })
  const failing = createActor(logic, { input: { prompt: '{}', options: { run: 'mine' } } })
  const failed = toPromise(failing.start())
  await expect(failed).rejects.toMatchObject({ code: 'RUN_OUTPUT_INVALID', run: 'mine' })
})

test('an actor that is stopped cancels its run', async () => {
  const axon = await start()
  const begun = next(axon, 'run.started')
  const settled = next(axon, 'run.settled')
  const actor = createActor(agentLogic(axon, 'waits'), {
    input: { prompt: '0 hang', options: { run: 'left' } },
  }).start()
  await begun
  actor.stop()
  expect(await settled).toMatchObject({ run: 'left', status: 'cancelled' })
})

/** A machine that keeps what the stream of an agent tells it. */
function listener(logic: ReturnType<typeof agentStreamLogic>) {
  const told: AgentStreamEvent[] = []
  const machine = setup({
    types: { events: {} as AgentStreamEvent | { type: 'cancel' }, input: {} as { prompt: string } },
    actors: { agent: logic },
    actions: { keep: (_, { event }: { event: AgentStreamEvent }) => void told.push(event) },
  }).createMachine({
    initial: 'asking',
    states: {
      asking: {
        invoke: {
          id: 'agent',
          src: 'agent',
          input: ({ event }) => (event as unknown as { input: { prompt: string } }).input,
        },
        on: {
          cancel: { actions: ({ self }) => self.getSnapshot().children.agent?.send({ type: 'run.cancel' }) },
          'run.result': { target: 'done', actions: { type: 'keep', params: ({ event }) => ({ event }) } },
          'run.error': { target: 'done', actions: { type: 'keep', params: ({ event }) => ({ event }) } },
          '*': { actions: { type: 'keep', params: ({ event }) => ({ event: event as AgentStreamEvent }) } },
        },
      },
      done: { type: 'final' },
    },
  })
  return { machine, told }
}

test('the events of a streamed run are sent to the machine that invoked it, the answer last', async () => {
  const axon = await start()
  const { machine, told } = listener(agentStreamLogic(axon, 'critic'))
  await waitFor(createActor(machine, { input: { prompt: '{"score":3}' } }).start(), ({ status }) => status === 'done')
  expect(told[0]).toMatchObject({ type: 'run.started', agent: 'critic' })
  expect(told.at(-1)).toMatchObject({ type: 'run.result', data: { result: { score: 3 } } })
  expect(new Set(told.map(({ run }) => run)).size).toBe(1)
})

test('run.cancel ends a streamed run, which says so; an unknown agent is told the same way', async () => {
  const axon = await start()
  const { machine, told } = listener(agentStreamLogic(axon, 'waits'))
  const begun = next(axon, 'run.started')
  const actor = createActor(machine, { input: { prompt: '0 hang' } }).start()
  await begun
  actor.send({ type: 'cancel' })
  await waitFor(actor, ({ status }) => status === 'done')
  expect(told.at(-1)).toMatchObject({ type: 'run.error', error: { code: 'RUN_CANCELLED' } })
  const nobody = listener(agentStreamLogic(axon, 'nobody'))
  await waitFor(createActor(nobody.machine, { input: { prompt: 'x' } }).start(), ({ status }) => status === 'done')
  expect(nobody.told).toMatchObject([{ type: 'run.error', error: { code: 'AGENT_UNKNOWN' } }])
})

test('a machine that leaves a streamed run behind cancels it, and hears nothing more', async () => {
  const axon = await start()
  const events = record(axon)
  const { machine, told } = listener(agentStreamLogic(axon, 'waits'))
  const begun = next(axon, 'run.started')
  const settled = next(axon, 'run.settled')
  const actor = createActor(machine, { input: { prompt: '0 hang' } }).start()
  await begun
  actor.stop()
  expect(await settled).toMatchObject({ status: 'cancelled' })
  expect(told.some(({ type }) => type === 'run.error')).toBe(false)
  expect(events.filter(({ type }) => type === 'run.accepted')).toHaveLength(1)
})
