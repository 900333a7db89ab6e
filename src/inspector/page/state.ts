/**
 * Owns what the views read and set: signals, and the few functions that ask the server. It draws nothing and opens no socket; intake.ts
 * fills it and connection.ts or recording.ts feeds that.
 *
 * 1. `shown` is what views draw: the world now, or at the playhead. `actorSignal(id)` is set only when that actor changed.
 * 2. Nothing is sent in replay, by a role that only reads, or without a connection.
 */
import { computed, effect, type ReadonlySignal, type Signal, signal, untracked } from '@preact/signals'
import type { AckFrame, Command, LogFrame, StreamFrame } from '../frames.ts'
import { History } from './history.ts'
import { type Actor, emptyWorld, rootOf, type WorldState } from './world.ts'

export type Tab = 'chart' | 'messages' | 'events' | 'logs' | 'figures' | 'talk'
export const tabs: readonly Tab[] = ['chart', 'messages', 'events', 'logs', 'figures', 'talk']

/** The five places of the foot navigation: the list, or one view of the whole system. */
export type View = 'actors' | 'runs' | 'events' | 'figures' | 'talk'

export type Connection =
  | { phase: 'connecting'; since: number; address: string }
  | { phase: 'live' }
  | { phase: 'lost'; since: number; retryAt: number; wasTooSlow: boolean }
  | { phase: 'unauthorized'; address: string }
  | { phase: 'closed'; at: number }
  | { phase: 'recording'; name: string }
  /** Opened without a server: waits for a recording. */
  | { phase: 'static' }

type WithoutRef<T> = T extends unknown ? Omit<T, 'ref'> : never
export type Asking = WithoutRef<Command>

/** The world now. The maps in it are the same ones each time; the object round them is new. */
export const live = signal<WorldState>(emptyWorld())
/** The number of the event that is looked at; undefined is live. */
export const playhead = signal<number | undefined>(undefined)
/** Replaced when a recording is opened or another system comes. */
export const history = signal(new History())
/** Set after each drain that brought history; the number of its newest event. */
export const newestSeq = signal(0)
/** The world that is looked at. Changes with each drain: prefer `actorSignal`, `treeVersion` and `figuresVersion`. */
export const shown: ReadonlySignal<WorldState> = computed(() =>
  playhead.value === undefined ? live.value : history.value.worldAt(playhead.value),
)

/** Set when actors came or went, or the playhead moved. */
export const treeVersion = signal(0)
/** Set when figures came, or the playhead moved. */
export const figuresVersion = signal(0)
/** The server's time, in milliseconds since 1970, twice a second; in replay, that of the playhead. */
export const now = signal(Date.now())
/** The server's clock less ours, in milliseconds. */
export const clockOffset = signal(0)

/** A sessionId. */
export const selected = signal<string | undefined>(undefined)
export const tab = signal<Tab>('chart')
export const view = signal<View>('actors')
export const filter = signal('')
export const connection = signal<Connection>({ phase: 'connecting', since: Date.now(), address: '' })
/** Age of the newest frame when it was painted, in milliseconds. */
export const frameAgeMs = signal<number | undefined>(undefined)

export const hello = computed(() => live.value.hello)
export const role = computed(() => hello.value?.role ?? 'read')
export const isReplay = computed(() => playhead.value !== undefined || connection.value.phase === 'recording')
/** Whether a button that sends may be pressed. */
export const canSend = computed(() => role.value === 'operate' && connection.value.phase === 'live' && !isReplay.value)
/** Whether the server takes such a command from this page. */
export const takes = (type: Command['type']) => canSend.value && hello.value?.caps.includes(type) === true

const actors = new Map<string, Signal<Actor | undefined>>()

/** One actor of the world that is looked at. */
export function actorSignal(sessionId: string): ReadonlySignal<Actor | undefined> {
  let found = actors.get(sessionId)
  if (found === undefined) {
    found = signal(untracked(() => shown.value.actors.get(sessionId)))
    actors.set(sessionId, found)
  }
  return found
}

/** The actor that is selected, else the one at the top. */
export const selectedActor = computed(() => {
  treeVersion.value
  const id = selected.value ?? untracked(() => rootOf(shown.value))?.sessionId
  return id === undefined ? undefined : actorSignal(id).value
})

/** Writes changed actors of the live world into their signals; all of them without `ids`. For intake.ts and the playhead. */
export function refreshActors(ids?: Iterable<string>): void {
  const world = untracked(() => shown.value)
  for (const id of ids ?? actors.keys()) {
    const found = actors.get(id)
    if (found === undefined) continue
    found.value = world.actors.get(id)
    if (found.value === undefined && untracked(() => selected.value) !== id) actors.delete(id)
  }
}

effect(() => {
  playhead.value
  history.value
  untracked(() => {
    refreshActors()
    treeVersion.value += 1
    figuresVersion.value += 1
    if (playhead.value !== undefined) now.value = shown.value.at
  })
})

const keptLines = 2000
const keptStreams = 20
const keptStreamEvents = 10_000
const logs = new Map<string, Signal<readonly LogFrame[]>>()
const streams = new Map<string, Signal<readonly StreamFrame[]>>()

/** The last 2,000 lines of an actor, while it is or was watched. */
export function logsOf(sessionId: string): ReadonlySignal<readonly LogFrame[]> {
  return signalIn(logs, sessionId)
}

/** The events of a run, in the order of their `id`, while it is or was watched. */
export function streamOf(run: string): ReadonlySignal<readonly StreamFrame[]> {
  return signalIn(streams, run)
}

function signalIn<T>(map: Map<string, Signal<readonly T[]>>, key: string): Signal<readonly T[]> {
  const found = map.get(key) ?? signal<readonly T[]>([])
  map.set(key, found)
  return found
}

/** Adds lines of one actor; those that are known already are left out. For intake.ts. */
export function addLogs(sessionId: string, lines: readonly LogFrame[]): void {
  const all = signalIn(logs, sessionId)
  const last = all.value.at(-1)?.n ?? -1
  all.value = [...all.value, ...lines.filter(({ n }) => n > last)].slice(-keptLines)
}

/** Adds events of one run; those that are known already are left out. For intake.ts. */
export function addStream(run: string, events: readonly StreamFrame[]): void {
  const all = signalIn(streams, run)
  const last = all.value.at(-1)?.id ?? -1
  all.value = [...all.value, ...events.filter(({ id }) => id > last)].slice(-keptStreamEvents)
  for (const old of [...streams.keys()].slice(0, -keptStreams)) {
    if (old !== run && !watched.runs.has(old)) streams.delete(old)
  }
}

/** All lines and events that are known, for a recording. */
export function knownStreams(): (LogFrame | StreamFrame)[] {
  return [...logs.values(), ...streams.values()].flatMap((each) => each.value as readonly (LogFrame | StreamFrame)[])
}

/** Forgets all lines and events: another system is looked at. */
export function clearStreams(): void {
  for (const each of [...logs.values(), ...streams.values()]) each.value = []
}

let ask: ((command: Asking) => Promise<AckFrame>) | undefined

/** Told by connection.ts: how to ask the server; undefined while there is none. What is watched is asked for again. */
export function connectTo(asking: typeof ask): void {
  ask = asking
  if (ask === undefined) return
  const wanted = { actors: [...watched.actors.keys()], logs: [...watched.logs.keys()], runs: [...watched.runs.keys()] }
  if (Object.values(wanted).some((ids) => ids.length > 0)) void ask({ type: 'watch', ...wanted })
}

/** Sends a command; the answer says whether it was taken. Never rejects. */
export async function send(command: Asking): Promise<AckFrame> {
  const refuse = (code: string, message: string): AckFrame => ({
    type: 'ack',
    ref: -1,
    ok: false,
    error: { code, message },
  })
  if (ask === undefined) return refuse('PAGE_OFFLINE', 'There is no connection to the system.')
  const changesSomething = !['watch', 'unwatch', 'history'].includes(command.type)
  if (changesSomething && isReplay.value) return refuse('PAGE_REPLAY', 'Events cannot be sent in replay.')
  if (changesSomething && role.value === 'read') return refuse('PAGE_READ_ONLY', 'This page may only look.')
  return ask(command)
}

const watched = { actors: new Map<string, number>(), logs: new Map<string, number>(), runs: new Map<string, number>() }
type Watching = { actors?: readonly string[]; logs?: readonly string[]; runs?: readonly string[] }

/** Asks for context of actors, lines of logs, events of runs; counted, so that the last one who lets go ends it. */
export function watch(wanted: Watching): () => void {
  const fresh = count(wanted, 1, (n) => n === 1)
  if (fresh !== undefined) void send({ type: 'watch', ...fresh })
  let isHeld = true
  return () => {
    if (!isHeld) return
    isHeld = false
    const over = count(wanted, -1, (n) => n === 0)
    if (over !== undefined) void send({ type: 'unwatch', ...over })
  }
}

function count(wanted: Watching, step: 1 | -1, isNews: (n: number) => boolean): Watching | undefined {
  const news: Record<string, string[]> = {}
  for (const kind of ['actors', 'logs', 'runs'] as const) {
    for (const id of wanted[kind] ?? []) {
      const n = (watched[kind].get(id) ?? 0) + step
      if (n <= 0) watched[kind].delete(id)
      else watched[kind].set(id, n)
      if (isNews(n)) news[kind] = [...(news[kind] ?? []), id]
    }
  }
  return Object.keys(news).length === 0 ? undefined : news
}
