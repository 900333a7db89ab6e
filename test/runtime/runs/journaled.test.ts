import { expect, test } from 'vitest'
import { AxonError } from '../../../src/errors.ts'
import { ConnectionLost } from '../../../src/runtime/http/transport.ts'
import { type Batch, newBatch, type PendingBatch } from '../../../src/runtime/journal/batch.ts'
import type { UnfinishedRun } from '../../../src/runtime/journal/messages.ts'
import { JournalRecord, type NewRecord } from '../../../src/runtime/journal/record.ts'
import { RunRig, response, settle } from './rig.ts'

const unavailable = new AxonError('JOURNAL_UNAVAILABLE', 'The disk is full.')

/** A journal whose batches are written, or fail, when a test says so. */
class HeldJournal {
  readonly begun: NewRecord[] = []
  readonly questions = { keyed: async () => [], get: async () => [], events: async () => [] }
  readonly isRequired: boolean
  #batch: PendingBatch = newBatch()

  constructor(mode: 'required' | 'best_effort' = 'required') {
    this.isRequired = mode === 'required'
  }

  begin(run: NewRecord): JournalRecord {
    this.begun.push(run)
    const key = this.begun.length
    const values = [key, run.run, run.agent, run.mode, null, 0, 'queued', 1, 0, null, null, run.body, null] as const
    return new JournalRecord({ key, run: run.run, agent: run.agent, isNamed: false }, this.#around, [
      'begin',
      ...values,
    ])
  }

  adopt(key: number, run: string): JournalRecord {
    return new JournalRecord({ key, run, agent: 'writer', isNamed: false }, this.#around, 'queued')
  }

  /** What is to be written next, in short. */
  get waiting(): unknown[][] {
    return this.#batch.writes.map((write) =>
      write[0] === 'begin' ? [write[0], write[2], write[7]] : write.slice(0, 3),
    )
  }

  async write(error?: AxonError): Promise<void> {
    const batch = this.#batch
    this.#batch = newBatch()
    if (error) for (const record of batch.records.values()) record.lose(error)
    batch.resolve(error)
    await settle()
  }

  get #around() {
    return { next: (): Batch => this.#batch, isRequired: this.isRequired }
  }
}

function rigWith(journal: HeldJournal, changes = {}) {
  const rig = new RunRig(changes, journal)
  return { rig, process: rig.ready() }
}

const outcomeOf = (result: Promise<unknown>) =>
  result.then(
    (value) => ({ value }),
    (error) => ({ error }),
  )

test('no byte of a run is sent before it is recorded, and it is answered when its answer is', async () => {
  const journal = new HeldJournal()
  const { rig } = rigWith(journal)
  let answered: unknown
  const result = rig.run('a').then((value) => {
    answered = value
  })
  await settle()
  expect(rig.sent).toEqual([])
  expect(journal.waiting).toEqual([['begin', 'a', 'sent']])
  await journal.write()
  expect(rig.sent).toEqual(['a'])
  rig.call().succeed()
  await settle()
  expect(answered).toBeUndefined()
  expect(rig.told('run.settled')).toEqual([])
  expect(journal.waiting).toEqual([['settle', 1, 'succeeded']])
  // Its place is free all the same.
  expect(rig.load).toEqual({ inFlight: 0, queued: 0 })
  await journal.write()
  await result
  expect(answered).toBe(response)
  expect(rig.told('run.settled')).toMatchObject([{ run: 'a', status: 'succeeded', started: true }])
})

test('a run that waits for a place is recorded as waiting, and once more before it is sent', async () => {
  const journal = new HeldJournal()
  const { rig } = rigWith(journal, { concurrency: 1 })
  void rig.run('a')
  void rig.run('b')
  expect(journal.waiting).toEqual([
    ['begin', 'a', 'sent'],
    ['begin', 'b', 'queued'],
  ])
  await journal.write()
  rig.call().succeed()
  await settle()
  expect(journal.waiting).toEqual([
    ['settle', 1, 'succeeded'],
    ['mark', 2, 'sent'],
  ])
  expect(rig.sent).toEqual(['a'])
  await journal.write()
  expect(rig.sent).toEqual(['a', 'b'])
})

test('a run that was proved not to have started waits again in the journal, too', async () => {
  const journal = new HeldJournal()
  const { rig, process } = rigWith(journal)
  void rig.run('a')
  await journal.write()
  process.exit()
  process.bury()
  rig.hear('agent.provisioning')
  rig.call().fail(new ConnectionLost('reset', { isWritten: true }))
  await settle()
  expect(journal.waiting).toEqual([['mark', 1, 'queued']])
  rig.ready(2)
  await settle()
  expect(journal.waiting).toEqual([
    ['mark', 1, 'queued'],
    ['mark', 1, 'sent'],
  ])
})

test('the last event of a stream is held back until the journal has it', async () => {
  const journal = new HeldJournal()
  const { rig } = rigWith(journal)
  const events: string[] = []
  const stream = rig.dispatcher.stream('writer', { prompt: 'hi' }, { run: 'a' })
  const read = (async () => {
    for await (const { event } of stream) events.push(event)
  })()
  rig.streams.set(
    'a',
    (async function* () {
      yield { id: 1, event: 'run.started', data: { run_id: 'a' } } as const
      yield { id: 2, event: 'text.delta', data: { text: 'Hello' } } as const
    })(),
  )
  await journal.write()
  rig.call().succeed()
  await settle()
  expect(events).toEqual(['run.started', 'text.delta'])
  await journal.write()
  await read
  expect(events).toEqual(['run.started', 'text.delta', 'run.result'])
})

test('a journal that is required and fails refuses runs before they are sent, those that wait too', async () => {
  const journal = new HeldJournal()
  const { rig } = rigWith(journal, { concurrency: 1 })
  const outcomes = ['a', 'b'].map((run) => outcomeOf(rig.run(run)))
  await journal.write(unavailable)
  expect(rig.sent).toEqual([])
  for (const outcome of outcomes)
    expect(await outcome).toMatchObject({ error: { code: 'JOURNAL_UNAVAILABLE', started: false, cause: unavailable } })
  expect(rig.load).toEqual({ inFlight: 0, queued: 0 })
  expect(journal.waiting).toEqual([])
})

test('a run that executed is answered with what it gave, also where that cannot be recorded', async () => {
  const journal = new HeldJournal()
  const { rig } = rigWith(journal)
  const result = rig.run('a')
  await journal.write()
  rig.call().succeed()
  await settle()
  await journal.write(unavailable)
  expect(await result).toBe(response)
})

test('under best effort a run goes on unrecorded', async () => {
  const journal = new HeldJournal('best_effort')
  const { rig } = rigWith(journal)
  const result = rig.run('a')
  await journal.write(unavailable)
  expect(rig.sent).toEqual(['a'])
  rig.call().succeed()
  expect(await result).toBe(response)
  expect(journal.waiting).toEqual([])
})

test('what the journal has as waiting is never sent without its mark: another system would run it again', async () => {
  const journal = new HeldJournal('best_effort')
  const { rig } = rigWith(journal, { concurrency: 1 })
  void rig.run('a')
  const waiting = outcomeOf(rig.run('b'))
  await journal.write()
  rig.call().succeed()
  await settle()
  await journal.write(unavailable)
  await settle()
  expect(rig.sent).toEqual(['a'])
  await journal.write()
  expect(await waiting).toMatchObject({ error: { code: 'JOURNAL_UNAVAILABLE', started: false } })
})

test('a run that is cancelled while it is being recorded is not sent, and its end is recorded', async () => {
  const journal = new HeldJournal()
  const { rig } = rigWith(journal)
  const controller = new AbortController()
  const outcome = outcomeOf(rig.run('a', { signal: controller.signal }))
  controller.abort()
  expect(journal.waiting).toEqual([
    ['begin', 'a', 'sent'],
    ['settle', 1, 'cancelled'],
  ])
  await journal.write()
  expect(await outcome).toMatchObject({ error: { code: 'RUN_CANCELLED', started: false } })
  expect(rig.sent).toEqual([])
})

test('a run for which there is no room is rejected at once, and not recorded', async () => {
  const journal = new HeldJournal()
  const { rig } = rigWith(journal, { concurrency: 1, queue: 0 })
  void rig.run('a')
  await expect(rig.run('b')).rejects.toMatchObject({ code: 'RUN_REJECTED' })
  expect(journal.waiting).toEqual([['begin', 'a', 'sent']])
})

test('what an earlier system had admitted is not turned away for want of room, and goes on counting its attempts', async () => {
  const journal = new HeldJournal()
  const { rig } = rigWith(journal, { concurrency: 1, queue: 0 })
  const about = {
    agent: 'writer',
    isIdempotent: true,
    createdAt: 0,
    runMs: undefined,
    affinity: undefined,
    parent: undefined,
  }
  const found: UnfinishedRun[] = [
    { key: -1, run: 'a', status: 'sent', attempt: 1, body: '{"prompt":"one"}', ...about },
    { key: 0, run: 'b', status: 'queued', attempt: 1, body: '{"prompt":"two"}', ...about },
  ]
  for (const run of found) rig.dispatcher.recover(run, journal.adopt(run.key, run.run))
  expect(rig.load).toEqual({ inFlight: 1, queued: 1 })
  await journal.write()
  rig.call().succeed()
  await settle()
  await journal.write()
  rig.call().succeed()
  await settle()
  await journal.write()
  expect(rig.calls.map(({ call }) => [call.run, call.attempt, call.body])).toEqual([
    ['a', 2, '{"prompt":"one"}'],
    ['b', 1, '{"prompt":"two"}'],
  ])
  expect(rig.told('run.settled').map(({ run, status }) => [run, status])).toEqual([
    ['a', 'succeeded'],
    ['b', 'succeeded'],
  ])
})

test('an idempotent run that began stays marked as sent while it waits for its next attempt', async () => {
  const journal = new HeldJournal()
  const { rig, process } = rigWith(journal, { idempotent: true })
  const run = rig.run('a')
  await journal.write()
  process.receipt('a')
  rig.call().fail(new ConnectionLost('socket hang up', { isWritten: true }))
  await settle()
  process.revoked('a', true)
  await settle()
  expect(rig.told('run.requeued')).toMatchObject([{ attempt: 2, started: true }])
  expect(journal.waiting).toEqual([])
  rig.clock.advance(2_000)
  await settle()
  expect(journal.waiting).toEqual([['mark', 1, 'sent']])
  await journal.write()
  rig.call().succeed()
  await settle()
  await journal.write()
  expect(await run).toBe(response)
})

test('a run that an earlier system had sent never says that its code did not begin', async () => {
  const journal = new HeldJournal()
  const { rig } = rigWith(journal, { idempotent: true })
  const found = {
    key: 7,
    run: 'a',
    agent: 'writer',
    isIdempotent: true,
    status: 'sent',
    attempt: 1,
    createdAt: 0,
  } as const
  rig.dispatcher.recover(
    { ...found, runMs: undefined, affinity: undefined, body: '{}' } as UnfinishedRun,
    journal.adopt(7, 'a'),
  )
  await journal.write()
  expect(rig.call().call).toMatchObject({ run: 'a', attempt: 2 })
  rig.dispatcher.hear({ type: 'run.cancel', run: 'a' })
  await journal.write()
  const [settled] = rig.told('run.settled')
  expect(settled).toMatchObject({ status: 'cancelled', attempt: 2 })
  expect(settled).toHaveProperty('started', undefined)
})

test('one that it had sent, and that is refused before it is sent again, says so too', async () => {
  const journal = new HeldJournal()
  const rig = new RunRig({ idempotent: true }, journal)
  const found = {
    key: 7,
    run: 'a',
    agent: 'writer',
    isIdempotent: true,
    status: 'sent',
    attempt: 1,
    createdAt: 0,
  } as const
  rig.dispatcher.recover(
    { ...found, runMs: undefined, affinity: undefined, body: '{}' } as UnfinishedRun,
    journal.adopt(7, 'a'),
  )
  rig.dispatcher.hear({ type: 'run.cancel', run: 'a' })
  await journal.write()
  const [settled] = rig.told('run.settled')
  expect(settled).toHaveProperty('started', undefined)
})
