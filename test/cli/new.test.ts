/** Projects that `axon new` makes, with the package as it would be published: what is printed is done, word by word. */
import { execFileSync, spawnSync } from 'node:child_process'
import { appendFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { templateNames } from '../../src/cli/templates.ts'
import { openTerminal } from './pseudo-terminal.ts'

const root = join(import.meta.dirname, '../..')
const env = { ...process.env, AXON_CACHE_DIR: join(root, 'node_modules/.cache/axon-e2e'), NO_COLOR: '1' }
let scratch: string
let tarball: string

beforeAll(() => {
  scratch = mkdtempSync(join(tmpdir(), 'axon-new-'))
  const pack = ['pack', '--silent', '--ignore-scripts', '--pack-destination', scratch]
  tarball = join(scratch, execFileSync('npm', pack, { cwd: root, encoding: 'utf8' }).trim())
})
afterAll(() => rmSync(scratch, { recursive: true, force: true }))

const axonNew = [join(root, 'bin/axon.js'), 'new']

function directoryOf(name: string): string {
  const directory = join(scratch, name)
  mkdirSync(directory)
  return directory
}

function run(cwd: string, command: string): string {
  const { status, stdout, stderr } = spawnSync('sh', ['-c', command], { cwd, env, encoding: 'utf8' })
  if (status !== 0) throw new Error(`${command} ended with ${status}:\n${stdout}${stderr}`)
  return stdout
}

/** It is not in the registry with this version yet. */
function useTarball(cwd: string): void {
  const path = join(cwd, 'package.json')
  const parsed = JSON.parse(readFileSync(path, 'utf8'))
  parsed.dependencies['axon-runtime'] = `file:${tarball}`
  writeFileSync(path, JSON.stringify(parsed))
}

const answers = {
  'pydantic-ai': /sunny/,
  function: /^You said: Hello\n$/,
  langgraph: /sunny in Rome/,
  'openai-agents': /sunny/,
}

test.each(templateNames)(
  'the project of %s runs as it is printed, and a save is taken up',
  async (template) => {
    const cwd = directoryOf(template)
    const printed = run(cwd, `'${process.execPath}' '${axonNew.join("' '")}' --template ${template}`)
    expect(readdirSync(cwd)).toContain('.gitignore')
    const [install = '', ask = '', dev = '', ...rest] = printed.split('Go on with:\n')[1]?.trim().split(/\n\s+/) ?? []
    expect(rest).toEqual([])
    useTarball(cwd)
    run(cwd, `${install} --no-audit --no-fund --loglevel=error`)
    run(cwd, 'npm run --silent typecheck')
    expect(run(cwd, ask)).toMatch(answers[template])
    expect(run(cwd, 'npm start --silent')).not.toBe('')

    const terminal = openTerminal('sh', ['-c', dev], { cwd, env, columns: 200 })
    await terminal.sees('support ready')
    appendFileSync(join(cwd, 'agents/support.py'), '\n# saved\n')
    await terminal.sees(/support ready, process \d+, \d+ ms after the save/)
    terminal.type('q')
    expect(await terminal.exited).toBe(0)
  },
  600_000,
)

test('at a terminal the template is asked for, and another directory is named in what is printed', async () => {
  const cwd = directoryOf('asked')
  const terminal = openTerminal(process.execPath, [...axonNew, 'my agents'], { cwd, env, columns: 200 })
  await terminal.sees('Which template?')
  terminal.type('nothing of the kind\r')
  await terminal.sees('Which template?')
  terminal.type('2\r')
  await terminal.sees("cd 'my agents'")
  expect(await terminal.exited).toBe(0)
  expect(JSON.parse(readFileSync(join(cwd, 'my agents/package.json'), 'utf8')).name).toBe('my-agents')
})

test('Ctrl-C at the question makes nothing', async () => {
  const cwd = directoryOf('refused')
  const terminal = openTerminal(process.execPath, axonNew, { cwd, env })
  await terminal.sees('Which template?')
  terminal.interrupt()
  expect(await terminal.exited).toBe(130)
  expect(readdirSync(cwd)).toEqual([])
})

test('nothing is overwritten', () => {
  const cwd = directoryOf('taken')
  writeFileSync(join(cwd, 'main.ts'), 'mine')
  const { status, stderr } = spawnSync(process.execPath, [...axonNew, '--yes'], { cwd, env, encoding: 'utf8' })
  expect([status, stderr]).toEqual([2, expect.stringMatching(/^CONFIG_EXISTS .*has main\.ts already/)])
  expect(readdirSync(cwd)).toEqual(['main.ts'])
})
