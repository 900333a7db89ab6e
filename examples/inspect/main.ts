/**
 * Looks at a running system through the XState inspector. The frames go over a WebSocket, here to a viewer in the terminal.
 * To see them in Stately's inspector instead, start `createInspectorServer()` of `@statelyai/inspect/server` and use its URL.
 *
 *     node examples/inspect/main.ts
 */
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { createWebSocketInspector } from '@statelyai/inspect'
import { createAxon } from 'axon-runtime'
import { WebSocketServer } from 'ws'

const names = new Map<string, string>()
const viewer = new WebSocketServer({ host: '127.0.0.1', port: 0 })
await once(viewer, 'listening')
viewer.on('connection', (socket) => socket.on('message', (data) => show(JSON.parse(String(data)))))

const inspector = createWebSocketInspector({ url: `ws://127.0.0.1:${(viewer.address() as AddressInfo).port}` })
const axon = createAxon({
  agents: {
    support: {
      module: 'agents.example_agent',
      model: 'test:model',
      cwd: join(import.meta.dirname, '../quickstart'),
      dependencies: ['pydantic-ai-slim'],
    },
  },
  inspect: inspector.inspect,
})
const crashed = new Promise<void>((resolve) => axon.on('agent.crashed', () => resolve()))

await axon.start()
process.kill(axon.agent('support').snapshot()?.pid as number, 'SIGKILL')
await crashed
await axon.agent('support').run({ prompt: 'Are you there?' })
await axon.close()
inspector.stop()
for (const client of viewer.clients) client.close()
viewer.close()

interface Frame {
  type: string
  sessionId?: string
  name?: string
  event?: { type: string }
  snapshot?: { value?: unknown }
}

function show({ type, sessionId = '', name, event, snapshot }: Frame): void {
  if (name !== undefined) names.set(sessionId, name)
  if (type !== '@xstate.snapshot' || snapshot?.value === undefined) return
  console.log(`${names.get(sessionId)?.padEnd(42)} ${JSON.stringify(snapshot.value).padEnd(24)} after ${event?.type}`)
}
