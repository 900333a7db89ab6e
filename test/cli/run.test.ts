import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { exitCodes } from '../../src/cli/exit-codes.ts'
import { configVariables } from '../../src/runtime/config/variables.ts'

const root = join(import.meta.dirname, '../..')
const env = { ...process.env, AXON_CACHE_DIR: join(root, 'node_modules/.cache/axon-e2e'), NO_COLOR: '1' }

/** A directory with the file echo.py, which answers with its prompt, and raises at `raise`. */
function project(): string {
  const directory = mkdtempSync(join(tmpdir(), 'axon-cli-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  writeFileSync(
    join(directory, 'echo.py'),
    'def agent(prompt):\n    assert prompt != "raise", "as asked"\n    return prompt\n',
  )
  return directory
}

function axon(cwd: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'bin/axon.js'), ...args], {
    cwd,
    env,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

test('a file is run, and its answer is all that is on standard output', () => {
  expect(axon(project(), 'run', 'echo.py', '--prompt', 'hi')).toEqual({ status: 0, stdout: 'hi\n', stderr: '' })
})

test('an agent of the configuration is found from below by its name, with paths from the file', () => {
  const directory = project()
  writeFileSync(join(directory, 'axon.config.json'), JSON.stringify({ agents: { support: { module: 'echo' } } }))
  expect(axon(directory, 'run', 'support', '-p', 'hi', '--no-stream').stdout).toBe('hi\n')
})

test('an agent that lives on a cluster is run on this machine: what serves others there is not touched', () => {
  const directory = project()
  const placement = { ray: { address: 'http://127.0.0.1:9' } }
  const config = { placement, agents: { support: { module: 'echo' } } }
  writeFileSync(join(directory, 'axon.config.json'), JSON.stringify(config))
  expect(axon(directory, 'run', 'support', '-p', 'hi')).toMatchObject({ status: 0, stdout: 'hi\n' })
})

test('an agent that raises, one that cannot start, and a wrong configuration have codes of their own', () => {
  const directory = project()
  const raised = axon(directory, 'run', 'echo.py', '-p', 'raise')
  expect([raised.status, raised.stderr]).toEqual([1, expect.stringMatching(/^AGENT_RAISED [\s\S]*as asked/)])
  expect(axon(directory, 'run', 'nowhere.py', '-p', 'x').status).toBe(4)
  writeFileSync(join(directory, 'axon.config.json'), JSON.stringify({ agents: { support: { modul: 'echo' } } }))
  const wrong = axon(directory, 'run', 'support', '-p', 'x')
  expect([wrong.status, wrong.stderr]).toEqual([2, expect.stringContaining('there is no option modul')])
})

test('docs/cli.md has every exit code and every variable', () => {
  const page = readFileSync(join(root, 'docs/cli.md'), 'utf8')
  for (const code of Object.values(exitCodes)) expect(page).toMatch(new RegExp(`^\\|[^|]*\\b${code}\\b`, 'm'))
  for (const [name, option] of Object.entries(configVariables)) expect(page).toContain(`| \`${name}\` | \`${option}\``)
})
