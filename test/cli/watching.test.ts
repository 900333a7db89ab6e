import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline/promises'
import { text } from 'node:stream/consumers'
import { expect, onTestFinished, test } from 'vitest'
import type { Axon } from '../../src/index.ts'
import { agent, newAxon, next, root, scratch } from '../e2e/axon.ts'
import { openTerminal } from './pseudo-terminal.ts'

const bin = join(root, 'bin/axon.js')

/** A system that is watched, and the environment in which commands find it. */
async function running(): Promise<{ axon: Axon; env: NodeJS.ProcessEnv }> {
  const stateDir = scratch()
  const agents = { echo: agent('echo'), pair: agent('echo', { replicas: 2 }) }
  const axon = await newAxon({ stateDir, operator: true, agents }).start()
  return { axon, env: { ...process.env, AXON_STATE_DIR: stateDir, NO_COLOR: '1' } }
}

function start(env: NodeJS.ProcessEnv, ...args: string[]) {
  const child = spawn(process.execPath, [bin, ...args], { cwd: scratch(), env, stdio: ['ignore', 'pipe', 'pipe'] })
  onTestFinished(() => void child.kill('SIGKILL'))
  const exited = new Promise<number | null>((resolve) => child.once('exit', resolve))
  return { child, exited }
}

async function output(env: NodeJS.ProcessEnv, ...args: string[]) {
  const { child, exited } = start(env, ...args)
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)])
  return { code: await exited, stdout, stderr }
}

function lines(child: ReturnType<typeof start>['child']) {
  return createInterface({ input: child.stdout })[Symbol.asyncIterator]()
}

test('top is one plain table where it is not a terminal', async () => {
  const { env } = await running()
  const { code, stdout } = await output(env, 'top')
  expect(code).toBe(0)
  const [head = '', ...rows] = stdout.trimEnd().split('\n')
  expect(head).toMatch(/^AGENT +STATE +PID +FLIGHT/)
  expect(rows.map((row) => row.trim().split(/ +/).slice(0, 2))).toEqual([
    ['echo', 'ready'],
    ['pair', 'ready'],
    ['pair/0', 'ready'],
    ['pair/1', 'ready'],
  ])
})

test('top --json is one line for each look, until the system ends', async () => {
  const { axon, env } = await running()
  const { child, exited } = start(env, 'top', '--json', '--interval', '50')
  const read = lines(child)
  const look = async () => JSON.parse((await read.next()).value as string)
  expect(await look()).toMatchObject({ system: axon.id, agents: [{ name: 'echo', runs: 0 }, { name: 'pair' }] })
  await axon.agent('echo').run({ prompt: 'hi' })
  while ((await look()).agents[0].runs !== 1);
  await axon.close()
  while (!(await read.next()).done);
  expect(await exited).toBe(0)
})

test('in a terminal top draws over itself, follows its size, sorts by a key, and q gives the screen back', async () => {
  const { axon, env } = await running()
  const terminal = openTerminal(process.execPath, [bin, 'top', '--interval', '50'], { env, columns: 120, rows: 12 })
  await terminal.shows(/AGENT.*CPU/)
  await terminal.shows(/^ {2}pair\/1 +ready/m)
  for (let at = 0; at < 3; at += 1) await axon.agent('pair').run({ prompt: 'hi' })
  await terminal.shows(/^pair +ready +2× +0 +0 +3 /m)
  terminal.type('r')
  await terminal.shows('sorted by runs')
  await terminal.becomes((screen) => screen.indexOf('pair') < screen.indexOf('echo'))
  terminal.resize(40, 5)
  await terminal.becomes((screen) => screen.split('\n').every((line) => line.length < 40) && !screen.includes('pair/1'))
  const crashed = next(axon, 'agent.ready')
  process.kill(axon.agent('echo').snapshot()?.pid as number, 'SIGKILL')
  await crashed
  terminal.type('q')
  expect(await terminal.exited).toBe(0)
  expect(terminal.raw).satisfy((raw: string) => raw.startsWith('\u001b[?1049h\u001b[?25l'))
  expect(terminal.raw.trimEnd().endsWith('\u001b[?25h\u001b[?1049l')).toBe(true)
  // NO_COLOR
  expect(terminal.raw).not.toContain('\u001b[31m')
})

test('Ctrl-C ends top and gives the screen back', async () => {
  const { env } = await running()
  const terminal = openTerminal(process.execPath, [bin, 'top'], { env })
  await terminal.shows('AGENT')
  terminal.interrupt()
  expect(await terminal.exited).toBe(130)
  expect(terminal.raw.trimEnd().endsWith('\u001b[?25h\u001b[?1049l')).toBe(true)
})

test('top says that the system has ended, after it has given the screen back', async () => {
  const { axon, env } = await running()
  const terminal = openTerminal(process.execPath, [bin, 'top', '--interval', '50'], { env })
  await terminal.shows('AGENT')
  await axon.close()
  expect(await terminal.exited).toBe(0)
  expect(terminal.raw).toContain('\u001b[?1049lThe system has ended.')
})

test('events are one line each, for programs one object, and end with the system', async () => {
  const { axon, env } = await running()
  const [plain, json] = [start(env, 'events', '--agent', 'echo'), start(env, 'events', '--type', 'run.*', '--json')]
  const [read, parsed] = [lines(plain.child), lines(json.child)]
  // Whether they follow already is seen by what they say.
  let isSeen = 0
  const first = Promise.all(
    [read.next(), parsed.next()].map(async (line) => {
      const { value } = await line
      isSeen += 1
      return value as string
    }),
  )
  while (isSeen < 2) await axon.agent('echo').run({ prompt: 'hi' })
  const [line, object] = await first
  expect(line).toMatch(/^\d\d:\d\d:\d\d\.\d{3} run\.\w+ +echo/)
  expect(JSON.parse(object as string)).toMatchObject({
    type: expect.stringMatching(/^run\./),
    time: expect.any(Number),
  })
  await axon.close()
  let last = ''
  for (let item = await read.next(); !item.done; item = await read.next()) last = item.value
  for (let item = await parsed.next(); !item.done; item = await parsed.next())
    expect(JSON.parse(item.value).type).toMatch(/^run\./)
  expect(last).toMatch(/agent\.(stopped|retired)|replica\.removed|process\.exited/)
  expect(await Promise.all([plain.exited, json.exited])).toEqual([0, 0])
})

test('without a system there is an exit code of its own, and an error that says what to try', async () => {
  const env = { ...process.env, AXON_STATE_DIR: scratch() }
  for (const command of ['top', 'events']) {
    const { code, stdout, stderr } = await output(env, command, '--json')
    expect([code, JSON.parse(stdout).error.code]).toEqual([5, 'SYSTEM_UNKNOWN'])
    expect(stderr).toContain('Start one')
  }
})
