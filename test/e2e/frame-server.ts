/**
 * Owns a WebSocket server on an ephemeral loopback port which keeps every frame: what a real inspector would be shown.
 */

import type { EventEmitter } from 'node:events'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'

/** As `@statelyai/inspect` writes them. */
export interface Frame {
  type: '@xstate.actor' | '@xstate.event' | '@xstate.snapshot'
  sessionId: string
  name?: string
  event?: { type: string }
  snapshot?: { value?: unknown; context?: Record<string, unknown> }
}

interface Client {
  on(name: 'message', listener: (data: Buffer) => void): void
  terminate(): void
}

interface WebSocketServer extends EventEmitter {
  clients: Set<Client>
  address(): AddressInfo
  close(done: () => void): void
}

// The inspector's own dependency: the test speaks the dialect that its client speaks.
const inspect = createRequire(import.meta.resolve('@statelyai/inspect'))
const { WebSocketServer } = inspect('ws') as {
  WebSocketServer: new (options: { host: string; port: number }) => WebSocketServer
}

export interface FrameServer {
  url: string
  /** Every frame as it came. */
  texts: string[]
  /** Resolves with the first frame that matches, of those that came and those that come. */
  frame(matches: (frame: Frame) => boolean): Promise<Frame>
  close(): Promise<void>
}

export async function openFrameServer(): Promise<FrameServer> {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  const texts: string[] = []
  const waiting = new Set<(frame: Frame) => void>()
  server.on('connection', (client: Client) =>
    client.on('message', (data) => {
      texts.push(data.toString())
      for (const look of waiting) look(JSON.parse(data.toString()))
    }),
  )
  await once(server, 'listening')
  return {
    url: `ws://127.0.0.1:${server.address().port}`,
    texts,
    frame: (matches) =>
      new Promise((resolve) => {
        const look = (frame: Frame) => {
          if (!matches(frame)) return
          waiting.delete(look)
          resolve(frame)
        }
        waiting.add(look)
        for (const text of texts) look(JSON.parse(text))
      }),
    close: () => {
      for (const client of server.clients) client.terminate()
      return new Promise((resolve) => server.close(() => resolve()))
    },
  }
}
