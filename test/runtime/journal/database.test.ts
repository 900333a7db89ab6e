import { closeSync, openSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { expect, onTestFinished, test } from 'vitest'
import { JournalDatabase } from '../../../src/runtime/journal/database.ts'
import { isCorrupt } from '../../../src/runtime/journal/faults.ts'
import type { BeginWrite, EventWrite, SettleWrite, Write } from '../../../src/runtime/journal/messages.ts'
import { scratch } from '../scratch.ts'

function open(path = join(scratch(), 'runs.db')): JournalDatabase {
  const database = new JournalDatabase(path)
  onTestFinished(() => {
    try {
      database.close()
    } catch {
      // The test has closed it.
    }
  })
  return database
}

interface Changes {
  agent?: string
  status?: 'queued' | 'sent'
  at?: number
  parent?: string
}

function begin(key: number, run: string, changes: Changes = {}) {
  const { agent = 'writer', status = 'sent', at = 1_000, parent = null } = changes
  return [
    'begin',
    key,
    run,
    agent,
    'sync',
    null,
    0,
    status,
    1,
    at,
    500,
    'key',
    '{"prompt":"hi"}',
    parent,
  ] satisfies BeginWrite
}

function settle(key: number, finishedAt = 2_000): SettleWrite {
  return ['settle', key, 'succeeded', 1, 1, finishedAt, '{"result":1}', null]
}

const runsOf = (database: JournalDatabase) =>
  database.list({ agent: undefined, status: undefined, limit: 100 }).map(({ run }) => run)

test('a run is found as it was written, and as it was settled', () => {
  const database = open()
  database.write([begin(1, 'a', { status: 'queued' })], 0)
  const found = { run: 'a', agent: 'writer', mode: 'sync', attempt: 1, createdAt: 1_000 }
  const unsettled = { finishedAt: null, response: null, error: null, started: null }
  expect(database.get('a')).toEqual([{ ...found, ...unsettled, status: 'queued' }])
  database.write([['mark', 1, 'sent', 2]], 0)
  expect(database.get('a')).toEqual([{ ...found, ...unsettled, status: 'sent', attempt: 2 }])
  database.write([settle(1)], 0)
  expect(database.get('a')).toEqual([
    { ...found, status: 'succeeded', started: 1, finishedAt: 2_000, response: '{"result":1}', error: null },
  ])
  expect(database.get('b')).toEqual([])
})

test('of writes that are given together, one that fails keeps all out of the file', () => {
  const database = open()
  const wrong = ['begin', 2, null] as unknown as Write
  expect(() => database.write([begin(1, 'a'), wrong], 0)).toThrow()
  expect(runsOf(database)).toEqual([])
  database.write([begin(1, 'a')], 0)
  expect(runsOf(database)).toEqual(['a'])
})

test('a run whose id is there already is not begun again, and the others are', () => {
  const database = open()
  database.write([begin(1, 'a')], 0)
  expect(database.taken(['b', 'a', 'c'])).toEqual(['a'])
  database.write([begin(2, 'b'), begin(3, 'a', { agent: 'thief' }), settle(3), begin(4, 'c')], 0)
  expect(runsOf(database)).toEqual(['c', 'b', 'a'])
  expect(database.get('a')).toMatchObject([{ agent: 'writer', status: 'sent' }])
})

test('writes come to the same whether they are given one by one, together, or once more', () => {
  const writes: Write[] = [
    begin(1, 'a', { status: 'queued' }),
    ['mark', 1, 'sent', 1],
    begin(2, 'b'),
    settle(2),
    ['mark', 1, 'queued', 2],
    ['mark', 1, 'sent', 2],
    begin(3, 'c', { status: 'queued' }),
    ['mark', 3, 'sent', 3],
    settle(1),
  ]
  const all = (database: JournalDatabase) => database.list({ agent: undefined, status: undefined, limit: 100 })
  const [oneByOne, together] = [open(), open()]
  for (const write of writes) oneByOne.write([write], 7)
  together.write(writes, 7)
  const once = all(together)
  expect(once).toMatchObject([{ attempt: 3 }, { status: 'succeeded' }, { status: 'succeeded' }])
  expect(all(oneByOne)).toEqual(once)
  for (const from of [0, 2, 5]) {
    together.write(writes.slice(from), 7)
    expect(all(together)).toEqual(once)
  }
})

test('the newest run of an agent and a key is found, with its request', () => {
  const database = open()
  const keyed = (key: number, run: string, agent: string): BeginWrite => {
    const write: BeginWrite = begin(key, run, { agent })
    write[5] = 'k'
    return write
  }
  database.write([keyed(1, 'a', 'writer'), keyed(2, 'b', 'writer'), keyed(3, 'c', 'reader'), begin(4, 'd')], 0)
  expect(database.keyed('writer', 'k')).toMatchObject([{ run: 'b', body: '{"prompt":"hi"}' }])
  expect(database.keyed('writer', 'l')).toEqual([])
})

test('lists are by agent and status, the newest first, and bounded', () => {
  const database = open()
  database.write([begin(1, 'a'), begin(2, 'b', { agent: 'reader' }), begin(3, 'c'), begin(4, 'd'), settle(3)], 0)
  const list = (filter: { agent?: string; status?: 'sent' | 'succeeded'; limit?: number }) =>
    database.list({ agent: filter.agent, status: filter.status, limit: filter.limit ?? 100 }).map(({ run }) => run)
  expect(list({})).toEqual(['d', 'c', 'b', 'a'])
  expect(list({ agent: 'writer' })).toEqual(['d', 'c', 'a'])
  expect(list({ status: 'sent' })).toEqual(['d', 'b', 'a'])
  expect(list({ agent: 'writer', status: 'succeeded' })).toEqual(['c'])
  expect(list({ limit: 2 })).toEqual(['d', 'c'])
})

test('the next system finds what had not settled, the oldest first, and its own runs are not among it', () => {
  const path = join(scratch(), 'runs.db')
  const first = open(path)
  expect(first.lastId).toBe(0)
  first.write([begin(1, 'a'), begin(2, 'b', { status: 'queued', parent: 'a' }), begin(3, 'c'), settle(3)], 0)
  first.close()
  const second = open(path)
  const base = second.lastId
  second.write([begin(1, 'd')], base)
  const rest = { agent: 'writer', isIdempotent: false, attempt: 1, createdAt: 1_000, runMs: 500, affinity: 'key' }
  const [a, b] = [
    { ...rest, parent: undefined },
    { ...rest, parent: 'a' },
  ]
  expect(second.unfinished(base)).toEqual([
    { key: -2, run: 'a', status: 'sent', body: '{"prompt":"hi"}', ...a },
    { key: -1, run: 'b', status: 'queued', body: '{"prompt":"hi"}', ...b },
  ])
  second.write([settle(-2)], base)
  expect(second.get('a')).toMatchObject([{ status: 'succeeded' }])
  expect(second.get('d')).toMatchObject([{ status: 'sent' }])
})

test('what ended before the cutoff is removed bit by bit; what has not ended, or later, stays', () => {
  const database = open()
  const keys = [1, 2, 3, 4, 5, 6]
  database.write(
    keys.map((key) => begin(key, `r${key}`, { at: key })),
    0,
  )
  database.write([settle(1, 10), settle(2, 10), settle(3, 99), settle(5, 10), settle(6, 10)], 0)
  const next = database.clean(50, 4, 0)
  expect(runsOf(database)).toEqual(['r6', 'r5', 'r4', 'r3'])
  const last = database.clean(50, 4, next as number)
  expect(runsOf(database)).toEqual(['r4', 'r3'])
  expect(database.clean(50, 4, last as number)).toBeUndefined()
})

test('events are found in their order, after any of them, and go with their run', () => {
  const database = open()
  const told = (key: number, id: number): EventWrite => ['event', key, id, 'text.delta', '{"text":"hi"}']
  database.write([begin(1, 'a', { at: 1 }), told(1, 1), told(1, 2), begin(2, 'b'), told(2, 1), told(1, 3)], 0)
  database.write([told(1, 3)], 0)
  const ids = (run: string, after: number, limit = 10) => database.events(run, after, limit).map(({ id }) => id)
  expect(database.events('b', 0, 10)).toEqual([{ id: 1, event: 'text.delta', data: { text: 'hi' } }])
  expect(ids('a', 0)).toEqual([1, 2, 3])
  expect(ids('a', 1, 1)).toEqual([2])
  database.write([settle(1, 10)], 0)
  database.clean(50, 4, 0)
  expect(ids('a', 0)).toEqual([])
  expect(ids('b', 0)).toEqual([1])
})

test('a file is for one connection alone, also in one process', () => {
  const path = join(scratch(), 'runs.db')
  const first = open(path)
  expect(() => open(path)).toThrow(/locked/)
  first.close()
  expect(runsOf(open(path))).toEqual([])
})

test('the file of another program, or of a later format, is not touched', () => {
  const path = join(scratch(), 'other.db')
  const other = new DatabaseSync(path)
  other.exec('CREATE TABLE things (name TEXT)')
  other.close()
  expect(() => open(path)).toThrow('it is a database of another program')
  const later = join(scratch(), 'later.db')
  open(later).close()
  const raw = new DatabaseSync(later)
  raw.exec('PRAGMA user_version = 4')
  raw.close()
  expect(() => open(later)).toThrow('it has the format 4')
})

test.each([
  ['is no database', (path: string) => writeFileSync(path, 'x'.repeat(10_000))],
  ['lacks its end', (path: string) => truncateSync(path, statSync(path).size - 4096)],
  ['has a page of nothing', (path: string) => damage(path)],
])('a file that %s is damaged', (_, harm) => {
  const path = join(scratch(), 'runs.db')
  const database = open(path)
  database.write(
    Array.from({ length: 200 }, (_, key) => begin(key + 1, `run ${key}`)),
    0,
  )
  database.close()
  harm(path)
  let error: unknown
  try {
    open(path)
  } catch (thrown) {
    error = thrown
  }
  expect(isCorrupt(error)).toBe(true)
})

function damage(path: string): void {
  const database = new DatabaseSync(path)
  const page = database.prepare("SELECT rootpage FROM sqlite_schema WHERE name = 'runs_by_agent'").get()?.rootpage
  database.close()
  const file = openSync(path, 'r+')
  writeSync(file, Buffer.alloc(4096, 0xff), 0, 4096, (Number(page) - 1) * 4096)
  closeSync(file)
}
