import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { startTimeOf } from '../../../src/runtime/process/identity.ts'
import {
  defaultStateDir,
  parseRecordName,
  recordSchema,
  recordsOf,
  SystemRecord,
} from '../../../src/runtime/state/record.ts'
import { scratch } from '../scratch.ts'

const id = '0b7a3c52-6a7e-4c58-9f0e-3f1d2a4b5c6d'
const content = { runtimeDirs: ['/run/axon-x'], hosts: [{ root: '/env', pid: 7, startTime: '9' }] }

function recordIn(stateDir: string): SystemRecord {
  const record = new SystemRecord(stateDir, id)
  onTestFinished(() => record.remove())
  return record
}

test('a record says whose it is and what there is, and only its owner can read it', () => {
  const stateDir = join(scratch(), 'state')
  recordIn(stateDir).write(content)
  const [name = ''] = readdirSync(recordsOf(stateDir))
  const path = join(recordsOf(stateDir), name)
  const own = { pid: process.pid, startTime: startTimeOf(process.pid) ?? '' }
  expect(recordSchema.parse(JSON.parse(readFileSync(path, 'utf8')))).toEqual({ format: 1, id, ...own, ...content })
  expect(parseRecordName(name)).toMatchObject({ id, isDraft: false, owner: { pid: own.pid, start: own.startTime } })
  expect([recordsOf(stateDir), path].map((made) => lstatSync(made).mode & 0o777)).toEqual([0o700, 0o600])
})

test('a record is written anew in place, and removed once and for all', () => {
  const stateDir = scratch()
  const record = recordIn(stateDir)
  record.write({ ...content, hosts: [] })
  record.write(content)
  const names = readdirSync(recordsOf(stateDir))
  expect(names).toHaveLength(1)
  expect(JSON.parse(readFileSync(join(recordsOf(stateDir), names[0] as string), 'utf8')).hosts).toHaveLength(1)
  record.remove()
  record.remove()
  expect(readdirSync(recordsOf(stateDir))).toEqual([])
})

test('several records listen for the end of Node once, and only while there are any', () => {
  const before = process.listenerCount('exit')
  const records = Array.from({ length: 20 }, () => recordIn(scratch()))
  for (const record of records) record.write(content)
  expect(process.listenerCount('exit')).toBe(before + 1)
  for (const record of records) record.remove()
  expect(process.listenerCount('exit')).toBe(before)
})

test('a place where others could plant a record is refused, with what to do', () => {
  const stateDir = scratch()
  mkdirSync(recordsOf(stateDir))
  chmodSync(recordsOf(stateDir), 0o777)
  const writing = () => recordIn(stateDir).write(content)
  expect(writing).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
  expect(writing).toThrow(/is not private to this user\. Set stateDir/)
})

test('a place that cannot be made is refused', () => {
  const file = join(scratch(), 'file')
  writeFileSync(file, '')
  expect(() => recordIn(file).write(content)).toThrow(/ENOTDIR.*Set stateDir/)
})

test('the default is the state directory of the user, if it is absolute', () => {
  expect(defaultStateDir({ XDG_STATE_HOME: '/state', HOME: '/home/me' })).toBe('/state/axon')
  expect(defaultStateDir({ XDG_STATE_HOME: 'state', HOME: '/home/me' })).toBe('/home/me/.local/state/axon')
})

test('other files are no records', () => {
  for (const name of ['journal', `${id}.json`, `1a-7-9-${id}`, `1a-7-9-${id}.json.bak`, '../x.json']) {
    expect(parseRecordName(name)).toBeUndefined()
  }
  expect(parseRecordName(`.1a-7-9-${id}.json`)).toMatchObject({ id, isDraft: true, owner: { machine: '1a', pid: 7 } })
})
