/**
 * Owns what a live page and the server that puts it up know of one another. Types only: neither knows the other.
 */
import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { RunRequest } from '../../protocol/run.ts'

/** Whoever a token belongs to. */
export interface PageCaller {
  /** What the ids of its runs begin with. */
  readonly tag: string
  /** `read` sees everything, `operate` sends events and ends every run, `run` starts runs and answers for its own. */
  readonly roles: ReadonlySet<'read' | 'operate' | 'run'>
  /** The agents that it may use; undefined: all. The page shows all of them, so only who may use all may see it. */
  readonly agents: ReadonlySet<string> | undefined
}

/** What a server that puts the page up says of itself. */
export interface PageDoor<Caller extends PageCaller = PageCaller> {
  /** Whose token that is; undefined: nobody's. */
  callerOf(token: string): Caller | undefined
  /** Looks at `Host`. @throws AxonError GATEWAY_FORBIDDEN */
  demandHost(request: IncomingMessage): void
  /** Starts a run that outlives its connection, and answers with its id. Default: as a run of the system itself. */
  startRun?: ((caller: Caller, agent: string, request: RunRequest) => string) | undefined
}

export interface PageFile {
  status: 200 | 503
  headers: Readonly<Record<string, string>>
  body: Buffer
}

/** The page behind one door. */
export interface PageEntrance {
  /** Where its files are: `/`, `/page.js` and others. */
  readonly paths: readonly string[]
  /** A file of the page, by the path of a request; undefined where there is none. */
  file(path: string): PageFile | undefined
  /** Takes over the socket of a request for an upgrade; what is none of the page's is refused. */
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void
  /** Closes the sockets of this door. Idempotent. */
  close(): void
}

/** What a server needs of a page. */
export interface Enterable {
  enter(door: PageDoor): PageEntrance
}
