import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { openTerminal } from '../cli/pseudo-terminal.ts'
import { appears } from '../e2e/axon.ts'
import { axonBin, project } from './commands.ts'

test('axon serve whose terminal is closed lets the run under way end, and ends', async () => {
  const { directory, find, gone } = project({ one: { module: 'agents.gate' } })
  const args = [axonBin, 'serve', '--no-auth', '--no-page']
  const terminal = openTerminal(process.execPath, args, { cwd: directory, columns: 200 })
  const [url] = await terminal.sees(/http:\S+/)
  const path = join(directory, 'gate')
  const waiting = appears(`${path}.waiting`)
  const answer = fetch(`${url}/agents/one/run_sync`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt: path }),
  })
  await waiting
  find()
  const closed = terminal.close()
  writeFileSync(path, '')
  expect((await answer).status).toBe(200)
  await closed
  expect(await terminal.exited).toBe(0)
  await gone()
})

test('axon dev whose terminal is closed in a run lets it end, and ends', async () => {
  const { directory, find, gone } = project({ one: { module: 'agents.gate' } })
  const terminal = openTerminal(process.execPath, [axonBin, 'dev', '--no-page'], { cwd: directory, columns: 200 })
  await terminal.sees('one ready')
  const path = join(directory, 'gate')
  const waiting = appears(`${path}.waiting`)
  terminal.type('p')
  await terminal.sees('one ← ')
  terminal.type(`${path}\r`)
  await waiting
  find()
  const closed = terminal.close()
  writeFileSync(path, '')
  await closed
  expect(await terminal.exited).toBe(129)
  await gone()
})
