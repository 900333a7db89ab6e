/**
 * Owns the tables of the journal and what is written to them, in the journal's own thread. Whose file it is, and what is done
 * where it cannot be used, is opening.ts and thread.ts.
 *
 * 1. Writes that are given together are in the file all or not at all.
 * 2. What was written is there however Node ends: it is with the kernel then. It is not waited for until it is on the disk.
 */
import { DatabaseSync, type StatementSync } from 'node:sqlite'
import type { RecordFilter, RecordRow, UnfinishedRun, Write } from './messages.ts'

/** `Axon`, so that no other program's file is taken for a journal. */
const applicationId = 0x41786f6e
const format = 1
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
    response TEXT
  ) STRICT;
  CREATE INDEX runs_by_agent ON runs (agent);
  CREATE INDEX runs_but_succeeded ON runs (status) WHERE status <> 'succeeded';
  PRAGMA application_id = ${applicationId};
  PRAGMA user_version = ${format};
`

const columns =
  'run, agent, status, started, attempt, created_at AS createdAt, finished_at AS finishedAt, response, error'

export class JournalDatabase {
  readonly #database: DatabaseSync
  readonly #insert: StatementSync
  readonly #mark: StatementSync
  readonly #settle: StatementSync
  readonly #begin: StatementSync
  readonly #commit: StatementSync
  /** Runs of earlier systems have ids up to here. */
  readonly #base: number

  /**
   * Opens the file, which is made where it is not there, for this connection alone.
   * @param base Where given, what a former connection of this system began its own ids at.
   * @throws Error of SQLite
   */
  constructor(path: string, base?: number) {
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
        'INSERT INTO runs (id, run, agent, mode, idempotency_key, idempotent, status, attempt, created_at, run_ms, affinity, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (run) DO NOTHING',
      )
      this.#mark = database.prepare('UPDATE runs SET status = ?, attempt = ? WHERE id = ?')
      this.#settle = database.prepare(
        'UPDATE runs SET status = ?, started = ?, attempt = ?, finished_at = ?, response = ?, error = ? WHERE id = ?',
      )
      this.#begin = database.prepare('BEGIN')
      this.#commit = database.prepare('COMMIT')
      this.#base = base ?? Number(this.#value('SELECT coalesce(max(id), 0) FROM runs'))
    } catch (error) {
      database.close()
      throw error
    }
  }

  get base(): number {
    return this.#base
  }

  /** Writes all of it or nothing. @returns the places of what begins a run that is there already @throws Error of SQLite */
  write(writes: readonly Write[]): number[] {
    this.#begin.run()
    try {
      const taken: number[] = []
      for (const [at, write] of writes.entries()) if (!this.#write(write)) taken.push(at)
      this.#commit.run()
      return taken
    } catch (error) {
      // After some errors SQLite has done so itself.
      if (this.#database.isTransaction) this.#database.exec('ROLLBACK')
      throw error
    }
  }

  /** Runs of earlier systems that have not settled, the oldest first. */
  unfinished(): UnfinishedRun[] {
    const statement = this.#database.prepare(
      `SELECT id, run, agent, idempotent, status, attempt, created_at, run_ms, affinity, body FROM runs
       WHERE status IN ('queued', 'sent') AND status <> 'succeeded' AND id <= ? ORDER BY id`,
    )
    return statement.all(this.#base).map((row) => ({
      key: Number(row.id) - this.#base,
      run: row.run as string,
      agent: row.agent as string,
      isIdempotent: row.idempotent === 1,
      status: row.status as 'queued' | 'sent',
      attempt: row.attempt as number,
      createdAt: row.created_at as number,
      runMs: (row.run_ms as number | null) ?? undefined,
      affinity: (row.affinity as string | null) ?? undefined,
      body: row.body as string,
    }))
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
    if (verdict !== 'ok') throw Object.assign(new Error(String(verdict)), { errcode: corrupt })
  }

  #write(write: Write): boolean {
    switch (write[0]) {
      case 'begin': {
        const [, key, ...values] = write
        return this.#insert.run(key + this.#base, ...values).changes === 1
      }
      case 'mark': {
        const [, key, ...values] = write
        this.#mark.run(...values, key + this.#base)
        return true
      }
      case 'settle': {
        const [, key, ...values] = write
        this.#settle.run(...values, key + this.#base)
        return true
      }
    }
  }

  #value(sql: string): unknown {
    return Object.values(this.#database.prepare(sql).get() ?? {})[0]
  }
}

const busy = 5
const corrupt = 11
const notDatabase = 26

/** Somebody else has the file. */
export function isBusy(error: unknown): boolean {
  return primaryCode(error) === busy
}

/** The file is damaged, or none of SQLite's. */
export function isCorrupt(error: unknown): boolean {
  return [corrupt, notDatabase].includes(primaryCode(error) as number)
}

function primaryCode(error: unknown): number | undefined {
  const { errcode } = error as { errcode?: unknown }
  return typeof errcode === 'number' ? errcode & 0xff : undefined
}

function rows(found: readonly Record<string, unknown>[]): RecordRow[] {
  // Rows have no prototype, and are copied as they are.
  return found as unknown as RecordRow[]
}
