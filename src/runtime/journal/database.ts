/**
 * Owns the tables of the journal and what is written to them, in the journal's own thread. Whose file it is, and what is done
 * where it cannot be used, is opening.ts and thread.ts.
 *
 * 1. Writes that are given together are in the file all or not at all.
 * 2. What is written again changes nothing.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { RunStreamEvent } from '../../protocol/run.ts'
import { damaged } from './faults.ts'
import { type Folded, fold } from './fold.ts'
import type { RecordFilter, RecordRow, UnfinishedRun, Write } from './messages.ts'

/** `Axon`, so that no other program's file is taken for a journal. */
const applicationId = 0x41786f6e
const format = 3
/** How long somebody who is just letting go of the file is waited for. */
const busyMs = 250
/** Up to this size the whole file is checked when it is opened: a fraction of a second. */
const checkedBytes = 64 * 1024 * 1024

/** Most runs succeed, and are found at once by the order of their ids: the index of statuses is spared of them. */
const schema = `
  CREATE TABLE runs (
    id INTEGER PRIMARY KEY,
    run TEXT NOT NULL UNIQUE,
    agent TEXT NOT NULL,
    mode TEXT NOT NULL,
    idempotency_key TEXT,
    idempotent INTEGER NOT NULL,
    status TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    run_ms REAL,
    affinity TEXT,
    started INTEGER,
    finished_at INTEGER,
    error TEXT,
    body TEXT NOT NULL,
    parent TEXT,
    response TEXT
  ) STRICT;
  CREATE INDEX runs_by_agent ON runs (agent);
  CREATE INDEX runs_by_key ON runs (agent, idempotency_key) WHERE idempotency_key IS NOT NULL;
  CREATE INDEX runs_but_succeeded ON runs (status) WHERE status <> 'succeeded';
  CREATE TABLE events (
    id INTEGER NOT NULL,
    seq INTEGER NOT NULL,
    event TEXT NOT NULL,
    data TEXT NOT NULL,
    PRIMARY KEY (id, seq)
  ) STRICT, WITHOUT ROWID;
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${format};
`

const columns =
  'run, agent, mode, status, started, attempt, created_at AS createdAt, finished_at AS finishedAt, response, error'

export class JournalDatabase {
  readonly #database: DatabaseSync
  readonly #insert: StatementSync
  readonly #mark: StatementSync
  readonly #settle: StatementSync
  readonly #begin: StatementSync
  readonly #commit: StatementSync
  readonly #has: StatementSync
  readonly #event: StatementSync

  /** Opens the file, which is made where it is not there, for this connection alone. @throws Error of SQLite */
  constructor(path: string) {
    const database = new DatabaseSync(path, { timeout: busyMs })
    this.#database = database
    try {
      // Exclusive before it is a WAL: so nobody shares its index, and none is made in shared memory.
      database.exec(
        'PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA wal_autocheckpoint = 4000',
      )
      database.exec('BEGIN IMMEDIATE')
      this.#found()
      database.exec('COMMIT')
      this.#insert = database.prepare(
        'INSERT INTO runs (id, run, agent, mode, idempotency_key, idempotent, status, attempt, created_at, run_ms, affinity, body, parent, started, finished_at, response, error) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING',
      )
      this.#mark = database.prepare('UPDATE runs SET status = ?, attempt = ? WHERE id = ?')
      this.#settle = database.prepare(
        'UPDATE runs SET status = ?, started = ?, attempt = ?, finished_at = ?, response = ?, error = ? WHERE id = ?',
      )
      this.#begin = database.prepare('BEGIN')
      this.#commit = database.prepare('COMMIT')
      this.#event = database.prepare(
        'INSERT INTO events (id, seq, event, data) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING',
      )
      this.#has = database.prepare('SELECT 1 FROM runs WHERE run = ?')
    } catch (error) {
      database.close()
      throw error
    }
  }

  /** 0 where there are no runs. */
  get lastId(): number {
    return Number(this.#value('SELECT coalesce(max(id), 0) FROM runs'))
  }

  /**
   * Writes all of it or nothing.
   * @param base what the system that wrote it began its own ids at
   * @throws Error of SQLite
   */
  write(writes: readonly Write[], base: number): void {
    this.#begin.run()
    try {
      for (const run of fold(writes)) this.#write(run, base)
      this.#commit.run()
    } catch (error) {
      // After some errors SQLite has done so itself.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  /** Those of the runs that are here. */
  taken(runs: readonly string[]): string[] {
    return runs.filter((run) => this.#has.get(run) !== undefined)
  }

  /** Runs with ids up to `base` that have not settled, the oldest first. */
  unfinished(base: number): UnfinishedRun[] {
    const statement = this.#database.prepare(
      `SELECT id, run, agent, idempotent, status, attempt, created_at, run_ms, affinity, body, parent FROM runs
       WHERE status IN ('queued', 'sent') AND status <> 'succeeded' AND id <= ? ORDER BY id`,
    )
    return statement.all(base).map((row) => ({
      key: Number(row.id) - base,
      run: row.run as string,
      agent: row.agent as string,
      isIdempotent: row.idempotent === 1,
      status: row.status as 'queued' | 'sent',
      attempt: row.attempt as number,
      createdAt: row.created_at as number,
      runMs: (row.run_ms as number | null) ?? undefined,
      affinity: (row.affinity as string | null) ?? undefined,
      body: row.body as string,
      parent: (row.parent as string | null) ?? undefined,
    }))
  }

  /** The newest run of that agent and idempotency key, with its request. */
  keyed(agent: string, key: string): RecordRow[] {
    const sql = `SELECT ${columns}, body FROM runs WHERE agent = ? AND idempotency_key = ? ORDER BY id DESC LIMIT 1`
    return rows(this.#database.prepare(sql).all(agent, key))
  }

  get(run: string): RecordRow[] {
    return rows(this.#database.prepare(`SELECT ${columns} FROM runs WHERE run = ?`).all(run))
  }

  /** The newest first. */
  list({ agent, status, limit }: RecordFilter): RecordRow[] {
    const conditions = [...(agent === undefined ? [] : ['agent = ?']), ...(status === undefined ? [] : ['status = ?'])]
    // What SQLite must see to use the index.
    if (status !== undefined && status !== 'succeeded') conditions.push("status <> 'succeeded'")
    const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`
    const statement = this.#database.prepare(`SELECT ${columns} FROM runs ${where} ORDER BY id DESC LIMIT ?`)
    return rows(statement.all(...[agent, status].filter((value) => value !== undefined), limit))
  }

  /** Those of a run after the event of that id. */
  events(run: string, after: number, limit: number): RunStreamEvent[] {
    const sql =
      'SELECT seq, event, data FROM events WHERE id = (SELECT id FROM runs WHERE run = ?) AND seq > ? ORDER BY seq LIMIT ?'
    return this.#database
      .prepare(sql)
      .all(run, after, limit)
      .map(({ seq, event, data }) => ({ id: seq, event, data: JSON.parse(data as string) }) as RunStreamEvent)
  }

  /**
   * Removes of the next `limit` runs those that had ended before `cutoff`. Called again and again, so that writes come in between.
   * @param after the id to go on from; 0 at the beginning
   * @returns where to go on, or undefined where there are no more that are so old
   */
  clean(cutoff: number, limit: number, after: number): number | undefined {
    const statement = this.#database.prepare(
      'SELECT max(id) AS last FROM (SELECT id FROM runs WHERE id > ? AND created_at < ? ORDER BY id LIMIT ?)',
    )
    const last = statement.get(after, cutoff, limit)?.last
    if (typeof last !== 'number') return undefined
    this.#database
      .prepare('DELETE FROM runs WHERE id > ? AND id <= ? AND finished_at IS NOT NULL AND finished_at < ?')
      .run(after, last, cutoff)
    this.#database
      .prepare(
        'DELETE FROM events WHERE id > ? AND id <= ? AND id NOT IN (SELECT id FROM runs WHERE id > ? AND id <= ?)',
      )
      .run(after, last, after, last)
    return last
  }

  close(): void {
    this.#database.close()
  }

  /** Makes the tables of a new file, and looks at those of an old one. */
  #found(): void {
    const version = Number(this.#value('PRAGMA user_version'))
    const owner = Number(this.#value('PRAGMA application_id'))
    const tables = Number(this.#value('SELECT count(*) FROM sqlite_schema'))
    if (tables === 0 && version === 0 && owner === 0) return this.#database.exec(schema)
    if (owner !== applicationId) throw new Error('it is a database of another program')
    if (version !== format) throw new Error(`it has the format ${version}, and this Axon reads the format ${format}`)
    const bytes = Number(this.#value('PRAGMA page_count')) * Number(this.#value('PRAGMA page_size'))
    const verdict = bytes > checkedBytes ? 'ok' : this.#value('PRAGMA quick_check(1)')
    if (verdict !== 'ok') throw damaged(String(verdict))
  }

  #write({ key, begin, mark, settle, events }: Folded, base: number): void {
    const id = key + base
    for (const [, , seq, event, data] of events) this.#event.run(id, seq, event, data)
    if (begin) {
      const [, , run, agent, mode, idempotencyKey, isIdempotent, status, attempt, ...values] = begin
      const [, , outcome, started = null, lastAttempt, finishedAt = null, response = null, error = null] = settle ?? []
      const { changes } = this.#insert.run(
        id,
        run,
        agent,
        mode,
        idempotencyKey,
        isIdempotent,
        outcome ?? mark?.[2] ?? status,
        lastAttempt ?? mark?.[3] ?? attempt,
        ...values,
        started,
        finishedAt,
        response,
        error,
      )
      if (changes === 1) return
    }
    if (settle) this.#settle.run(...settle.slice(2), id)
    else if (mark) this.#mark.run(mark[2], mark[3], id)
  }

  #value(sql: string): unknown {
    return Object.values(this.#database.prepare(sql).get() ?? {})[0]
  }
}

function rows(found: readonly Record<string, unknown>[]): RecordRow[] {
  // Rows have no prototype, and are copied as they are.
  return found as unknown as RecordRow[]
}
