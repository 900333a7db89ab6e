import { expect, test } from 'vitest'
import type { HistoryFrame, LiveFrame } from '../../../src/inspector/frames.ts'
import { agent, newAxon, next, quickly } from '../../e2e/axon.ts'
import { newRecorder, TestViewer } from './watching.ts'

const framesOf = (batches: readonly string[]) => batches.flatMap((batch) => JSON.parse(batch) as LiveFrame[])

const seqsOf = (frames: readonly LiveFrame[]) =>
  frames.flatMap((frame) => ('seq' in frame && frame.type !== 'hello' && frame.type !== 'keyframe' ? [frame.seq] : []))

test('under load sequence numbers have no gap, two viewers get the same text, and the history is bounded', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo', { queue: 10_000 }) } }).start()
  const recorder = newRecorder(axon, { events: 1_000 })
  const [one, other] = [new TestViewer(recorder), new TestViewer(recorder)]
  const first = one.all('hello')[0]?.seq as number
  // One in ten is wanted, and recorded whole; of the others a few.
  const run = async (id: string, isWanted: boolean) => {
    if (isWanted) recorder.want(id, 'echo')
    await axon.agent('echo').run({ prompt: 'hi' }, { run: id })
  }
  for (let round = 0; round < 20; round += 1)
    await Promise.all(Array.from({ length: 200 }, (_, i) => run(`r${round}-${i}`, i % 10 === 0)))
  recorder.hello('read', [])
  const seqs = seqsOf(one.frames.slice(2))
  expect(seqs.length).toBeGreaterThan(1_000)
  expect(seqs.every((seq, at) => seq === first + 1 + at)).toBe(true)
  expect(one.batches.length).toBeGreaterThan(1)
  // The first was told what waited when the second came.
  const shared = one.batches.slice(-other.batches.length)
  expect(shared.length).toBeGreaterThan(10)
  expect(shared.every((batch, at) => batch === other.batches[at])).toBe(true)
  const kept = framesOf(recorder.history(1))
  expect(kept[0]).toMatchObject({ type: 'gap', fromSeq: 1 })
  expect(kept[1]?.type).toBe('keyframe')
  expect(seqsOf(kept).length).toBeLessThanOrEqual(1_500)
  expect(seqsOf(kept).at(-1)).toBe(seqs.at(-1))
})

test('the state at a later event is a keyframe and at most 500 frames away, and is that of the present', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo', { restart: quickly }) } }).start()
  const recorder = newRecorder(axon)
  const viewer = new TestViewer(recorder)
  for (let round = 0; round < 3; round += 1) {
    const ready = next(axon, 'agent.ready')
    process.kill(axon.agent('echo').snapshot()?.pid as number, 'SIGKILL')
    await ready
  }
  const frames = framesOf(recorder.history(1)) as HistoryFrame[]
  const id = viewer.idOf('echo/0')
  const states = frames.flatMap((frame) => (frame.type === '@xstate.snapshot' && frame.sessionId === id ? [frame] : []))
  expect(states.at(-1)?.snapshot.value).toBe('ready')
  const present = recorder.present({ actors: new Set(), logs: new Set(), runs: new Set() })[0]
  const actor =
    present?.type === 'keyframe' && present.frames.find((frame) => 'sessionId' in frame && frame.sessionId === id)
  expect(actor).toMatchObject({ type: '@xstate.actor', snapshot: { value: 'ready' } })
  expect((actor as { visits: Record<string, { count: number }> }).visits['agent.ready']?.count).toBe(4)
})

test('lines of a process go to those who watch its log, also the earlier ones and those of the dead', async () => {
  const axon = await newAxon({ agents: { loud: agent('prints', { restart: quickly }) } }).start()
  const recorder = newRecorder(axon)
  const [watching, other] = [new TestViewer(recorder), new TestViewer(recorder)]
  const id = watching.idOf('loud/0')
  const ready = next(axon, 'agent.ready')
  await axon.agent('loud').run({ prompt: 'hi', deps: { lines: 2, bytes: 1 } })
  process.kill(axon.agent('loud').snapshot()?.pid as number, 'SIGKILL')
  await ready
  watching.watch('logs', id)
  await watching.until('log', ({ text }) => text.startsWith('process.spawned'))
  await watching.until('log', ({ generation, text }) => generation === 'loud/0#2' && text === 'agent.ready')
  const lines = watching.all('log')
  expect(lines.map(({ n }) => n)).toEqual(lines.map((_, at) => at + 1))
  expect(new Set(lines.map(({ generation }) => generation))).toEqual(new Set(['loud/0#1', 'loud/0#2']))
  expect(lines.some(({ stream }) => stream === 'out')).toBe(true)
  expect(other.all('log')).toEqual([])
})

test('a thousand agents are told in a second, and after close() nothing is told any more', async () => {
  const names = Array.from({ length: 1_000 }, (_, at) => `a${at}`)
  const resting = { replicas: { min: 0, max: 1 } }
  const axon = await newAxon({
    agents: Object.fromEntries(names.map((name) => [name, agent('echo', resting)])),
  }).start()
  const recorder = newRecorder(axon)
  const begunAt = performance.now()
  const viewer = new TestViewer(recorder)
  expect(performance.now() - begunAt).toBeLessThan(1_000)
  expect(viewer.all('@xstate.actor').filter(({ kind }) => kind === 'agent')).toHaveLength(1_000)
  expect(viewer.all('machine').length).toBeLessThan(10)
  recorder.close()
  const told = viewer.frames.length
  await axon.agent('a1').run({ prompt: 'hi' })
  expect(viewer.frames).toHaveLength(told)
})
