import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test, vi } from 'vitest'
import { appears, scratch } from '../e2e/axon.ts'
import { type Command, startCommand } from './commands.ts'

const gate = { module: 'agents.gate' }
const echo = { module: 'agents.echo' }
const endings = [
  { signal: 'SIGTERM', code: 143 },
  { signal: 'SIGINT', code: 130 },
] as const

async function serving(agents: Record<string, object>, ...args: string[]): Promise<Command & { url: string }> {
  const command = startCommand('serve', agents, ['--no-auth', '--no-page', ...args])
  const { url } = await command.says((line) => 'url' in line)
  return { ...command, url: url as string }
}

async function ask(url: string, agent: string, prompt: string) {
  const answer = await fetch(`${url}/agents/${agent}/run_sync`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ prompt }),
  })
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> }
}

/** Starts a run that waits for a file, and resolves when it has begun. */
async function begin({ directory, url }: { directory: string; url: string }) {
  const path = join(directory, 'gate')
  const waiting = appears(`${path}.waiting`)
  const answer = ask(url, 'one', path)
  // Of a server that ends.
  answer.catch(() => {})
  await waiting
  return { answer, release: () => writeFileSync(path, '') }
}

/** A command whose agent is being started, until `release` is called. */
async function starting(name: 'serve' | 'dev', args: string[] = []) {
  const path = join(scratch(), 'gate')
  const importing = appears(`${path}.importing`)
  const command = startCommand(name, { one: { module: 'agents.held_at_import', env: { GATE: path } } }, args)
  await importing
  return { ...command, release: () => writeFileSync(path, '') }
}

describe.each(endings)('$signal', ({ signal, code }) => {
  test('axon serve that is idle ends with 0', async () => {
    const command = await serving({ one: gate })
    command.kill(signal)
    expect(await command.exited).toEqual([0, null])
    await command.gone()
  })

  test('axon serve with a run under way answers it, takes no other, and ends with 0', async () => {
    const command = await serving({ one: gate })
    const { answer, release } = await begin(command)
    command.kill(signal)
    await vi.waitFor(async () => expect((await fetch(`${command.url}/readyz`)).status).toBe(503), { timeout: 20_000 })
    release()
    expect(await answer).toMatchObject({ status: 200, body: { result: { pid: expect.any(Number) } } })
    expect(await command.exited).toEqual([0, null])
    await command.gone()
  })

  test('axon serve with a run that does not end lets it go after its grace, and ends with 0', async () => {
    const command = await serving({ one: { ...gate, shutdownMs: 200 } }, '--grace-ms', '200')
    await begin(command)
    command.kill(signal)
    expect(await command.exited).toEqual([0, null])
    await command.gone()
  })

  test('the second one ends axon serve at once, whatever is under way', async () => {
    const command = await serving({ one: gate })
    await begin(command)
    command.kill(signal)
    await vi.waitFor(async () => expect((await fetch(`${command.url}/readyz`)).status).toBe(503), { timeout: 20_000 })
    command.kill(signal)
    expect(await command.exited).toEqual([code, null])
    await command.gone()
  })

  test('axon serve that is starting ends at once', async () => {
    const command = await starting('serve', ['--no-auth'])
    command.kill(signal)
    expect(await command.exited).toEqual([code, null])
    await command.gone()
  })
})

describe('SIGHUP', () => {
  test('axon serve becomes what its file says now: a run under way ends on the old process, the next has the new one', async () => {
    const command = await serving({ one: gate, gone: echo })
    const { answer, release } = await begin(command)
    command.configure({ one: echo, added: echo })
    command.kill('SIGHUP')
    expect(await command.says(({ msg }) => msg === 'config.applied')).toMatchObject({ unapplied: [] })
    await command.says(({ msg, agent }) => msg === 'agent.ready' && agent === 'added')
    release()
    expect(await answer).toMatchObject({ status: 200, body: { result: { pid: expect.any(Number) } } })
    await command.says(({ msg, agent }) => msg === 'rollout.completed' && agent === 'one')
    for (const agent of ['one', 'added'])
      expect(await ask(command.url, agent, 'hi')).toMatchObject({ status: 200, body: { result: { prompt: 'hi' } } })
    expect(await ask(command.url, 'gone', 'hi')).toMatchObject({ status: 404 })
    command.kill('SIGTERM')
    expect(await command.exited).toEqual([0, null])
    await command.gone()
  })

  test('a file that is wrong is told, and changes nothing of axon serve', async () => {
    const command = await serving({ one: echo })
    const before = await ask(command.url, 'one', 'hi')
    command.configure({ one: { ...echo, concurrency: 0 }, added: echo })
    command.kill('SIGHUP')
    expect(await command.says(({ msg }) => msg === 'config.refused')).toMatchObject({
      error: { code: 'CONFIG_INVALID', message: expect.stringContaining('concurrency') },
    })
    expect(await ask(command.url, 'one', 'hi')).toEqual(before)
    expect(await ask(command.url, 'added', 'hi')).toMatchObject({ status: 404 })
    command.kill('SIGTERM')
    expect(await command.exited).toEqual([0, null])
    await command.gone()
  })

  test('axon serve that is starting reads its file when it has started', async () => {
    const command = await starting('serve', ['--no-auth'])
    command.configure({ one: echo })
    command.kill('SIGHUP')
    command.release()
    const { url } = await command.says((line) => 'url' in line)
    await command.says(({ msg }) => msg === 'rollout.completed')
    expect(await ask(url as string, 'one', 'hi')).toMatchObject({ body: { result: { prompt: 'hi' } } })
    command.kill('SIGTERM')
    expect(await command.exited).toEqual([0, null])
    await command.gone()
  })
})

describe.each([...endings, { signal: 'SIGHUP', code: 129 } as const])('$signal', ({ signal, code }) => {
  test('axon dev that is idle ends', async () => {
    const command = startCommand('dev', { one: gate })
    await command.says(({ type }) => type === 'agent.ready')
    command.kill(signal)
    expect(await command.exited).toEqual([code, null])
    await command.gone()
  })

  test('axon dev with an agent that is starting ends', async () => {
    const command = await starting('dev')
    command.kill(signal)
    expect(await command.exited).toEqual([code, null])
    await command.gone()
  })
})
