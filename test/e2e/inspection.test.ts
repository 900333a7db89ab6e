import { createWebSocketInspector } from '@statelyai/inspect'
import { expect, test } from 'vitest'
import type { InspectionEvent } from 'xstate'
import type { Axon } from '../../src/index.ts'
import { agent, newAxon, next, slowly } from './axon.ts'
import { type Frame, openFrameServer } from './frame-server.ts'

const secret = 'a-secret-that-nobody-may-see'
const definition = agent('own_secrets', { env: { API_KEY: secret }, restart: slowly })
const crashPath = ['provisioning', 'starting', 'ready', 'crashed', 'backoff']

interface Secrets {
  token: string
  nonce: string
}

/** Starts the agent, asks it for its secrets, and kills it. */
async function liveAndCrash(axon: Axon): Promise<string[]> {
  await axon.start()
  const { result } = await axon.agent('watched').run<Secrets>({ prompt: 'tell me all' })
  expect(result).toEqual({ token: expect.any(String), nonce: expect.any(String) })
  const backoff = next(axon, 'agent.backoff')
  process.kill(axon.agent('watched').snapshot()?.pid as number, 'SIGKILL')
  await backoff
  return [result.token, result.nonce, secret]
}

function stateOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : Object.keys(value ?? {})[0]
}

/** Repetitions taken out. */
function path(states: (string | undefined)[]): (string | undefined)[] {
  return states.filter((state, index) => state !== undefined && state !== states[index - 1])
}

test('an XState observer reads the life of an agent up to its crash and backoff, and no secret', async () => {
  const seen: string[] = []
  const states: (string | undefined)[] = []
  const inspect = (event: InspectionEvent) => {
    // What a tool would write down: events, snapshots, and the actors with their inputs.
    const { actorRef, ...rest } = event
    seen.push(JSON.stringify(rest))
    if (event.type !== '@xstate.snapshot' || (actorRef as { id?: string }).id !== 'server/0') return
    states.push(stateOf((event.snapshot as { value?: unknown }).value))
  }
  const axon = newAxon({ agents: { watched: definition }, inspect })
  const secrets = await liveAndCrash(axon)
  expect(path(states)).toEqual(['idle', ...crashPath])
  expect(seen.join('\n')).toContain('API_KEY')
  for (const each of secrets) expect(seen.filter((text) => text.includes(each))).toEqual([])
  expect(JSON.stringify(axon.actor.getSnapshot())).not.toContain(secret)
})

test("the inspector's own client shows the same over a WebSocket, also of what is sent by events", async () => {
  const server = await openFrameServer()
  const inspector = createWebSocketInspector({ url: server.url })
  try {
    const axon = newAxon({ agents: { watched: definition }, inspect: inspector.inspect })
    const secrets = await liveAndCrash(axon)
    const { sessionId } = await server.frame(isOf('server/0'))
    await server.frame((frame) => frame.sessionId === sessionId && frame.snapshot?.value === 'backoff')

    const frames = server.texts.map((text): Frame => JSON.parse(text))
    const states = frames.filter((frame) => frame.sessionId === sessionId && frame.type === '@xstate.snapshot')
    expect(path(states.map(({ snapshot }) => stateOf(snapshot?.value)))).toEqual(['idle', ...crashPath])
    expect(frames.map(({ event }) => event?.type)).toContain('process.exited')
    expect(frames.filter(isOf('axon'))).toHaveLength(1)
    expect(frames.some(({ name }) => name?.startsWith('run:'))).toBe(true)
    for (const each of secrets) expect(server.texts.filter((text) => text.includes(each))).toEqual([])
  } finally {
    inspector.stop()
    await server.close()
  }
})

test('an observer that throws ends nothing; a warning says so once', async () => {
  const warnings: string[] = []
  const onWarning = (warning: Error) => warnings.push(warning.message)
  process.on('warning', onWarning)
  const inspect = () => {
    throw new Error('clumsy')
  }
  const axon = newAxon({ agents: { watched: agent('echo') }, inspect })
  await axon.start()
  expect(await axon.agent('watched').run({ prompt: 'hello' })).toMatchObject({ result: { prompt: 'hello' } })
  await axon.close()
  process.off('warning', onWarning)
  expect(warnings.filter((warning) => warning.includes('clumsy'))).toHaveLength(1)
})

const isOf = (name: string) => (frame: Frame) => frame.type === '@xstate.actor' && frame.name === name
