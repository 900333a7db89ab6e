import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'
import type { AxonError, AxonEvent, JournaledRun } from '../../src/index.ts'
import { demand, onSmallDisk, smallDisks } from '../faults/needs.ts'
import { agent, cacheDir, fixtures, newAxon, next, record, rejection, scratch } from './axon.ts'
import { open } from './gate.ts'
import { JournaledNode } from './journals.ts'

const settledIn = (events: readonly AxonEvent[]) =>
  events.flatMap((event) => (event.type === 'run.settled' ? [event] : []))

test('after SIGKILL of Node what waited is run, what was sent is told as interrupted, what had ended can be looked up', async () => {
  const [stateDir, directory] = [scratch(), scratch()]
  const path = join(directory, 'runs.db')
  const [held, free] = [join(directory, 'held'), join(directory, 'free')]
  const victim = new JournaledNode(stateDir, path)
  await victim.until('ready')
  await open(free)
  victim.run('gate', 'ended', free)
  await victim.until('answered', 'ended')
  victim.run('gate', 'sent', held)
  await victim.until('started', 'sent')
  victim.run('gate', 'waited', free)
  await victim.until('waiting', 'waited')
  await victim.kill()
  // Nothing of node:sqlite being experimental.
  expect(victim.complaints).toBe('')

  const axon = newAxon({ journal: { path }, agents: { gate: agent('gate') } })
  const events = record(axon)
  const resumed = new Promise((resolve) => axon.on('run.settled', ({ run }) => run === 'waited' && resolve(run)))
  await axon.start()
  await resumed
  expect(events.filter(({ type }) => type.startsWith('journal.'))).toEqual([
    { type: 'journal.recovered', resumed: 1, interrupted: 1 },
  ])
  expect(settledIn(events)).toMatchObject([
    { run: 'sent', status: 'interrupted', started: undefined, error: { code: 'RUN_INTERRUPTED' } },
    { run: 'waited', status: 'succeeded', started: true },
  ])
  const known = Object.fromEntries((await axon.runs.list()).map((run) => [run.run, run]))
  expect(Object.keys(known).sort()).toEqual(['ended', 'sent', 'waited'])
  const response = { result: { pid: expect.any(Number) }, messages: [], usage: { total_tokens: 0 } }
  expect(known).toMatchObject({
    ended: { agent: 'gate', status: 'succeeded', started: true, attempt: 1, response },
    sent: { agent: 'gate', status: 'interrupted', started: undefined, attempt: 1, error: { code: 'RUN_INTERRUPTED' } },
    waited: { agent: 'gate', status: 'succeeded', started: true, attempt: 1, response },
  })
  for (const { createdAt, finishedAt = 0 } of Object.values(known)) expect(finishedAt).toBeGreaterThanOrEqual(createdAt)
  expect(await axon.runs.get('ended')).toEqual(known.ended)
  expect(await axon.runs.list({ status: 'interrupted', limit: 1 })).toEqual([known.sent])
  expect(await axon.runs.get('nobody')).toBeUndefined()
})

test('after SIGKILL of Node a child that waited is not run without its parent: both are told as interrupted', async () => {
  const [stateDir, directory] = [scratch(), scratch()]
  const path = join(directory, 'runs.db')
  const [held, free] = [join(directory, 'held'), join(directory, 'free')]
  const victim = new JournaledNode(stateDir, path)
  await victim.until('ready')
  await open(free)
  victim.run('gate', 'holds', held)
  await victim.until('started', 'holds')
  victim.run('lead', 'parent', JSON.stringify({ call: 'child', with: { run: 'child', prompt: free } }))
  await victim.until('waiting', 'child')
  await victim.kill()

  const axon = newAxon({ journal: { path }, agents: { gate: agent('gate'), lead: agent('tooled') } })
  const events = record(axon)
  const recovered = next(axon, 'journal.recovered')
  await axon.start()
  expect(await recovered).toMatchObject({ resumed: 0, interrupted: 3 })
  expect(events.filter(({ type }) => type === 'run.started' || type === 'run.accepted')).toEqual([])
  expect(await axon.runs.get('parent')).toMatchObject({ status: 'interrupted', started: undefined })
  const error = { code: 'RUN_INTERRUPTED', message: expect.stringContaining('the run parent') }
  expect(await axon.runs.get('child')).toMatchObject({ status: 'interrupted', started: false, error })
})

test('Node killed in the middle of runs, again and again: nothing runs twice, what ran is known, what was answered is kept', {
  timeout: 120_000,
}, async () => {
  const [stateDir, directory] = [scratch(), scratch()]
  const [path, records] = [join(directory, 'runs.db'), join(directory, 'records')]
  const answered = new Set<string>()
  for (let round = 0; round < 6; round += 1) {
    const victim = new JournaledNode(stateDir, path, records)
    await victim.until('ready')
    for (let at = 0; at < 40; at += 1) victim.run('records', `${round}-${at}`, `${round}-${at}`)
    // Each round another moment.
    await victim.until('answered', round * 4)
    await victim.kill()
    for (const run of victim.said.answered) answered.add(run)
  }
  const axon = newAxon({
    journal: { path },
    agents: { records: agent('records', { env: { RECORDS: records }, concurrency: 4 }) },
  })
  await axon.start()
  const journaled = new Map<string, JournaledRun>()
  const settled = new Set<string>()
  const unfinished = async () => [
    ...(await axon.runs.list({ status: 'queued' })),
    ...(await axon.runs.list({ status: 'sent' })),
  ]
  await new Promise<void>((resolve) => {
    const look = () => void unfinished().then((runs) => runs.length === 0 && resolve())
    axon.on('run.settled', look)
    look()
  })
  for (const run of await axon.runs.list({ limit: 1_000 })) {
    journaled.set(run.run, run)
    settled.add(run.status)
  }
  const executed = readFileSync(records, 'utf8').split('\n').filter(Boolean)
  expect(executed).toHaveLength(new Set(executed).size)
  expect(executed.filter((run) => !journaled.has(run))).toEqual([])
  expect([...answered].filter((run) => journaled.get(run)?.status !== 'succeeded')).toEqual([])
  const succeeded = [...journaled.values()].filter(({ status }) => status === 'succeeded')
  expect(succeeded.filter(({ run }) => !executed.includes(run))).toEqual([])
  // Neither all nor none, and more than were answered: the rest waited, and was run by the next.
  expect([...settled].sort()).toEqual(['interrupted', 'succeeded'])
  expect(succeeded.length).toBeGreaterThan(answered.size)
})

test('what destroy() ends is answered and recorded as cancelled: the next system has nothing to recover', async () => {
  const directory = scratch()
  const path = join(directory, 'runs.db')
  const agents = { gate: agent('gate', { concurrency: 1 }) }
  const first = await newAxon({ journal: { path }, agents }).start()
  const started = next(first, 'run.started')
  const ended = ['one', 'two'].map((run) =>
    rejection(first.agent('gate').run({ prompt: join(directory, run) }, { run })),
  )
  await started
  await first.destroy()
  for (const error of await Promise.all(ended)) expect(error).toMatchObject({ code: 'RUN_CANCELLED' })
  const second = newAxon({ journal: { path }, agents })
  const events = record(second)
  await second.start()
  expect(events.filter(({ type }) => type.startsWith('journal.') || type.startsWith('run.'))).toEqual([])
  expect((await second.runs.list()).map(({ run, status }) => [run, status])).toEqual([
    ['two', 'cancelled'],
    ['one', 'cancelled'],
  ])
})

test('the answer to an idempotency key outlives its system, and another request with that key is refused', async () => {
  const path = join(scratch(), 'runs.db')
  const agents = { gate: agent('gate') }
  const free = join(scratch(), 'free')
  await open(free)
  const first = await newAxon({ journal: { path }, agents }).start()
  const answer = await first.agent('gate').run({ prompt: free }, { idempotencyKey: 'order-1' })
  await first.close()
  const second = await newAxon({ journal: { path }, agents }).start()
  // It says in which process it ran.
  expect(await second.agent('gate').run({ prompt: free }, { idempotencyKey: 'order-1' })).toEqual(answer)
  expect(await rejection(second.agent('gate').run({ prompt: 'other' }, { idempotencyKey: 'order-1' }))).toMatchObject({
    code: 'RUN_KEY_REUSED',
  })
  expect(await second.runs.list()).toHaveLength(1)
})

test('the events of a resumable run are read again after SIGKILL of Node, up to where it was interrupted', async () => {
  const path = join(scratch(), 'runs.db')
  const victim = new JournaledNode(scratch(), path)
  await victim.until('ready')
  victim.stream('words', 'cut', '5 hang')
  victim.stream('words', 'whole', '5')
  await victim.until('read', 'cut 6')
  await victim.until('read', 'whole 7')
  await victim.kill()

  const axon = await newAxon({ journal: { path }, agents: { words: agent('words') } }).start()
  const read = async (run: string, after: number) => {
    const seen: string[] = []
    try {
      for await (const { id, event } of axon.agent('words').resume(run, { after })) seen.push(`${id} ${event}`)
    } catch (error) {
      seen.push((error as AxonError).code)
    }
    return seen
  }
  const deltas = [2, 3, 4, 5, 6].map((id) => `${id} text.delta`)
  expect(await read('whole', 0)).toEqual(['1 run.started', ...deltas, '7 run.result'])
  expect(await read('whole', 5)).toEqual(['6 text.delta', '7 run.result'])
  expect(await axon.agent('words').resume('whole').text()).toBe('word word word word word ')
  expect(await read('cut', 0)).toEqual(['1 run.started', ...deltas, 'RUN_INTERRUPTED'])
  expect(await read('nobody', 0)).toEqual(['RUN_UNKNOWN'])
})

test('a second system on a journal does not start, says who has it, and leaves nothing', async () => {
  const path = join(scratch(), 'runs.db')
  const victim = new JournaledNode(scratch(), path)
  await victim.until('ready')
  const second = newAxon({ journal: { path }, agents: { gate: agent('gate') } })
  expect(await rejection(second.start())).toMatchObject({
    code: 'JOURNAL_IN_USE',
    retryable: false,
    message: expect.stringContaining(`in process ${victim.node.pid}`),
    context: { pid: victim.node.pid },
  })
  // A dead owner keeps nobody out.
  await victim.kill()
  const third = await newAxon({ journal: { path }, agents: { gate: agent('gate') } }).start()
  expect(await third.runs.list()).toEqual([])
})

test('two systems in one Node do not share a journal either, and the loser does not unlock it for others', async () => {
  const path = join(scratch(), 'runs.db')
  const first = await newAxon({ journal: { path }, agents: { echo: agent('echo') } }).start()
  const second = newAxon({ journal: { path } })
  expect(await rejection(second.start())).toMatchObject({ code: 'JOURNAL_IN_USE', context: { pid: process.pid } })
  const stranger = `
    const { DatabaseSync } = require('node:sqlite')
    try { new DatabaseSync(${JSON.stringify(path)}).exec('BEGIN IMMEDIATE') } catch (error) { process.stdout.write(error.message) }
  `
  const { stdout } = await promisify(execFile)(process.execPath, ['--no-warnings', '-e', stranger])
  expect(stdout).toBe('database is locked')
  await first.agent('echo').run({ prompt: 'hi' }, { run: 'a' })
  expect(await first.runs.get('a')).toMatchObject({ status: 'succeeded' })
})

test('on a full disk a required journal refuses runs before they are sent, best effort runs them; with room all is well', async (context) => {
  demand(context, smallDisks)
  const disk = scratch()
  const program = [process.execPath, join(fixtures, 'journal-full.ts'), disk, cacheDir]
  const stdout = await onSmallDisk(context, disk, '1m', program)
  // Small entries may still find a place on a disk that is full for larger ones: then there is more than one failure.
  const told = expect.toSatisfy((events: string[]) => /^(journal\.failed journal\.restored ?)+$/.test(events.join(' ')))
  expect(JSON.parse(stdout)).toEqual({
    required: {
      before: 'ok',
      full: { code: 'JOURNAL_UNAVAILABLE', started: false, retryable: true },
      executed: 2,
      after: 'ok',
      told,
      statuses: ['succeeded', 'succeeded'],
    },
    best_effort: {
      before: 'ok',
      full: 'ok',
      executed: 3,
      after: 'ok',
      told,
      statuses: ['succeeded', 'succeeded'],
    },
  })
})

test('a system without a journal says so where one is asked for', async () => {
  const axon = await newAxon().start()
  expect(await rejection(axon.runs.get('a'))).toMatchObject({ code: 'CONFIG_INVALID' })
  expect(() => newAxon({ journal: { path: '' } })).toThrow(/path/)
  expect(() => newAxon({ journal: { path: 'x', mod: 'required' } as never })).toThrow(/there is no option mod/)
})
