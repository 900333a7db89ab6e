/**
 * Owns a system's live page as a whole, without a server: what is recorded, who looks, and its end. A server of its own puts it
 * up (inspector.ts), or a gateway does.
 *
 * 1. Host and Origin are looked at before a socket is taken; then a page has 2 s to say its token.
 * 2. Nothing is left after `close()`, or after the end of the system: no socket, timer or subscription.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import { type WebSocket, WebSocketServer } from 'ws'
import { isAxonError } from '../errors.ts'
import type { Axon } from '../runtime/axon.ts'
import { demandOwnOrigin } from '../runtime/serving/hosts.ts'
import type { Enterable, PageDoor, PageEntrance, PageFile } from '../runtime/serving/page.ts'
import { digestOf, isTokenOf, makeToken } from '../runtime/serving/token.ts'
import { closeCodes, liveProtocol } from './frames.ts'
import { maxMessageBytes } from './page-commands.ts'
import { PageConnection } from './page-connection.ts'
import { pageFile, pagePaths } from './page-files.ts'
import { type LivePageOptions, parsePage } from './page-options.ts'
import { PageRuns } from './page-runs.ts'
import { PageSocket } from './page-socket.ts'
import { Recorder } from './recorder.ts'
import { XStateFeed } from './xstate-feed.ts'

export interface LivePage extends Enterable {
  /** What `/inspect?token=` asks for. It reads the words of the XState inspector, and is good for nothing else. */
  readonly inspectToken: string
  /** Ends the recording, and closes every socket. Idempotent; the system is left as it is. */
  close(): void
}

/**
 * Begins to record a system for its live page. `createInspector` puts it up by itself, `createGateway({ page })` with the API.
 * @throws AxonError CONFIG_INVALID
 */
export function createLivePage(axon: Axon, options: LivePageOptions = {}): LivePage {
  return new Page(axon, options)
}

/** Pages that have not said who they are yet. */
const maxStrangers = 8
const maxViewers = 64
/** The frames of the XState inspector come with whole definitions: there may be megabytes of them at once. */
const inspectBounds = { slowBytes: 2 ** 20, slowMs: 10_000, mostBytes: 256 * 2 ** 20 }

const serverOptions = {
  noServer: true,
  maxPayload: maxMessageBytes,
  perMessageDeflate: false,
  handleProtocols: (protocols: Set<string>) => protocols.has(liveProtocol) && liveProtocol,
  /** Who does not say goodbye either is cut off after so many milliseconds. */
  closeTimeout: 5_000,
} as const

class Page implements LivePage {
  readonly inspectToken = makeToken()
  readonly #inspectDigest = digestOf(this.inspectToken)
  readonly #axon: Axon
  readonly #origins: ReadonlySet<string>
  readonly #recorder: Recorder
  readonly #feed: XStateFeed
  readonly #entrances = new Set<Entrance>()
  readonly #subscription: { unsubscribe(): void }
  #isClosed = false
  #hasEnded = false

  constructor(axon: Axon, options: LivePageOptions) {
    const { inspectOrigins, events, bytes, name } = parsePage(options)
    this.#axon = axon
    this.#origins = new Set(inspectOrigins)
    this.#recorder = new Recorder(axon, { events, bytes, name })
    this.#feed = new XStateFeed(axon.actor)
    const end = () => this.#end()
    this.#subscription = axon.actor.subscribe({ complete: end, error: end })
  }

  enter(door: PageDoor): PageEntrance {
    const entrance = new Entrance(door, {
      recorder: this.#recorder,
      feed: this.#feed,
      runs: new PageRuns(this.#axon, door.startRun),
      mayInspect: (request) => this.#mayInspect(request),
      hasEnded: () => this.#hasEnded,
      onClose: () => this.#entrances.delete(entrance),
    })
    this.#entrances.add(entrance)
    if (this.#isClosed) entrance.close()
    return entrance
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#subscription.unsubscribe()
    this.#recorder.close()
    this.#feed.close()
    for (const entrance of this.#entrances) entrance.close()
  }

  /** The system is at its end: pages are told, and keep what they have. */
  #end(): void {
    if (this.#isClosed) return
    this.#hasEnded = true
    this.#recorder.close()
    this.#feed.close()
    for (const entrance of this.#entrances) entrance.tellEnd()
  }

  #mayInspect(request: IncomingMessage): boolean {
    const token = new URL(request.url ?? '/', 'http://page').searchParams.get('token') ?? ''
    const { origin } = request.headers
    if (origin === undefined || !this.#origins.has(origin)) demandOwnOrigin(request)
    return isTokenOf(this.#inspectDigest, token)
  }
}

interface Behind {
  recorder: Recorder
  feed: XStateFeed
  runs: PageRuns
  /** @throws AxonError GATEWAY_FORBIDDEN */
  mayInspect: (request: IncomingMessage) => boolean
  hasEnded: () => boolean
  onClose: () => void
}

class Entrance implements PageEntrance {
  readonly #door: PageDoor
  readonly #behind: Behind
  readonly #server = new WebSocketServer(serverOptions)
  readonly #connections = new Set<PageConnection>()
  #strangers = 0
  #isClosed = false

  constructor(door: PageDoor, behind: Behind) {
    this.#door = door
    this.#behind = behind
  }

  readonly paths = pagePaths()

  file(path: string): PageFile | undefined {
    return pageFile(path)
  }

  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    const refuse = (status: string) =>
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`)
    socket.on('error', () => socket.destroy())
    try {
      this.#door.demandHost(request)
      const [path] = (request.url ?? '').split('?')
      if (this.#isClosed) return void refuse('503 Service Unavailable')
      if (path === '/inspect') {
        if (!this.#behind.mayInspect(request)) return void refuse('401 Unauthorized')
        if (this.#isFull) return void refuse('503 Service Unavailable')
        this.#server.handleUpgrade(request, socket, head, (opened) => this.#inspect(opened))
      } else if (path === '/live') {
        demandOwnOrigin(request)
        if (this.#isFull || this.#strangers >= maxStrangers) return void refuse('503 Service Unavailable')
        this.#server.handleUpgrade(request, socket, head, (opened) => this.#live(opened))
      } else refuse('404 Not Found')
    } catch (error) {
      if (!isAxonError(error)) throw error
      refuse('403 Forbidden')
    }
  }

  /** The system is at its end. */
  tellEnd(): void {
    for (const connection of this.#connections)
      connection.close(closeCodes.systemClosed, { type: 'closed', at: Date.now() })
    for (const socket of this.#server.clients) if (!isClosing(socket)) socket.close(1001)
  }

  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    for (const socket of this.#server.clients) {
      if (!isClosing(socket)) socket.close(1001)
      // Whoever does not say goodbye is not waited for.
      setImmediate(() => socket.terminate())
    }
    this.#behind.onClose()
  }

  get #isFull(): boolean {
    return this.#server.clients.size >= maxViewers
  }

  #live(socket: WebSocket): void {
    if (this.#behind.hasEnded()) return socket.close(closeCodes.systemClosed)
    this.#strangers += 1
    const connection = new PageConnection(socket, {
      recorder: this.#behind.recorder,
      runs: this.#behind.runs,
      callerOf: (token) => this.#door.callerOf(token),
      onGreeted: () => {
        this.#strangers -= 1
      },
    })
    this.#connections.add(connection)
    socket.on('close', () => this.#connections.delete(connection))
  }

  #inspect(socket: WebSocket): void {
    const viewer = new PageSocket(socket, inspectBounds)
    if (this.#behind.hasEnded()) return viewer.close(1001)
    const leave = this.#behind.feed.add((frames) => {
      for (const frame of frames) viewer.send(frame)
    })
    socket.on('close', leave)
  }
}

function isClosing(socket: WebSocket): boolean {
  return socket.readyState !== socket.OPEN
}
