import { expect, test } from 'vitest'
import * as z from 'zod'
import { agent, newAxon, record, rejection } from './axon.ts'
import { eventsOf } from './events-of.ts'

const review = z.object({ score: z.number(), at: z.iso.date().transform((text) => new Date(text)) })
const good = '{"score":3,"at":"2026-11-28","more":1}'
const bad = '{"score":"high"}'
const result = { score: 3, at: new Date('2026-11-28') }

const start = () => newAxon({ agents: { critic: agent('gives', { output: review }), free: agent('gives') } }).start()

test('a result is parsed by the output of its agent, in runs, streams and conversations', async () => {
  const axon = await start()
  expect((await axon.agent('critic').run({ prompt: good })).result).toEqual(result)
  const events = await eventsOf(axon.agent('critic').stream({ prompt: good }))
  expect(events.at(-1)).toMatchObject({ event: 'run.result', data: { result } })
  expect((await axon.conversation('critic', 'a').run({ prompt: good })).result).toEqual(result)
})

test('a result that does not fit is RUN_OUTPUT_INVALID that says where; the run has failed, and was not run twice', async () => {
  const axon = await start()
  const told = record(axon)
  const error = { code: 'RUN_OUTPUT_INVALID', started: true, retryable: false, agent: 'critic', attempt: 1 }
  const run = await rejection(axon.agent('critic').run({ prompt: bad }))
  expect(run).toMatchObject({ ...error, message: expect.stringContaining('score') })
  expect(JSON.stringify(run)).not.toContain('high')
  expect(await rejection(eventsOf(axon.agent('critic').stream({ prompt: bad })))).toMatchObject(error)
  const settled = told.filter(({ type }) => type === 'run.settled')
  expect(settled).toMatchObject([
    { status: 'failed', error },
    { status: 'failed', error },
  ])
  expect(told.some(({ type }) => type === 'run.requeued')).toBe(false)
  expect((await axon.agent('free').run({ prompt: bad })).result).toEqual({ score: 'high' })
})

test('another output is heeded by the next run, by the same process', async () => {
  const axon = await start()
  const before = axon.agent('critic').snapshot()?.pid
  const free = agent('gives')
  await axon.apply({ agents: { critic: agent('gives', { output: z.object({ score: z.string() }) }), free } })
  expect((await axon.agent('critic').run({ prompt: bad })).result).toEqual({ score: 'high' })
  expect(axon.agent('critic').snapshot()?.pid).toBe(before)
})

test('what a transform throws is told as what does not fit', async () => {
  const output = z.string().transform((): string => {
    throw new Error('no such order')
  })
  const axon = await newAxon({ agents: { critic: agent('gives', { output }) } }).start()
  expect(await rejection(axon.agent('critic').run({ prompt: '"a"' }))).toMatchObject({
    code: 'RUN_OUTPUT_INVALID',
    message: expect.stringContaining('no such order'),
  })
})
