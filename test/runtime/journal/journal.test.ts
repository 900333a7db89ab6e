import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { systemClock } from '../../../src/runtime/clock.ts'
import { type JournalOptions, parseJournal } from '../../../src/runtime/config/journal.ts'
import { Journal } from '../../../src/runtime/journal/journal.ts'
import { encodeEntry, segmentPath } from '../../../src/runtime/journal/log-format.ts'
import type { UnfinishedRun } from '../../../src/runtime/journal/messages.ts'
import type { RuntimeFact } from '../../../src/runtime/telemetry/catalogue.ts'
import { scratch } from '../scratch.ts'

const response = { result: 'done', messages: [], usage: { total_tokens: 7 } }

function open(path: string, options: Partial<JournalOptions> = {}) {
  const told: RuntimeFact[] = []
  const found: UnfinishedRun[] = []
  const journal = new Journal({
    settings: parseJournal({ path, ...options }),
    system: 'the-system',
    clock: systemClock,
    tell: (fact) => told.push(fact),
    recover: async (unfinished) => void found.push(...unfinished),
  })
  onTestFinished(() => journal.close())
  return { journal, told, found, types: () => told.map(({ type }) => type) }
}

function begin(journal: Journal, run: string, isNamed = true, body = '{"prompt":"hi"}') {
  const about = { agent: 'writer', mode: 'sync', body, isIdempotent: false, isNamed } as const
  return journal.begin({
    run,
    ...about,
    runMs: undefined,
    affinity: undefined,
    idempotencyKey: undefined,
    parent: undefined,
  })
}

const succeeded = { status: 'succeeded', started: true, attempt: 1, response } as const
const failed = { status: 'failed', started: false, attempt: 1 } as const

test('a run is in the file before it may be sent, and its answer before it may be given', async () => {
  const path = join(scratch(), 'deep/er/runs.db')
  const { journal, types } = open(path)
  const record = begin(journal, 'a')
  expect(await record.sending(1)).toBeUndefined()
  expect(await journal.questions.get('a')).toMatchObject([{ status: 'sent' }])
  await record.settled(succeeded)
  expect(await journal.questions.get('a')).toMatchObject([{ status: 'succeeded', response: JSON.stringify(response) }])
  expect(statSync(path).mode & 0o777).toBe(0o600)
  expect(types()).toEqual([])
  await journal.close()
  expect(readdirSync(join(path, '..'))).toEqual(['runs.db'])
})

test('a run that waits is marked before it is sent; one that comes back waits again', async () => {
  const { journal } = open(join(scratch(), 'runs.db'))
  const record = begin(journal, 'a')
  const is = (row: object) =>
    vi.waitFor(async () => expect(await journal.questions.get('a')).toMatchObject([row]), { timeout: 10_000 })
  await is({ status: 'queued' })
  await record.sending(1)
  expect(await journal.questions.get('a')).toMatchObject([{ status: 'sent', attempt: 1 }])
  record.requeued(2)
  await is({ status: 'queued', attempt: 2 })
  await record.sending(2)
  expect(await journal.questions.get('a')).toMatchObject([{ status: 'sent', attempt: 2 }])
})

test('a run that is refused at once leaves no trace', async () => {
  const { journal } = open(join(scratch(), 'runs.db'))
  expect(begin(journal, 'a').settled(failed)).toBeUndefined()
  await begin(journal, 'b').sending(1)
  expect(await journal.questions.get('a')).toEqual([])
})

test('an id that the journal has is refused, whoever had it, and the others in the batch are not', async () => {
  const { journal } = open(join(scratch(), 'runs.db'))
  await begin(journal, 'a').sending(1)
  const again = begin(journal, 'a')
  const refused = new Promise((resolve) => {
    again.onRefused = resolve
  })
  const sending = again.sending(1)
  expect(await begin(journal, 'b').sending(1)).toBeUndefined()
  expect(await refused).toMatchObject({ code: 'RUN_REQUEST_INVALID', message: expect.stringContaining('"a"') })
  expect(again.settled(failed)).toBeUndefined()
  await sending
  expect(await journal.questions.get('a')).toMatchObject([{ status: 'sent' }])
})

test('what had not settled is found by the next system, which settles it', async () => {
  const path = join(scratch(), 'runs.db')
  const first = open(path)
  await begin(first.journal, 'a').sending(1)
  await first.journal.close()
  const second = open(path)
  await second.journal.opened
  expect(second.found).toMatchObject([{ run: 'a', status: 'sent' }])
  await second.journal.adopt(second.found[0] as UnfinishedRun).settled({ ...failed, status: 'interrupted' })
  expect(await second.journal.questions.get('a')).toMatchObject([{ status: 'interrupted' }])
})

test('a journal is for one living system: a second is told whose it is, and may have it afterwards', async () => {
  const path = join(scratch(), 'runs.db')
  const first = open(path)
  await first.journal.opened
  const second = open(path, { mode: 'best_effort' })
  await expect(second.journal.opened).rejects.toMatchObject({
    code: 'JOURNAL_IN_USE',
    message: expect.stringContaining(`the-system in process ${process.pid}`),
    context: { path, pid: process.pid },
  })
  const refused = new Promise((resolve) => {
    begin(second.journal, 'a').onRefused = resolve
  })
  expect(await refused).toMatchObject({ code: 'JOURNAL_IN_USE' })
  await second.journal.close()
  // What was tried in between has not taken the lock from the first.
  await begin(first.journal, 'b').sending(1)
  await first.journal.close()
  const third = open(path)
  await third.journal.opened
  expect(await third.journal.questions.get('b')).toHaveLength(1)
})

test('a damaged journal that is required refuses runs and is left as it is', async () => {
  const path = join(scratch(), 'runs.db')
  const garbage = 'no database '.repeat(1_000)
  writeFileSync(path, garbage)
  const { journal, types } = open(path)
  await journal.opened
  const record = begin(journal, 'a')
  const refused = new Promise((resolve) => {
    record.onRefused = resolve
  })
  const sending = record.sending(1)
  expect(await refused).toMatchObject({ code: 'JOURNAL_UNAVAILABLE', run: 'a', started: false, retryable: true })
  expect(await sending).toMatchObject({ code: 'JOURNAL_UNAVAILABLE' })
  expect(record.settled(failed)).toBeUndefined()
  await expect(journal.questions.get('a')).rejects.toMatchObject({ code: 'JOURNAL_UNAVAILABLE' })
  expect(types()).toEqual(['journal.failed'])
  expect(readFileSync(path, 'utf8')).toBe(garbage)
})

test('a damaged journal under best effort is moved aside, and another is begun', async () => {
  const directory = scratch()
  const path = join(directory, 'runs.db')
  writeFileSync(path, 'no database '.repeat(1_000))
  const { journal, told } = open(path, { mode: 'best_effort' })
  await journal.opened
  expect(told).toMatchObject([{ type: 'journal.failed', error: { code: 'JOURNAL_UNAVAILABLE' } }])
  const [fact] = told as [Extract<RuntimeFact, { type: 'journal.failed' }>]
  expect(readFileSync(fact.error.context.movedTo as string, 'utf8')).toMatch(/^no database/)
  await begin(journal, 'a').sending(1)
  expect(await journal.questions.get('a')).toHaveLength(1)
})

test('while it cannot be opened, runs are refused or go unrecorded as its mode says; afterwards they are recorded', async () => {
  const path = join(scratch(), 'directory/runs.db')
  writeFileSync(join(path, '..'), 'a file where the directory is to be')
  const required = open(path)
  const lenient = open(path, { mode: 'best_effort' })
  await Promise.all([required.journal.opened, lenient.journal.opened])
  expect(await begin(required.journal, 'a').sending(1)).toMatchObject({ code: 'JOURNAL_UNAVAILABLE' })
  const unrecorded = begin(lenient.journal, 'b')
  expect(await unrecorded.sending(1)).toBeUndefined()
  expect(unrecorded.settled(succeeded)).toBeUndefined()
  await lenient.journal.close()
  rmSync(join(path, '..'))
  mkdirSync(join(path, '..'))
  let tries = 0
  await vi.waitFor(
    async () => {
      tries += 1
      expect(await begin(required.journal, `try ${tries}`).sending(1)).toBeUndefined()
    },
    { timeout: 10_000, interval: 50 },
  )
  expect(required.types()).toEqual(['journal.failed', 'journal.restored'])
  expect(await required.journal.questions.list({ agent: undefined, status: undefined, limit: 10 })).toHaveLength(1)
})

test('close() writes what there is, and can be called twice', async () => {
  const path = join(scratch(), 'runs.db')
  const { journal } = open(path)
  const records = ['a', 'b'].map((run) => begin(journal, run))
  await Promise.all(records.map((record) => record.sending(1)))
  const settling = records.map((record) => record.settled(succeeded))
  await Promise.all([journal.close(), journal.close()])
  expect(await Promise.all(settling)).toEqual([undefined, undefined])
  const next = open(path)
  await next.journal.opened
  expect(next.found).toEqual([])
})

test('what has ended longer ago than keepMs goes', async () => {
  const { journal } = open(join(scratch(), 'runs.db'), { keepMs: 1 })
  const [ended, waiting] = [begin(journal, 'ended'), begin(journal, 'open')]
  await Promise.all([ended.sending(1), waiting.sending(1)])
  await ended.settled(succeeded)
  await vi.waitFor(async () => expect(await journal.questions.get('ended')).toEqual([]), {
    timeout: 10_000,
    interval: 20,
  })
  expect(await journal.questions.get('open')).toHaveLength(1)
})

test('what is in the log when its thread ends is found by the next system', async () => {
  const directory = scratch()
  const path = join(directory, 'runs.db')
  const first = open(path)
  const records = ['a', 'b'].map((run) => begin(first.journal, run, false))
  await Promise.all(records.map((record) => record.sending(1)))
  await records[0]?.settled(succeeded)
  // Before its thread has followed the log.
  const copy = join(scratch(), 'runs.db')
  for (const name of readdirSync(directory).filter((name) => !name.endsWith('-owner')))
    copyFileSync(join(directory, name), join(copy, '..', name))
  const second = open(copy)
  await second.journal.opened
  expect(second.found).toMatchObject([{ run: 'b', status: 'sent', body: '{"prompt":"hi"}' }])
  expect(await second.journal.questions.get('a')).toMatchObject([
    { status: 'succeeded', response: JSON.stringify(response) },
  ])
})

test.each([
  ['required', 'is left as it is'],
  ['best_effort', 'is moved aside with all that belongs to it'],
] as const)('a damaged log under %s %s', async (mode, _) => {
  const directory = scratch()
  const path = join(directory, 'runs.db')
  const log = `${encodeEntry({ base: 0 })}no entry\n${encodeEntry([['mark', 1, 'sent', 1]])}`
  writeFileSync(segmentPath(path, 1), log)
  const { journal, told } = open(path, { mode })
  await journal.opened
  expect(told).toMatchObject([
    { type: 'journal.failed', error: { message: expect.stringContaining(segmentPath(path, 1)) } },
  ])
  const sending = await begin(journal, 'a').sending(1)
  if (mode === 'required') {
    expect(sending).toMatchObject({ code: 'JOURNAL_UNAVAILABLE' })
    expect(readFileSync(segmentPath(path, 1), 'utf8')).toBe(log)
  } else {
    expect(sending).toBeUndefined()
    expect(await journal.questions.get('a')).toHaveLength(1)
    const moved = readdirSync(directory).find((name) => /corrupt.*-log-1$/.test(name))
    expect(readFileSync(join(directory, moved ?? ''), 'utf8')).toBe(log)
  }
})

test('what comes while an id is looked for in vain is answered too, and close() ends', async () => {
  const path = join(scratch(), 'runs.db')
  const { journal } = open(path)
  await begin(journal, 'a', false).sending(1)
  appendFileSync(segmentPath(path, 2), `no entry\n${encodeEntry([['mark', 1, 'sent', 1]])}`)
  const named = begin(journal, 'b').sending(1)
  await new Promise(setImmediate)
  const meanwhile = begin(journal, 'c', false).sending(1)
  expect(await named).toMatchObject({ code: 'JOURNAL_UNAVAILABLE' })
  await meanwhile
  await journal.close()
})

test('where the log cannot be appended to, runs are refused until it can be', async () => {
  const path = join(scratch(), 'runs.db')
  const { journal, types } = open(path)
  await journal.opened
  // Where the next segment is to be.
  mkdirSync(segmentPath(path, 2))
  const refused = begin(journal, 'a', false)
  expect(await refused.sending(1)).toMatchObject({ code: 'JOURNAL_UNAVAILABLE', started: false })
  rmdirSync(segmentPath(path, 2))
  expect(await begin(journal, 'b', false).sending(1)).toBeUndefined()
  expect(types()).toEqual(['journal.failed', 'journal.restored'])
  expect(await journal.questions.get('a')).toEqual([])
  expect(await journal.questions.get('b')).toMatchObject([{ status: 'sent' }])
})
