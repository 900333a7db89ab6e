import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { connect } from 'node:net'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agent, isAlive, newAxon, next, record, rejection, scratch } from './axon.ts'

test('an agent that takes no polite signal is gone within shutdownMs and a second', async () => {
  const shutdownMs = 200
  const axon = await newAxon({ agents: { deaf: agent('ignores_sigterm', { shutdownMs }) } }).start()
  const deaf = axon.agent('deaf')
  const pid = deaf.snapshot()?.pid as number
  const ignoring = next(axon, 'process.output', ({ line }) => line === 'ignoring')
  const run = rejection(deaf.run({ prompt: 'listen' }))
  await ignoring
  const exited = next(axon, 'process.exited')
  const stopped = next(axon, 'agent.stopped')
  const stoppedAt = performance.now()
  deaf.send({ type: 'agent.stop' })
  await stopped
  expect(performance.now() - stoppedAt).toBeLessThan(shutdownMs + 1_000)
  expect(isAlive(pid)).toBe(false)
  expect((await exited).exit).toMatchObject({ signal: 'SIGKILL', reason: 'stop' })
  expect(await run).toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
})

test('a flood of output is read, cut and counted, and what is kept of it is bounded', async () => {
  const axon = await newAxon({ agents: { prints: agent('prints') } }).start()
  const lines: { stream: string; line: string; droppedBytes: number }[] = []
  axon.on('process.output', (event) => lines.push(event))
  const bytes = 4 * 1024 * 1024
  const last = next(axon, 'process.output', ({ line }) => line === 'the last line')
  const run = axon.agent('prints').run({ prompt: 'the last line', deps: { lines: 5_000, bytes } })
  expect(await run).toMatchObject({ result: 'written' })
  await last
  for (const stream of ['stdout', 'stderr']) {
    const own = lines.filter((line) => line.stream === stream)
    // Control characters are taken out.
    expect(own[0]?.line).toBe('line 0')
    expect(own[4_999]?.line).toBe('line 4999')
    expect(own[5_000]?.line).toHaveLength(16 * 1024)
    expect(own[5_000]?.droppedBytes).toBe(bytes - 16 * 1024)
  }
  const exited = next(axon, 'process.exited')
  axon.agent('prints').send({ type: 'agent.stop' })
  expect((await exited).exit.lastLines.length).toBeLessThanOrEqual(40)
})

test("an agent sees an allow-list of Node's environment and what its definition declares, and nothing else", async () => {
  const env = { ...process.env, DATABASE_PASSWORD: 'hunter2', LC_TIME: 'C', PYTHONPATH: '/nowhere' }
  const agents = { curious: agent('environment', { env: { API_KEY: 'declared', TZ: 'Asia/Tokyo' } }) }
  const axon = await newAxon({ env, agents }).start()
  const { result } = await axon.agent('curious').run<Record<string, string>>({ prompt: 'tell me all' })
  expect(result).toMatchObject({
    API_KEY: 'declared',
    TZ: 'Asia/Tokyo',
    LC_TIME: 'C',
    PATH: process.env.PATH,
    AXON_SYSTEM: axon.id,
    AXON_AGENT: 'curious',
  })
  expect(Object.keys(result)).not.toContain('DATABASE_PASSWORD')
  expect(Object.keys(result)).not.toContain('PYTHONPATH')
  expect(Object.values(result).join('\n')).not.toContain('hunter2')
})

test('the variables of an agent are in no memory but its own: not in the host, not in an agent that is forked later', async () => {
  const [head, tail] = [randomUUID(), randomUUID()]
  const axon = await newAxon({
    agents: { holder: agent('searches_memory', { env: { API_KEY: head + tail } }) },
  }).start()
  const count = async (name: string) => (await axon.agent(name).run({ prompt: '', deps: { head, tail } })).result
  expect(await count('holder')).toBeGreaterThan(0)
  // One of them may have been made ahead; the others are forked when they are asked for.
  for (const name of ['one', 'two', 'three']) await axon.spawn({ name, ...agent('searches_memory') })
  for (const name of ['one', 'two', 'three']) expect(await count(name)).toBe(0)
})

test('neither the bearer token nor the nonce of a process stands in its arguments or its environment', async () => {
  const axon = await newAxon({ agents: { secrets: agent('own_secrets') } }).start()
  const secrets = axon.agent('secrets')
  const { result } = await secrets.run<{ token: string; nonce: string }>({ prompt: 'tell me all' })
  expect(result.token).toMatch(/^[\w-]{43}$/)
  expect(result.nonce).toMatch(/^[0-9a-f]{64}$/)
  const { pid } = secrets.snapshot() ?? {}
  const visible = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1')).join()
  expect(visible).toContain('axon_agent')
  expect(visible).not.toContain(result.token)
  expect(visible).not.toContain(result.nonce)
})

test('each process has a token of its own: that of another agent, of an earlier process, or none, is refused', async () => {
  const agents = { one: agent('own_secrets', { port: 0 }), two: agent('own_secrets', { port: 0 }) }
  const axon = await newAxon({ agents }).start()
  const tokenOf = async (name: string) =>
    (await axon.agent(name).run<{ token: string }>({ prompt: 'tell me all' })).result.token
  const endpoint = axon.agent('one').snapshot()?.endpoint
  if (endpoint?.kind !== 'tcp') throw new Error('The agent has no port.')
  const [own, other] = [await tokenOf('one'), await tokenOf('two')]
  expect(own).not.toBe(other)
  const health = (authorization: Record<string, string>) =>
    fetch(`http://127.0.0.1:${endpoint.port}/health`, { headers: authorization })
  expect((await health({ authorization: `Bearer ${own}` })).status).toBe(200)
  for (const wrong of [other, own.slice(0, -1), `${own}x`, 'x'.repeat(10_000), '']) {
    const response = await health({ authorization: `Bearer ${wrong}` })
    expect(response.status).toBe(401)
    expect(await response.json()).toMatchObject({ error: { code: 'PROTOCOL_UNAUTHORIZED' } })
  }
  expect((await health({})).status).toBe(401)

  const ready = next(axon, 'agent.ready')
  axon.agent('one').send({ type: 'agent.restart' })
  const renewed = (await ready).endpoint
  if (renewed.kind !== 'tcp') throw new Error('The agent has no port.')
  const old = await fetch(`http://127.0.0.1:${renewed.port}/health`, { headers: { authorization: `Bearer ${own}` } })
  expect(old.status).toBe(401)
})

test('whoever connects to the socket of the system without the nonce is shut out, and told of', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const refused = next(axon, 'connection.refused')
  const stranger = connect(join(axon.runtimeDir as string, 'axon.sock'))
  const hello = { type: 'hello', protocol: 1, generation: 'echo/0#1', pid: 1, nonce: 'f'.repeat(64), stream: 'control' }
  stranger.write(`${JSON.stringify(hello)}\n`)
  await once(stranger, 'close')
  expect((await refused).reason).toContain('wrong nonce')
  expect(await axon.agent('echo').run({ prompt: 'all well?' })).toMatchObject({ result: { prompt: 'all well?' } })
})

test("an agent that says hello in another's name, or again in its own, gets nothing, and the other is not touched", async () => {
  const axon = await newAxon({ agents: { guesses: agent('guesses'), other: agent('echo') } }).start()
  const pid = axon.agent('other').snapshot()?.pid
  const events = record(axon)
  // Its own, the other's, and the other's next.
  const generations = ['guesses/0#1', 'other/0#1', 'other/0#2']
  const { result } = await axon.agent('guesses').run<string[]>({ prompt: 'guess', deps: { generations } })
  expect(result).toEqual(Array.from({ length: generations.length * 8 }, () => ''))
  expect(events.filter(({ type }) => type === 'connection.refused')).toHaveLength(result.length)
  expect(await axon.agent('other').run({ prompt: 'all well?' })).toMatchObject({ result: { pid } })
})

test('a file that stands where sockets are made is not followed: each system makes a private directory of its own', async () => {
  const runtimeDir = scratch()
  const one = await newAxon({ runtimeDir, agents: { echo: agent('echo') } }).start()
  const two = await newAxon({ runtimeDir, agents: { echo: agent('echo') } }).start()
  expect(one.runtimeDir?.startsWith(`${runtimeDir}/`)).toBe(true)
  expect(one.runtimeDir).not.toBe(two.runtimeDir)
  const deep = join(scratch(), 'd'.repeat(120))
  const three = await newAxon({ runtimeDir: deep, agents: { echo: agent('echo') } }).start()
  // A socket's path would be too long there.
  expect(three.runtimeDir?.startsWith(deep)).toBe(false)
  expect(await three.agent('echo').run({ prompt: 'hello' })).toMatchObject({ result: { prompt: 'hello' } })
})

test('what is told of a stopped agent ends with its exit: nothing of an old process comes after it', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo', { replace: 'recreate' }) } }).start()
  const events = record(axon)
  const stopped = next(axon, 'agent.stopped')
  axon.agent('echo').send({ type: 'agent.restart' })
  await next(axon, 'agent.ready')
  axon.agent('echo').send({ type: 'agent.stop' })
  await stopped
  const first = events.filter((event) => 'generation' in event && event.generation === 'echo/0#1')
  expect(first.at(-1)?.type).toBe('process.exited')
})
