import { expect, test } from 'vitest'
import * as z from 'zod'
import { tool } from '../../../src/index.ts'
import { agent, newAxon, next, quickly, rejection } from '../../e2e/axon.ts'
import { eventsOf } from '../../e2e/events-of.ts'
import { newRecorder, TestViewer } from './watching.ts'

test('a streamed run: its messages, its states and what it spent its time on; a hundred deltas are few messages', async () => {
  const axon = await newAxon({ agents: { words: agent('words') } }).start()
  const recorder = newRecorder(axon)
  const viewer = new TestViewer(recorder)
  viewer.watches.runs.add('r1')
  const events = await eventsOf(axon.agent('words').stream({ prompt: '100' }, { run: 'r1' }))
  const end = await viewer.until('run', ({ status }) => status === 'succeeded')
  expect(end).toMatchObject({ run: 'r1', agent: 'words', generation: 'words/0#1', attempt: 1, started: true })
  expect(end.sessionId).toBe(viewer.idOf('words/0'))
  expect(end.phases.map(({ name }) => name)).toEqual(['waiting', 'model', 'text'])
  for (const { fromMs, toMs } of end.phases) expect(toMs).toBeGreaterThanOrEqual(fromMs)
  await viewer.until('actor.gone', ({ sessionId }) => sessionId === 'run:r1')
  const messages = viewer.all('@xstate.event').filter(({ run }) => run === 'r1')
  const deltas = messages.filter(({ event }) => event.type === 'text.delta')
  expect(deltas.reduce((sum, { count = 1 }) => sum + count, 0)).toBe(100)
  expect(deltas.length).toBeLessThan(20)
  const others = messages.filter(({ event }) => event.type !== 'text.delta')
  const [pool, replica] = [viewer.idOf('words'), viewer.idOf('words/0')]
  expect(others.map(({ event, sourceId, sessionId }) => [sourceId, event.type, sessionId])).toEqual([
    [undefined, 'run.accepted', pool],
    [pool, 'run.assigned', replica],
    [replica, 'run.started', 'run:r1'],
    ['run:r1', 'run.settled', pool],
  ])
  const states = viewer.all('@xstate.snapshot').filter(({ sessionId }) => sessionId === 'run:r1')
  expect(states.map(({ snapshot }) => snapshot.value)).toEqual([
    'assigned',
    'written',
    ...(states.length === 5 ? ['started'] : []),
    'streaming',
    'succeeded',
  ])
  const streamed = viewer.all('stream')
  expect(streamed.map(({ id, event }) => [id, event])).toEqual(events.map(({ id, event }) => [id, event]))
  const late = new TestViewer(recorder)
  late.watch('runs', 'r1')
  expect(late.all('stream')).toEqual(streamed)
})

test('a run with a tool of Node: the call is a message and a phase', async () => {
  const look = tool({ description: 'Looks', input: z.object({ id: z.string() }), execute: () => 'seen' })
  const axon = await newAxon({ agents: { tooled: agent('tooled', { tools: { look } }) } }).start()
  const viewer = new TestViewer(newRecorder(axon))
  const prompt = JSON.stringify({ call: 'look', with: { id: 'a' } })
  await axon.agent('tooled').run({ prompt }, { run: 'r1' })
  const end = await viewer.until('run', ({ status }) => status === 'succeeded')
  expect(end.phases.map(({ name }) => name)).toEqual(['waiting', 'model', 'tools', 'model'])
  const messages = viewer.all('@xstate.event').filter(({ run }) => run === 'r1')
  const types = messages.map(({ event }) => event.type)
  expect(types.slice(-4)).toEqual(['run.started', 'tool.called', 'tool.returned', 'run.settled'])
})

test('a process that dies in the midst of a run: the crash has the run, started and not retried', async () => {
  const axon = await newAxon({ agents: { words: agent('words', { restart: quickly }) } }).start()
  const viewer = new TestViewer(newRecorder(axon))
  viewer.watches.runs.add('r1')
  const begun = next(axon, 'run.started')
  const running = eventsOf(axon.agent('words').stream({ prompt: '3 hang' }, { run: 'r1' }))
  await begun
  await viewer.until('stream', ({ event }) => event === 'text.delta')
  process.kill(axon.agent('words').snapshot()?.pid as number, 'SIGKILL')
  expect(await rejection(running)).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
  const crash = await viewer.until('crash', ({ runs }) => runs.length > 0)
  expect(crash.runs).toEqual([{ run: 'r1', started: true, retried: false }])
  expect(crash.generation).toBe('words/0#1')
  const end = await viewer.until('run', ({ status }) => status === 'interrupted')
  expect(end).toMatchObject({ started: true, error: { code: 'RUN_INTERRUPTED' } })
  const last = await viewer.until('stream', ({ event }) => event === 'run.error')
  expect(last.data).toMatchObject({ error: { code: 'RUN_INTERRUPTED', started: true } })
})

test('what happened before anybody came is told: facts, states and runs, and the figures count every run', async () => {
  const axon = newAxon({ agents: { echo: agent('echo', { queue: 1_000 }) } })
  const recorder = newRecorder(axon)
  await axon.start()
  await Promise.all(Array.from({ length: 300 }, () => axon.agent('echo').run({ prompt: 'hi' })))
  const viewer = new TestViewer(recorder)
  for (const batch of recorder.history(1)) viewer.receive(batch)
  const types = new Set(viewer.all('@xstate.event').map(({ event }) => event.type))
  for (const type of ['agent.ready', 'process.spawned', 'run.started', 'run.settled']) expect(types).toContain(type)
  expect(viewer.statesOf('echo/0')).toEqual(expect.arrayContaining(['provisioning', 'starting', 'ready']))
  const figures = await viewer.until('figures', ({ agent }) => agent === 'echo')
  expect(figures).toMatchObject({ samples: 300, errorRatio: 0, queued: 0, inFlight: 0, restarts: 0 })
  expect(figures.p99Ms).toBeGreaterThanOrEqual(figures.p50Ms as number)
  // A sample of them.
  expect(new Set(viewer.all('run').map(({ run }) => run)).size).toBeGreaterThanOrEqual(10)
  const beats = await viewer.until('beats')
  expect(beats.sessionId).toContain(viewer.idOf('echo/0'))
  expect(beats.rssBytes[0]).toBeGreaterThan(1_000_000)
})
