/**
 * Owns the proof that /inspect speaks as XState's own inspector does.
 */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { createWebSocketInspector, createWebSocketReceiver, type StatelyInspectionEvent } from '@statelyai/inspect'
import { expect, onTestFinished, test } from 'vitest'
import { type AnyActorRef, assign, createActor, fromPromise, sendTo, setup, waitFor } from 'xstate'
import { createInspector } from '../../src/index.ts'
import { actorFrame, frameOf, wireVersion } from '../../src/inspector/xstate-frames.ts'
import { agent, newAxon, next, slowly } from '../e2e/axon.ts'
import { openFrameServer } from '../e2e/frame-server.ts'

type Frame = Record<string, unknown> & { type: string; sessionId: string }

/** A machine with a child machine, a promise, a delay, functions in its events, and nested and parallel states. */
function family() {
  const child = setup({}).createMachine({
    id: 'child',
    initial: 'idle',
    states: { idle: { on: { work: 'working' } }, working: { after: { 5: 'idle' } } },
  })
  return setup({
    actors: { child, fetch: fromPromise(async () => ({ page: 1 })) },
    actions: { count: assign({ count: ({ context }) => context.count + 1 }) },
    types: { context: {} as { count: number; note?: string } },
  }).createMachine({
    id: 'parent',
    context: { count: 0 },
    invoke: { id: 'kid', src: 'child', systemId: 'kid' },
    type: 'parallel',
    states: {
      left: {
        initial: 'a',
        states: {
          a: { on: { go: { target: 'b', actions: ['count', sendTo('kid', { type: 'work' })] } } },
          b: { invoke: { id: 'fetch', src: 'fetch', onDone: 'c' } },
          c: { type: 'final', tags: ['done'] },
        },
      },
      right: { initial: 'x', states: { x: {} } },
    },
  })
}

test("each frame has the fields of the inspector's own client, of actors, events and snapshots", async () => {
  const server = await openFrameServer()
  const inspector = createWebSocketInspector({ url: server.url })
  onTestFinished(async () => {
    inspector.stop()
    await server.close()
  })
  const ours: string[] = []
  const actor = createActor(family(), {
    id: 'parent-1',
    inspect: (event) => {
      // The client waits until its process has nothing else to do, and so writes actors as they are then.
      setTimeout(() => {
        const frame = frameOf(event)
        if (frame !== undefined) ours.push(frame)
      }, 0)
      inspector.inspect.next?.(event)
    },
  }).start()
  actor.send({ type: 'go' })
  await waitFor(actor, (snapshot) => snapshot.matches({ left: 'c' }))
  actor.send({
    type: 'unheard',
    callback: () => {},
    deep: { list: [1, undefined, () => 1, null, Number.NaN] },
  } as never)
  await server.frame((frame) => (frame as unknown as Frame).type === '@xstate.event' && frame.event?.type === 'unheard')
  await new Promise((resolve) => setTimeout(resolve, 0))
  const theirs = server.texts.map((text) => plain(JSON.parse(text)))
  const told = ours.map((text) => plain(JSON.parse(text)))
  expect(theirs.length).toBeGreaterThan(10)
  expect(told.slice(0, theirs.length)).toEqual(theirs)
  actor.stop()
})

test('the version is that of the inspector whose frames these are', () => {
  const own = createRequire(import.meta.url)
  const path = join(own.resolve('@statelyai/inspect'), '../../package.json')
  expect(JSON.parse(readFileSync(path, 'utf8')).version).toBe(wireVersion)
})

test('a definition keeps its structure, and no value of it that is secret', () => {
  const machine = setup({}).createMachine({
    id: 'm',
    context: { token: 'hidden-value', size: 1 },
    initial: 'a',
    states: { a: { on: { 'refresh.token': 'b' } }, b: {} },
  } as never)
  const { definition } = JSON.parse(actorFrame(createActor(machine) as AnyActorRef, 'x'))
  expect(definition).not.toContain('hidden-value')
  expect(JSON.parse(definition)).toMatchObject({ id: 'm', states: { a: { on: { 'refresh.token': 'b' } } } })
})

test('a receiver that comes late rebuilds the tree of a system that lives, and follows its states', async () => {
  const secret = 'a-secret-that-nobody-may-see'
  const axon = newAxon({ agents: { watched: agent('own_secrets', { env: { API_KEY: secret }, restart: slowly }) } })
  await axon.start()
  const inspector = await createInspector(axon)
  onTestFinished(() => inspector.close())
  const seen: StatelyInspectionEvent[] = []
  const receiver = createWebSocketReceiver({ server: inspector.inspectUrl })
  const waiting = new Set<() => void>()
  receiver.subscribe((event) => {
    seen.push(event)
    for (const look of waiting) look()
  })
  const until = (is: () => boolean) =>
    new Promise<void>((resolve) => {
      const look = () => {
        if (!is()) return
        waiting.delete(look)
        resolve()
      }
      waiting.add(look)
      look()
    })
  await until(() => seen.some((event) => event.type === '@xstate.actor' && event.name === 'server/0'))
  const before = rebuilt(seen)
  expect(before.path('server/0')).toEqual(['axon', 'agent:watched', 'server/0'])
  expect(before.value('server/0')).toBe('ready')

  const { result } = await axon.agent('watched').run<{ token: string; nonce: string }>({ prompt: 'tell me all' })
  const backoff = next(axon, 'agent.backoff')
  process.kill(axon.agent('watched').snapshot()?.pid as number, 'SIGKILL')
  await backoff
  await until(() => rebuilt(seen).value('server/0') === 'backoff')
  expect(seen.map((event) => ('event' in event ? event.event.type : ''))).toContain('process.exited')
  expect(seen.some((event) => event.type === '@xstate.actor' && event.name.startsWith('run:'))).toBe(true)
  const all = JSON.stringify(seen)
  for (const each of [result.token, result.nonce, secret]) expect(all).not.toContain(each)
  // Parents come first.
  const known = new Set<string>()
  for (const event of seen) {
    if (event.type !== '@xstate.actor') expect(known).toContain(event.sessionId)
    else if (event.parentId !== undefined) expect(known).toContain(event.parentId)
    known.add(event.sessionId)
  }
})

/** Without what differs by time alone. */
function plain({ createdAt, definition, ...frame }: Record<string, unknown>): unknown {
  expect(createdAt).toMatch(/^\d{13}$/)
  return { ...frame, ...(typeof definition === 'string' && { definition: JSON.parse(definition) }) }
}

/** As a receiver makes it from frames. */
function rebuilt(events: readonly StatelyInspectionEvent[]) {
  const actors = new Map<string, { name: string; parentId: string | undefined; snapshot: unknown }>()
  for (const event of events) {
    if (event.type === '@xstate.actor')
      actors.set(event.sessionId, { name: event.name, parentId: event.parentId, snapshot: event.snapshot })
    else if (event.type === '@xstate.snapshot') {
      const actor = actors.get(event.sessionId)
      if (actor) actor.snapshot = event.snapshot
    }
  }
  const named = (name: string) => [...actors].find(([, actor]) => actor.name === name)
  return {
    value: (name: string) => (named(name)?.[1].snapshot as { value?: unknown } | undefined)?.value,
    path: (name: string) => {
      const path: string[] = []
      for (let id = named(name)?.[0]; id !== undefined; id = actors.get(id)?.parentId)
        path.unshift(actors.get(id)?.name ?? id)
      return path
    },
  }
}
