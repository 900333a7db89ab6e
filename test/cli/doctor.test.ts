import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { Finding } from '../../src/cli/checks/check.ts'
import { ownerName, thisOwner } from '../../src/runtime/process/owner.ts'
import { recordsOf } from '../../src/runtime/state/record.ts'
import { cacheDir, root, scratch } from '../e2e/axon.ts'

function doctor(cwd: string, variables: NodeJS.ProcessEnv = {}, ...args: string[]) {
  const env = {
    ...process.env,
    AXON_CACHE_DIR: cacheDir,
    AXON_STATE_DIR: join(cwd, 'state'),
    NO_COLOR: '1',
    ...variables,
  }
  return spawnSync(process.execPath, [join(root, 'bin/axon.js'), 'doctor', ...args], { cwd, env, encoding: 'utf8' })
}

function findings(cwd: string, variables?: NodeJS.ProcessEnv) {
  const { status, stdout } = doctor(cwd, variables, '--json')
  const { ok, findings } = JSON.parse(stdout) as { ok: boolean; findings: Finding[] }
  return { status, ok, of: (name: string) => findings.find((finding) => finding.name === name), all: findings }
}

test('doctor says what there is, and ends with 0 where nothing keeps Axon from working', () => {
  const { status, ok, all, of } = findings(scratch())
  expect([status, ok]).toEqual([0, true])
  expect(all.map(({ name }) => name)).toEqual(
    expect.arrayContaining([
      'node',
      'system',
      'sockets',
      'loopback',
      'open files',
      'disk',
      'python',
      'uv',
      'cgroups',
      'sandbox',
      'config',
    ]),
  )
  expect(of('node')).toEqual({ name: 'node', status: 'ok', found: process.versions.node })
  expect(of('python')?.found).toMatch(/3\.\d+\.\d+ \(\/.*is used/)
})

test('what is not as it should be is told with what follows and how to mend it', () => {
  const directory = scratch()
  writeFileSync(join(directory, 'axon.config.json'), JSON.stringify({ agents: { echo: { modul: 'echo' } } }))
  const { status, stdout } = doctor(directory, {
    AXON_UV: join(directory, 'nowhere/uv'),
    AXON_CACHE_DIR: join(directory, 'axon.config.json/cache'),
  })
  expect(status).toBe(1)
  expect(stdout).toMatch(/^✗ config: [\s\S]*there is no option modul[\s\S]*?\n {4}No command .*\n {4}→ Correct/m)
  expect(stdout).toMatch(/^✗ disk: .*\n {4}No environment can be made\.\n {4}→ Set AXON_CACHE_DIR/m)
  const { of } = findings(scratch(), { AXON_UV: '/nowhere/uv' })
  expect(of('uv')).toMatchObject({ status: 'warning', found: '/nowhere/uv was not found', mend: expect.any(String) })
})

test('a kernel that cannot hold a sandbox is told with what of it would not be held', () => {
  const directory = scratch()
  const env = { ...process.env, AXON_CACHE_DIR: cacheDir, AXON_STATE_DIR: join(directory, 'state') }
  const command = [process.execPath, join(root, 'bin/axon.js'), 'doctor', '--json']
  const wrapped = [join(root, 'test/fixtures/without_landlock.py'), ...command]
  const { stdout } = spawnSync('python3', wrapped, { cwd: directory, env, encoding: 'utf8' })
  const { findings } = JSON.parse(stdout) as { findings: Finding[] }
  expect(findings.find(({ name }) => name === 'sandbox')).toMatchObject({
    status: 'warning',
    found: expect.stringMatching(/^read: the kernel has no Landlock.*; processes: /),
    follows: expect.stringContaining('"required" starts no agent'),
  })
})

test('no Python is an error, and a system that died unswept a warning', () => {
  const directory = scratch()
  const records = recordsOf(join(directory, 'state'))
  mkdirSync(records, { recursive: true, mode: 0o700 })
  const id = '0b7a3c52-6a7e-4c58-9f0e-3f1d2a4b5c6d'
  writeFileSync(join(records, `${ownerName({ ...thisOwner(), start: '1' })}-${id}.json`), '{}')
  const none = { PATH: directory, HOME: directory, PYENV_ROOT: directory, XDG_DATA_HOME: directory }
  const { status, of } = findings(directory, none)
  expect([status, of('python')?.status]).toEqual([1, 'error'])
  expect(of('systems')).toMatchObject({ status: 'warning', follows: expect.stringContaining(id) })
})
