/**
 * Owns the sessions of MCP's clients of 2025: they begin with `initialize`, and a cancellation or a change of the tools has another
 * connection than the call. Later clients need none.
 *
 * 1. A session is its caller's: to others it is not there.
 * 2. There are so many of a caller at most; the one that was not used for the longest gives way, never one with an answer open.
 */
import { randomUUID } from 'node:crypto'
import { type McpServer, WebStandardStreamableHTTPServerTransport } from '@modelcontextprotocol/server'
import { AxonError } from '../../../errors.ts'
import { exchangeOf } from './exchange.ts'

const maxSessions = 100

interface Session {
  /** Whose it is. */
  tag: string
  mcp: McpServer
  transport: WebStandardStreamableHTTPServerTransport
  /** Answers under way. */
  open: number
}

export class Sessions {
  /** The one that was used last is the last. */
  readonly #sessions = new Map<string, Session>()
  readonly #make: () => McpServer

  constructor(make: () => McpServer) {
    this.#make = make
  }

  /**
   * Answers one request; the library refuses what belongs to no session and begins none.
   * @throws AxonError RUN_REJECTED where the caller has too many sessions, with an answer open in each
   */
  async answer(request: Request, body: unknown): Promise<Response> {
    const { caller, closed } = exchangeOf(request)
    const id = request.headers.get('mcp-session-id')
    if (id === null) return await this.#begin(caller.tag, request, body)
    const session = this.#sessions.get(id)
    if (session?.tag !== caller.tag) return unknownSession()
    this.#sessions.delete(id)
    this.#sessions.set(id, session)
    session.open += 1
    void closed.then(() => {
      session.open -= 1
    })
    return await session.transport.handleRequest(request, { parsedBody: body })
  }

  toolsChanged(): void {
    // Who does not listen is not told.
    for (const { mcp } of this.#sessions.values()) void mcp.server.sendToolListChanged().catch(() => {})
  }

  async close(): Promise<void> {
    const all = [...this.#sessions.values()]
    this.#sessions.clear()
    await Promise.all(all.map(({ mcp }) => mcp.close()))
  }

  async #begin(tag: string, request: Request, body: unknown): Promise<Response> {
    await this.#makeRoom(tag)
    const mcp = this.#make()
    const transport = new WebStandardStreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      // The gateway's own comments keep streams open.
      keepAliveMs: 0,
      onsessioninitialized: (id) => void this.#sessions.set(id, { tag, mcp, transport, open: 0 }),
      onsessionclosed: (id) => void this.#sessions.delete(id),
    })
    await mcp.connect(transport)
    const response = await transport.handleRequest(request, { parsedBody: body })
    if (transport.sessionId === undefined) await mcp.close()
    return response
  }

  async #makeRoom(tag: string): Promise<void> {
    const own = [...this.#sessions].filter(([, session]) => session.tag === tag)
    if (own.length < maxSessions) return
    const idle = own.find(([, { open }]) => open === 0)
    if (idle === undefined)
      throw new AxonError('RUN_REJECTED', `This token has ${maxSessions} sessions of MCP in use. End one of them.`)
    const [id, { mcp }] = idle
    this.#sessions.delete(id)
    await mcp.close()
  }
}

/** As the protocol has it: the client begins a new one. */
function unknownSession(): Response {
  return Response.json(
    { jsonrpc: '2.0', error: { code: -32001, message: 'Session not found' }, id: null },
    { status: 404 },
  )
}
