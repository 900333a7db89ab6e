import { expect, test } from 'vitest'
import { AxonError } from '../../../src/errors.ts'
import { newBatch } from '../../../src/runtime/journal/batch.ts'
import type { RecordRow } from '../../../src/runtime/journal/messages.ts'
import { beginWrite, JournalRecord, type NewRecord } from '../../../src/runtime/journal/record.ts'
import { RunRig, response, settle } from './rig.ts'

/** A journal that has what a test gives it, and loses what runs give it. */
class KnowingJournal {
  readonly asked: string[] = []
  readonly isRequired: boolean
  readonly questions = {
    keyed: async (agent: string, key: string): Promise<RecordRow[]> => {
      this.asked.push(`${agent} ${key}`)
      if (this.error) throw this.error
      return this.rows.splice(0, 1)
    },
    get: async () => [],
    events: async () => [],
  }
  error: AxonError | undefined
  /** One for each question. */
  rows: RecordRow[] = []

  constructor(isRequired = true) {
    this.isRequired = isRequired
  }

  begin(run: NewRecord): JournalRecord {
    const next = () => {
      const batch = newBatch()
      batch.resolve(undefined)
      return batch
    }
    const about = { key: 1, run: run.run, agent: run.agent, isNamed: false }
    return new JournalRecord(about, { next, isRequired: true }, beginWrite(1, run))
  }
}

function row(changes: Partial<RecordRow> = {}): RecordRow {
  return {
    run: 'old',
    agent: 'writer',
    mode: 'sync',
    status: 'succeeded',
    started: 1,
    attempt: 1,
    createdAt: Date.now() - 2_000,
    finishedAt: Date.now() - 1_000,
    response: JSON.stringify(response),
    error: null,
    body: '{"prompt":"hi"}',
    ...changes,
  }
}

function newRig(rows: RecordRow[], isRequired = true) {
  const journal = new KnowingJournal(isRequired)
  journal.rows = rows
  const rig = new RunRig({ idempotency: { keepMs: 60_000, maxKeys: 10 } }, journal)
  rig.ready()
  return { journal, rig }
}

const raised = { status: 'failed', response: null } as const
const error = JSON.stringify({
  code: 'AGENT_RAISED',
  message: 'no',
  kind: 'ValueError',
  retryable: false,
  context: { a: 1 },
})

test('the answer that the journal has of a key is given again, and nothing is run', async () => {
  const { journal, rig } = newRig([row()])
  expect(await rig.ask('k')).toEqual(response)
  expect(journal.asked).toEqual(['writer k'])
  expect(rig.calls).toHaveLength(0)
})

test('so is the error of what began, whole', async () => {
  const { rig } = newRig([row({ ...raised, attempt: 2, error })])
  const again = await rig.ask('k').catch((error) => error)
  const about = { run: 'old', agent: 'writer', started: true, attempt: 2, kind: 'ValueError', context: { a: 1 } }
  expect(again).toMatchObject({ name: 'RunError', code: 'AGENT_RAISED', message: 'no', ...about })
  expect(rig.calls).toHaveLength(0)
})

test('another request with that key is refused', async () => {
  const { rig } = newRig([row()])
  await expect(rig.ask('k', 'ho')).rejects.toMatchObject({ code: 'RUN_KEY_REUSED', context: { run: 'old' } })
})

test.each([
  ['never began', row({ ...raised, error, started: 0 })],
  ['ended too long ago', row({ finishedAt: Date.now() - 60_000 })],
])('the key of a run that %s is free', async (_, old) => {
  const { rig } = newRig([old])
  const answer = rig.ask('k')
  await settle()
  rig.call().succeed()
  expect(await answer).toBe(response)
})

test('calls that look for a key at the same time are one run, and those after it are answered from memory', async () => {
  const { journal, rig } = newRig([])
  const asked = [rig.ask('k'), rig.ask('k'), rig.ask('k')]
  await settle()
  expect(rig.calls).toHaveLength(1)
  rig.call().succeed()
  expect(await Promise.all([...asked, rig.ask('k')])).toEqual([response, response, response, response])
  expect(journal.asked).toHaveLength(3)
})

test('a run of an earlier system that is under way is waited for', async () => {
  const { rig } = newRig([row({ run: 'a', status: 'sent', finishedAt: null, response: null })])
  const first = rig.dispatcher.run('writer', { prompt: 'hi' }, { run: 'a' }).result
  const joined = rig.ask('k')
  await settle()
  expect(rig.calls).toHaveLength(1)
  rig.call().succeed()
  expect(await joined).toBe(await first)
})

test('a run that has not ended and is not under way is looked for once more, then nobody knows', async () => {
  const lost = row({ status: 'sent', started: null, finishedAt: null, response: null })
  const { journal, rig } = newRig([lost, row()])
  expect(await rig.ask('k')).toEqual(response)
  journal.rows = [lost, lost]
  await expect(rig.ask('l')).rejects.toMatchObject({ code: 'RUN_OUTCOME_UNKNOWN', run: 'old', started: undefined })
  expect(rig.calls).toHaveLength(0)
})

test.each([
  ['required', 'is refused'],
  ['best_effort', 'is run'],
] as const)('while a journal that is %s cannot be read, a run with a key %s', async (mode, _) => {
  const { journal, rig } = newRig([], mode === 'required')
  journal.error = new AxonError('JOURNAL_UNAVAILABLE', 'The disk is gone.')
  const answer = rig.ask('k').catch((error) => error)
  await settle()
  expect(rig.calls).toHaveLength(mode === 'required' ? 0 : 1)
  if (mode === 'best_effort') rig.call().succeed()
  expect(await answer).toEqual(mode === 'required' ? journal.error : response)
})
