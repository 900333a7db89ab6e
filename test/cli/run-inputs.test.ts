/** What `axon run` reads and writes beside its arguments: configurations of each form, standard input, conversations, Ctrl-C. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openTerminal } from './pseudo-terminal.ts'

const root = join(import.meta.dirname, '../..')
const env = { ...process.env, AXON_CACHE_DIR: join(root, 'node_modules/.cache/axon-e2e'), NO_COLOR: '1' }
const program = join(root, 'bin/axon.js')

function project(files: Record<string, string>): string {
  const directory = mkdtempSync(join(tmpdir(), 'axon-cli-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  for (const [name, content] of Object.entries(files)) writeFileSync(join(directory, name), content)
  return directory
}

function axon(cwd: string, args: string[], input = '') {
  return spawnSync(process.execPath, [program, ...args], { cwd, env, encoding: 'utf8', input })
}

const echo = 'def agent(prompt):\n    return prompt\n'
const typed = `import { type AxonConfig, defineConfig } from 'axon-runtime'
const config: AxonConfig = { agents: { support: { module: 'echo' } } }
export default defineConfig(config)
`
const plain = `export default { agents: { support: { module: 'echo' } } }\n`

test.each([
  ['axon.config.ts', typed],
  ['axon.config.mts', typed],
  ['axon.config.js', plain],
  ['axon.config.mjs', plain],
])('%s is read as it stands, and a prompt from standard input', (name, content) => {
  const directory = project({ 'echo.py': echo, 'package.json': '{ "type": "module" }', [name]: content })
  mkdirSync(join(directory, 'node_modules'))
  symlinkSync(root, join(directory, 'node_modules/axon-runtime'))
  const { status, stdout } = axon(directory, ['run', 'support', '--prompt', '-'], 'from a pipe')
  expect([status, stdout]).toEqual([0, 'from a pipe\n'])
})

test('a conversation is saved for its owner alone, and goes on from there', () => {
  const directory = project({ 'counts.py': 'from pydantic_ai import Agent\n\nagent = Agent()\n' })
  const args = [
    'run',
    'counts.py',
    '-d',
    'pydantic-ai-slim',
    '-m',
    'test',
    '--history',
    'talk.json',
    '--save',
    'talk.json',
  ]
  const messages = () => JSON.parse(readFileSync(join(directory, 'talk.json'), 'utf8')).length
  expect(axon(directory, [...args, '-p', 'one']).status).toBe(0)
  expect(messages()).toBe(2)
  expect(statSync(join(directory, 'talk.json')).mode & 0o777).toBe(0o600)
  expect(axon(directory, [...args, '-p', 'two']).status).toBe(0)
  expect(messages()).toBe(4)
  const missing = axon(directory, ['run', 'counts.py', '-p', 'x', '--history', 'nowhere.json'])
  expect([missing.status, missing.stderr]).toEqual([2, expect.stringMatching(/^RUN_REQUEST_INVALID .*nowhere\.json/)])
})

const stubborn = `import asyncio

async def agent(prompt):
    print("begun", flush=True)
    try:
        await asyncio.sleep(1000)
    except asyncio.CancelledError:
        print("cancelled", flush=True)
        if prompt == "stay":
            await asyncio.sleep(1000)
        raise
`

test('Ctrl-C cancels the run, and its code hears of it', async () => {
  const directory = project({ 'stubborn.py': stubborn })
  const terminal = openTerminal(process.execPath, [program, 'run', 'stubborn.py', '-p', 'go'], { cwd: directory, env })
  await terminal.sees('begun')
  terminal.interrupt()
  await terminal.sees('cancelled')
  expect(await terminal.exited).toBe(130)
})

test('a second Ctrl-C does not wait for code that ignores the first', async () => {
  const directory = project({ 'stubborn.py': stubborn })
  const terminal = openTerminal(process.execPath, [program, 'run', 'stubborn.py', '-p', 'stay'], {
    cwd: directory,
    env,
  })
  await terminal.sees('begun')
  terminal.interrupt()
  await terminal.sees('cancelled')
  const since = performance.now()
  terminal.interrupt()
  expect(await terminal.exited).toBe(130)
  // Without it, the code has 5 s, and its process as long again.
  expect(performance.now() - since).toBeLessThan(5_000)
})
