/**
 * Owns a server that stands for a system: the built page, and `/live` with the frames of a scene. It takes commands and acts as if;
 * what it was sent is kept for tests to read.
 */
import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { extname, join } from 'node:path'
import { type WebSocket, WebSocketServer } from 'ws'
import { type Command, closeCodes, type LiveFrame, liveProtocol } from '../../src/inspector/frames.ts'
import type { Scene } from '../inspector/scene.ts'
import { historyAnswer, presentOf } from '../inspector/scene-history.ts'

const pageFolder = join(import.meta.dirname, '../../dist/inspector/page')
const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.svg': 'image/svg+xml',
}
const policy =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'"

export interface SceneServerOptions {
  scene: Scene
  /** Default `secret`. */
  token?: string
  /** Default 0: the kernel chooses. */
  port?: number
  /** What the server remembers; events before it are gone. Default: all. */
  oldestSeq?: () => number
}

export interface SceneServer {
  url: string
  /** With the token in the fragment. */
  pageUrl: string
  commands: Command[]
  /** Adds frames to the scene and sends them to all. */
  push(...frames: LiveFrame[]): void
  /** Adds frames that nobody is sent: they happened while the page was away. */
  happen(...frames: LiveFrame[]): void
  /** Closes every socket, with a code. */
  cut(code?: number): void
  /** Whether new sockets are taken. Default true. */
  isUp: boolean
  close(): Promise<void>
}

export async function sceneServer({
  scene,
  token = 'secret',
  port = 0,
  oldestSeq = () => 1,
}: SceneServerOptions): Promise<SceneServer> {
  const sockets = new Set<WebSocket>()
  const commands: Command[] = []
  const http = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://page').pathname
    const name = path === '/' ? 'index.html' : path.slice(1)
    if (!/^[a-z.]+$/.test(name)) return void response.writeHead(404).end()
    try {
      const body = readFileSync(join(pageFolder, name))
      response
        .writeHead(200, { 'content-type': types[extname(name)] ?? 'text/plain', 'content-security-policy': policy })
        .end(body)
    } catch {
      response.writeHead(404).end()
    }
  })
  const server = new WebSocketServer({ noServer: true, handleProtocols: () => liveProtocol })
  http.on('upgrade', (request, socket, head) => {
    if (!self.isUp) return void socket.destroy()
    server.handleUpgrade(request, socket, head, (ws) => {
      ws.once('message', (data) => {
        if (JSON.parse(String(data)).token !== token) return ws.close(closeCodes.unauthorized)
        greet(ws)
      })
    })
  })
  const send = (ws: WebSocket, frames: readonly LiveFrame[]) => {
    for (let i = 0; i < frames.length; i += 400) ws.send(JSON.stringify(frames.slice(i, i + 400)))
  }
  const greet = (ws: WebSocket) => {
    sockets.add(ws)
    ws.on('close', () => sockets.delete(ws))
    const { hello, frames } = scene
    send(ws, [{ ...hello, oldestSeq: oldestSeq() }, presentOf(frames, hello.seq)])
    ws.on('message', (data) => {
      const command = JSON.parse(String(data)) as Command
      commands.push(command)
      answer(ws, command)
    })
  }
  const answer = (ws: WebSocket, command: Command) => {
    const ok = (more = {}) => send(ws, [{ type: 'ack', ref: command.ref, ok: true, ...more }])
    if (command.type === 'history')
      send(ws, historyAnswer(scene.frames, command.fromSeq, command.toSeq ?? scene.hello.seq, oldestSeq()))
    if (command.type === 'watch') {
      for (const id of command.logs ?? []) send(ws, scene.logs.get(id) ?? [])
      for (const run of command.runs ?? []) send(ws, scene.streams.get(run) ?? [])
      for (const id of command.actors ?? []) {
        const context = scene.contexts.get(id)
        if (context !== undefined) send(ws, [{ type: 'context', sessionId: id, at: scene.hello.now, context }])
      }
    }
    ok(command.type === 'run.start' ? { run: 'run_9C4F' } : {})
  }
  const remember = (frames: readonly LiveFrame[]) => {
    scene.frames.push(...frames)
    for (const frame of frames) {
      if ('seq' in frame) scene.hello.seq = Math.max(scene.hello.seq, frame.seq)
      if ('at' in frame) scene.hello.now = Math.max(scene.hello.now, frame.at)
    }
  }
  await new Promise<void>((resolve) => http.listen(port, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(http.address() as AddressInfo).port}/`
  const self: SceneServer = {
    url,
    pageUrl: `${url}#token=${token}`,
    commands,
    isUp: true,
    push: (...frames) => {
      remember(frames)
      for (const ws of sockets) send(ws, frames)
    },
    happen: (...frames) => remember(frames),
    cut: (code = 1001) => {
      for (const ws of sockets) ws.close(code)
    },
    close: async () => {
      for (const ws of sockets) ws.terminate()
      await new Promise((resolve) => {
        http.close(resolve)
        http.closeAllConnections()
      })
    },
  }
  return self
}
