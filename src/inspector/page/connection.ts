/**
 * Owns the socket to the server: the token, the first frame, coming back after a loss, and commands with their answers. Frames go to
 * intake.ts as they are.
 */
import { type AckFrame, type AuthMessage, closeCodes, type LiveFrame, liveProtocol } from '../frames.ts'
import * as intake from './intake.ts'
import * as state from './state.ts'

const firstRetryMs = 500
const lastRetryMs = 10_000
/** A server that is paused sends nothing: with a frame of figures each second, so much silence is a loss. */
const silenceMs = 5000
const tokenKey = 'axon.token'

let socket: WebSocket | undefined
let attempts = 0
let retry: ReturnType<typeof setTimeout> | undefined
let lastRef = 0
let heardAt = 0
const waiting = new Map<number, (ack: AckFrame) => void>()

/** Connects to where the page came from; a page from a file waits for a recording. */
export function start(): void {
  if (!location.protocol.startsWith('http')) {
    state.connection.value = { phase: 'static' }
    return
  }
  const given = new URLSearchParams(location.hash.slice(1)).get('token')
  if (given !== null) {
    keepToken(given)
    window.history.replaceState(undefined, '', location.pathname + location.search)
  }
  setInterval(checkSilence, 1000)
  open()
}

/** Tries at once. */
export function retryNow(): void {
  clearTimeout(retry)
  if (state.connection.value.phase === 'lost') open()
}

/** Tries with another token. */
export function withToken(token: string): void {
  keepToken(token)
  open()
}

/** Ends the connection for good: a recording is looked at. */
export function stop(): void {
  clearTimeout(retry)
  drop()
}

function open(): void {
  drop()
  const address = new URL('live', location.href)
  address.protocol = address.protocol.replace('http', 'ws')
  address.hash = ''
  if (attempts === 0) state.connection.value = { phase: 'connecting', since: Date.now(), address: location.host }
  const opened = new WebSocket(address, liveProtocol)
  socket = opened
  heardAt = performance.now()
  opened.onopen = () => opened.send(JSON.stringify({ token: keptToken() } satisfies AuthMessage))
  opened.onmessage = ({ data }) => hear(String(data))
  opened.onclose = ({ code }) => {
    if (socket === opened) lose(code)
  }
}

function drop(): void {
  const old = socket
  socket = undefined
  state.connectTo(undefined)
  for (const settle of waiting.values()) settle(offline())
  waiting.clear()
  if (old === undefined) return
  old.onmessage = old.onclose = null
  old.close()
}

function hear(text: string): void {
  heardAt = performance.now()
  const frames = JSON.parse(text) as LiveFrame[]
  for (const frame of frames) if (frame.type === 'hello') greet(frame)
  intake.receive(frames, text.length)
  for (const frame of frames) {
    if (frame.type === 'ack') {
      waiting.get(frame.ref)?.(frame)
      waiting.delete(frame.ref)
    } else if (frame.type === 'closed') state.connection.value = { phase: 'closed', at: frame.at }
  }
}

function greet(hello: Extract<LiveFrame, { type: 'hello' }>): void {
  attempts = 0
  const known = state.hello.value?.system
  if (known !== undefined && (known.id !== hello.system.id || known.startedAt !== hello.system.startedAt))
    intake.reset()
  state.clockOffset.value = hello.now - Date.now()
  state.connection.value = { phase: 'live' }
  state.connectTo(ask)
  // What lies between is asked for even where some of it is gone: the server says how much.
  const last = intake.lastSeq()
  const fromSeq = last === 0 ? hello.oldestSeq : last + 1
  if (fromSeq > hello.seq) return
  intake.expectPast(hello.seq, hello.now)
  void ask({ type: 'history', fromSeq, toSeq: hello.seq }).then(({ ok }) => intake.pastHasCome(ok))
}

function ask(command: state.Asking): Promise<AckFrame> {
  if (socket?.readyState !== WebSocket.OPEN) return Promise.resolve(offline())
  lastRef += 1
  const ref = lastRef
  socket.send(JSON.stringify({ ...command, ref }))
  return new Promise((resolve) => waiting.set(ref, resolve))
}

function offline(): AckFrame {
  return { type: 'ack', ref: -1, ok: false, error: { code: 'PAGE_OFFLINE', message: 'The connection was lost.' } }
}

function lose(code: number): void {
  const { phase } = state.connection.value
  drop()
  if (phase === 'closed' || code === closeCodes.systemClosed) {
    if (phase !== 'closed') state.connection.value = { phase: 'closed', at: Date.now() + state.clockOffset.value }
    return
  }
  if (code === closeCodes.unauthorized) {
    state.connection.value = { phase: 'unauthorized', address: location.host }
    return
  }
  const waitMs = Math.min(lastRetryMs, firstRetryMs * 2 ** attempts)
  attempts += 1
  const since = state.connection.value.phase === 'lost' ? state.connection.value.since : Date.now()
  state.connection.value = {
    phase: 'lost',
    since,
    retryAt: Date.now() + waitMs,
    wasTooSlow: code === closeCodes.tooSlow,
  }
  clearTimeout(retry)
  retry = setTimeout(open, waitMs)
}

function checkSilence(): void {
  if (socket !== undefined && state.connection.value.phase === 'live' && performance.now() - heardAt > silenceMs)
    lose(1006)
}

function keepToken(token: string): void {
  try {
    sessionStorage.setItem(tokenKey, token)
  } catch {
    forgetful = token
  }
}

/** Where the browser keeps nothing, it lasts until the page is left. */
let forgetful = ''

function keptToken(): string {
  try {
    return sessionStorage.getItem(tokenKey) ?? forgetful
  } catch {
    return forgetful
  }
}
