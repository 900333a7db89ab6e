import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { openPage } from '../inspector/page-client.ts'
import { openTerminal, type Terminal } from './pseudo-terminal.ts'

const root = join(import.meta.dirname, '../..')
const env = { ...process.env, AXON_CACHE_DIR: join(root, 'node_modules/.cache/axon-e2e'), NO_COLOR: '1' }

interface Project {
  directory: string
  write: (name: string, content: string) => void
  dev: (...args: string[]) => Terminal
}

const says = (text: string) => `def agent(prompt):\n    return prompt + ${JSON.stringify(text)}\n`

/** A project with these files, and a configuration of one agent `one` of `one.py`, where none is given. */
function project(files: Record<string, string>): Project {
  const directory = mkdtempSync(join(tmpdir(), 'axon-dev-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  const write = (name: string, content: string) => {
    mkdirSync(dirname(join(directory, name)), { recursive: true })
    writeFileSync(join(directory, name), content)
  }
  const config = JSON.stringify({ agents: { one: { module: 'one' } } })
  for (const [name, content] of Object.entries({ 'axon.config.json': config, ...files })) write(name, content)
  const dev = (...args: string[]) =>
    openTerminal(process.execPath, [join(root, 'bin/axon.js'), 'dev', ...args], { cwd: directory, env, columns: 200 })
  return { directory, write, dev }
}

async function asks(terminal: Terminal, prompt: string, answer: string): Promise<void> {
  terminal.type('p')
  await terminal.sees(/\w+ ← /)
  terminal.type(`${prompt}\r`)
  await terminal.sees(`→ ${JSON.stringify(answer)}`)
}

test('a save changes the next answer, also a second one of the same length at once; q ends all', async () => {
  const { write, dev } = project({ 'one.py': says(' 1') })
  const terminal = dev()
  await terminal.sees('one ready')
  await asks(terminal, 'a', 'a 1')
  for (const turn of [2, 3, 4]) {
    write('one.py', says(` ${turn}`))
    await terminal.sees(/one ready, process \d+, \d+ ms after the save/)
    await asks(terminal, 'a', `a ${turn}`)
  }
  terminal.type('q')
  expect(await terminal.exited).toBe(0)
})

test('agents that live on a cluster are developed on this machine, also after a save of the configuration', async () => {
  const placement = { ray: { address: 'http://127.0.0.1:9' } }
  const config = (env: Record<string, string>) => JSON.stringify({ placement, agents: { one: { module: 'one', env } } })
  const { write, dev } = project({ 'one.py': says(' 1'), 'axon.config.json': config({}) })
  const terminal = dev()
  await terminal.sees('one ready')
  write('axon.config.json', config({ COLOUR: 'red' }))
  await terminal.sees(/one ready, process \d+/)
  await asks(terminal, 'a', 'a 1')
  terminal.type('q')
  expect(await terminal.exited).toBe(0)
})

test('a broken save shows the traceback at once and keeps the old process; mended, it is replaced', async () => {
  const { write, dev } = project({ 'one.py': says(' 1') })
  const terminal = dev()
  await terminal.sees('one ready')
  write('one.py', 'raise ValueError("half written")\n')
  await terminal.sees(/AGENT_IMPORT_FAILED .*half written/)
  await asks(terminal, 'b', 'b 1')
  write('one.py', says(' 2'))
  await terminal.sees(/one ready, process \d+, \d+ ms after the save/)
  await asks(terminal, 'b', 'b 2')
  terminal.interrupt()
  expect(await terminal.exited).toBe(130)
})

test('an agent that cannot start stays failed while the others work, and starts when its file is saved', async () => {
  const agents = { one: { module: 'one.py', cwd: 'a' }, two: { module: 'two.py', cwd: 'b' } }
  const { write, dev } = project({
    'axon.config.json': JSON.stringify({ agents }),
    'a/one.py': 'import nowhere\n',
    'b/two.py': says(' two'),
  })
  const terminal = dev()
  await terminal.becomes((screen) => /one failed/.test(screen) && /two ready/.test(screen))
  write('a/one.py', says(' one'))
  await terminal.sees('one ready')
})

test('editors may rename, empty, or write several files; bytecode, times and other files are no change', async () => {
  const { directory, write, dev } = project({
    'one.py': 'from part.inner import text\ndef agent(prompt):\n    return text\n',
    'part/inner.py': 'text = "1"\n',
  })
  const terminal = dev('--json')
  await terminal.sees('"type":"agent.ready"')
  write('notes.txt', 'nothing')
  write('__pycache__/one.cpython-313.pyc', 'nothing')
  write('.hidden/one.py', 'nothing')
  utimesSync(join(directory, 'one.py'), new Date(), new Date())
  write('part/inner.py.tmp', 'text = "2"\n')
  renameSync(join(directory, 'part/inner.py.tmp'), join(directory, 'part/inner.py'))
  expect((await terminal.sees(/"files\.changed","paths":\[(.*?)\]/))[1]).toBe(
    JSON.stringify(join(directory, 'part/inner.py')),
  )
  await terminal.sees('"type":"rollout.completed"')
  write('one.py', '')
  write('part/inner.py', 'text = "3"\n')
  write('one.py', 'from more.deep import text\ndef agent(prompt):\n    return text\n')
  write('more/deep.py', 'text = "4"\n')
  await terminal.sees('"files.changed"')
  await terminal.sees('"type":"rollout.completed"')
  write('more/deep.py', 'text = "5"\n')
  expect((await terminal.sees(/"files\.changed","paths":\[(.*?)\]/))[1]).toContain('deep.py')
  expect(readdirSync(join(directory, 'part'))).not.toContain('__pycache__')
})

test('a changed configuration is applied, and a wrong one told and not applied', async () => {
  const { write, dev } = project({ 'one.py': says(' 1'), 'two.py': says(' 2') })
  const terminal = dev()
  await terminal.sees('one ready')
  write('axon.config.json', '{ "agents": ')
  await terminal.sees('CONFIG_INVALID')
  await asks(terminal, 'c', 'c 1')
  write('axon.config.json', JSON.stringify({ agents: { two: { module: 'two' } } }))
  await terminal.becomes((screen) => screen.includes('two ready') && screen.includes('one retired'))
  await asks(terminal, 'c', 'c 2')
})

test('the live page is there for who has its token, and gone with --no-page', async () => {
  const { dev } = project({ 'one.py': says(' 1') })
  const terminal = dev('--json')
  const [, url = ''] = await terminal.sees(/"page\.served","url":"([^"]+)"/)
  expect((await fetch(url)).status).toBe(200)
  const page = await openPage(url)
  await page.frame('@xstate.snapshot', ({ snapshot }) => snapshot.value === 'ready')
  terminal.interrupt()
  expect(await terminal.exited).toBe(130)
  expect(await page.closed).toBeGreaterThan(1_000)
  const without = dev('--no-page')
  await without.sees('p prompt an agent · q quit')
  await without.sees('one ready')
})
