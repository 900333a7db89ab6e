import { execFile } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import * as z from 'zod'
import { type Axon, tool } from '../../src/index.ts'
import { agent, cacheDir, fixtures, isAlive, makeEnvironment, newAxon, pydanticAi, scratch } from './axon.ts'

// This machine's kernel holds all of it: `required` starts nothing where it does not, and then these tests fail.
const sandbox = 'required'
/** EXDEV is how Landlock refuses a second name elsewhere. */
const refused = [expect.stringMatching(/^(EACCES|EPERM|EXDEV|PermissionError)$/), null]

const servers = new Set<Server>()
afterEach(() => {
  for (const server of servers) server.close()
  servers.clear()
})

test('an agent that needs nothing special works in a sandbox, and its snapshot says by what it is held', async () => {
  for (const start of ['warm', 'cold'] as const) {
    const axon = await newAxon({ agents: { confined: agent('escapes', { sandbox, start }) } }).start()
    expect(await attempt(axon, 'ordinary', fixtures)).toEqual([
      null,
      { certificates: true, temporary: true, directory: true, localhost: 80, random: 4, child: 'ran', resident: true },
    ])
    expect(axon.agent('confined').snapshot()?.sandbox).toEqual({
      level: 'required',
      read: [],
      write: [],
      net: [],
      env: [],
      run: [],
      achieved: {
        read: 'landlock',
        write: 'landlock',
        run: 'landlock',
        net: 'seccomp',
        sockets: 'seccomp',
        processes: 'landlock',
        privileges: 'no_new_privs',
      },
    })
    await axon.close()
  }
})

test('an agent of a framework works in a sandbox, and calls a tool of Node', async () => {
  await makeEnvironment(pydanticAi)
  const shout = tool({
    description: 'Shouts.',
    input: z.object({ text: z.string() }),
    execute: ({ text }) => `${text}!`,
  })
  const agents = {
    thinks: agent('thinks', { dependencies: pydanticAi, sandbox }),
    tooled: agent('tooled', { sandbox, tools: { shout } }),
  }
  const axon = await newAxon({ agents }).start()
  expect(await axon.agent('thinks').run({ prompt: 'Is it so?' })).toMatchObject({ result: 'It is so.' })
  const prompt = JSON.stringify({ call: 'shout', with: { text: 'hey' } })
  expect(await axon.agent('tooled').run({ prompt })).toMatchObject({ result: 'hey!' })
})

test('files outside are neither read nor changed, at import already, and permitted ones are', async () => {
  const [outside, data, desk] = [scratch(), scratch(), scratch()]
  const secret = join(outside, 'secret')
  for (const path of [secret, join(data, 'facts'), join(desk, 'notes')]) writeFileSync(path, 'words')
  const permissions = { read: [data], write: [desk] }
  for (const start of ['warm', 'cold'] as const) {
    const env = { READ_AT_IMPORT: secret }
    const axon = await newAxon({ agents: { confined: agent('escapes', { sandbox, permissions, env, start }) } }).start()
    expect(await attempt(axon, 'at_import')).toEqual([null, refused])
    for (const [name, ...rest] of [
      ['read', secret],
      ['list', outside],
      ['write', secret],
      ['truncate', secret],
      ['remove', secret],
      ['mkdir', join(outside, 'new')],
      ['symlink', secret, join(outside, 'link')],
      ['rename', join(desk, 'notes'), join(outside, 'notes')],
      ['link', secret, join(desk, 'secret')],
      ['write', join(data, 'facts')],
      ['write', join(fixtures, 'agents/escapes.py')],
      ['read', '/etc/shadow'],
      ['list', '/root'],
      ['list', '/tmp'],
      ['list', '/proc'],
      ['in_python', `open(${JSON.stringify(secret)})`],
    ] as const)
      expect({ name, rest, went: await attempt(axon, name, ...rest) }).toEqual({ name, rest, went: refused })
    expect(await attempt(axon, 'read', join(data, 'facts'))).toEqual([null, 'words'])
    expect((await attempt(axon, 'write', join(desk, 'notes')))[0]).toBeNull()
    // A way to it that is permitted to be made leads nowhere.
    expect((await attempt(axon, 'symlink', secret, join(desk, start)))[0]).toBeNull()
    expect(await attempt(axon, 'read', join(desk, start))).toEqual(refused)
    await axon.close()
  }
  expect(readFileSync(secret, 'utf8')).toBe('words')
})

test('connections go to permitted ports, and no other way leads out', async () => {
  const [allowed, other] = [await listen(), await listen()]
  const permissions = { net: [`*:${allowed}`] }
  const axon = await newAxon({ agents: { confined: agent('escapes', { sandbox, permissions }) } }).start()
  expect(await attempt(axon, 'connect', allowed)).toEqual([null, 'connected'])
  for (const name of ['connect', 'fast_open', 'multipath', 'datagram'])
    expect({ name, went: await attempt(axon, name, other) }).toEqual({ name, went: refused })
  expect(await attempt(axon, 'listen')).toEqual(refused)
  expect(await attempt(axon, 'io_uring')).toEqual(['ENOSYS', null])
  expect(axon.agent('confined').snapshot()?.sandbox?.achieved?.net).toBe('landlock')
})

test('without net there is no network, with net: true there is', async () => {
  const port = await listen()
  const agents = {
    confined: agent('escapes', { sandbox }),
    open: agent('escapes', { sandbox, permissions: { net: true } }),
  }
  const axon = await newAxon({ agents }).start()
  for (const name of ['connect', 'datagram'])
    expect({ name, went: await attempt(axon, name, port) }).toEqual({ name, went: refused })
  expect(await tried(axon, 'open', 'connect', port)).toEqual([null, 'connected'])
  expect((await tried(axon, 'open', 'datagram', port))[0]).toBeNull()
  expect(axon.agent('open').snapshot()?.sandbox?.achieved?.net).toBe('granted')
})

test("another agent's socket, memory and environment, Node's and the host's are out of reach", async () => {
  const env = { OTHERS_KEY: 'secret' }
  const agents = {
    confined: agent('escapes', { sandbox, permissions: { read: ['/proc'], net: true } }),
    sibling: agent('escapes', { env }),
    alike: agent('escapes', { sandbox, env, start: 'cold' }),
  }
  const axon = newAxon({ agents })
  const hosts: number[] = []
  axon.on('host.ready', ({ pid, guard }) => void hosts.push(pid, guard))
  await axon.start()
  for (const name of ['sibling', 'alike']) {
    const { endpoint } = axon.agent(name).snapshot() ?? {}
    if (endpoint?.kind !== 'unix') throw new Error('It has no socket.')
    for (const way of ['unix', 'unix_datagram']) expect(await attempt(axon, way, endpoint.path)).toEqual(refused)
  }
  expect(await attempt(axon, 'unix', join(axon.runtimeDir ?? '', 'axon.sock'))).toEqual(refused)
  expect(await attempt(axon, 'list', axon.runtimeDir)).toEqual(refused)

  const others = [process.pid, ...hosts, ...['sibling', 'alike'].map((name) => pidOf(axon, name))]
  for (const pid of others) {
    for (const [name, ...rest] of [
      ['read', `/proc/${pid}/environ`],
      ['read', `/proc/${pid}/mem`],
      ['read', `/proc/${pid}/maps`],
      ['read', `/proc/${pid}/fd/0`],
      ['read', `/proc/${pid}/root/etc/hosts`],
      ['read_memory', pid],
      ['attach', pid],
      ['look_for', pid],
      ['kill', pid],
    ] as const)
      expect({ name, rest, went: await attempt(axon, name, ...rest) }).toEqual({ name, rest, went: refused })
    expect(isAlive(pid)).toBe(true)
  }
  expect((await attempt(axon, 'look_for', pidOf(axon, 'confined')))[0]).toBeNull()
})

test('no program is executed but its own interpreter and those that are permitted', async () => {
  const agents = {
    confined: agent('escapes', { sandbox }),
    echoes: agent('escapes', { sandbox, permissions: { run: ['echo'] } }),
    runs: agent('escapes', { sandbox, permissions: { run: true } }),
  }
  const axon = await newAxon({ agents }).start()
  expect(await attempt(axon, 'execute', '/bin/sh', '-c', 'true')).toEqual(refused)
  expect(await attempt(axon, 'execute_by_loader', '/bin/true')).toEqual(refused)
  expect(await tried(axon, 'echoes', 'execute', 'echo', 'hello')).toEqual([null, 'hello'])
  expect(await tried(axon, 'echoes', 'execute', '/bin/sh', '-c', 'true')).toEqual(refused)
  expect(await tried(axon, 'runs', 'execute', '/bin/sh', '-c', 'echo $((1 + 1))')).toEqual([null, '2'])
  // What is run is in the sandbox, too.
  expect(await tried(axon, 'runs', 'execute', 'cat', '/etc/shadow')).toEqual(refused)
})

test('no privileges are gained, and those of root are gone', async () => {
  const axon = await newAxon({ agents: { confined: agent('escapes', { sandbox }) } }).start()
  expect(await attempt(axon, 'namespace')).toEqual(refused)
  expect(await attempt(axon, 'set_user')).toEqual(refused)
  const status = readFileSync(`/proc/${pidOf(axon, 'confined')}/status`, 'utf8')
  expect(status).toMatch(/^NoNewPrivs:\t1$/m)
  expect(status).toMatch(/^Seccomp:\t2$/m)
  // At most the right to override those of files: Landlock decides about files.
  expect(status).toMatch(/^CapEff:\t000000000000000[02]$/m)
})

test("of Node's environment a sandbox shows the named variables, and its temporary directory goes with the process", async () => {
  const env = {
    ...process.env,
    SHOWN: '1',
    AWS_KEY: '2',
    HIDDEN: '3',
    HTTPS_PROXY: 'http://user:password@proxy',
    HOME: '/root',
  }
  const permissions = { env: ['SHOWN', 'AWS_*'] }
  const agents = { confined: agent('escapes', { sandbox, permissions, env: { OWN: '4' } }) }
  const axon = await newAxon({ agents, env }).start()
  const [, variables] = (await attempt(axon, 'environment')) as [null, Record<string, string>]
  expect(variables).toMatchObject({ SHOWN: '1', AWS_KEY: '2', OWN: '4', HOME: variables.TMPDIR })
  expect(Object.keys(variables)).not.toEqual(expect.arrayContaining(['HIDDEN']))
  expect(Object.keys(variables)).not.toEqual(expect.arrayContaining(['HTTPS_PROXY']))
  expect((await attempt(axon, 'host_environment'))[1]).not.toContain('password')
  const temporary = variables.TMPDIR as string
  expect((await attempt(axon, 'mkdir', join(temporary, 'made')))[0]).toBeNull()
  const stopped = new Promise((resolve) => axon.on('agent.stopped', resolve))
  axon.agent('confined').send({ type: 'agent.stop' })
  await stopped
  expect(() => readFileSync(join(temporary, 'made'))).toThrow('ENOENT')
})

test('where the kernel has no Landlock, required starts nothing, and best-effort says what is not held', async () => {
  // Had any of its code run, this would be the error that it raises.
  expect(await withoutLandlock('agents.raises_at_import', 'required')).toMatchObject({
    code: 'PROCESS_SANDBOX_UNAVAILABLE',
    agent: 'asked',
    message: expect.stringMatching(/read: the kernel has no Landlock.*processes: .*Linux 6\.12.*'best-effort'/),
  })
  expect(await withoutLandlock('agents.echo', 'best-effort')).toEqual({
    read: 'none',
    write: 'none',
    run: 'none',
    net: 'seccomp',
    sockets: 'seccomp',
    processes: 'none',
    privileges: 'no_new_privs',
  })
})

async function withoutLandlock(module: string, level: string): Promise<unknown> {
  const command = [process.execPath, join(fixtures, 'unconfined.ts'), cacheDir, fixtures, module, level]
  const { stdout } = await promisify(execFile)('python3', [join(fixtures, 'without_landlock.py'), ...command])
  return JSON.parse(stdout)
}

function attempt(axon: Axon, ...what: unknown[]): Promise<unknown[]> {
  return tried(axon, 'confined', ...what)
}

async function tried(axon: Axon, name: string, ...what: unknown[]): Promise<unknown[]> {
  return (await axon.agent(name).run<unknown[]>({ prompt: JSON.stringify(what) })).result
}

function pidOf(axon: Axon, name: string): number {
  return axon.agent(name).snapshot()?.pid as number
}

async function listen(): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {}).end())
  servers.add(server)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return (server.address() as { port: number }).port
}
