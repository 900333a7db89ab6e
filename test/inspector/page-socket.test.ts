import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { expect, onTestFinished, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { PageSocket, type SocketBounds } from '../../src/inspector/page-socket.ts'

async function pair(bounds: SocketBounds) {
  const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
  onTestFinished(() => {
    for (const client of server.clients) client.terminate()
    server.close()
  })
  await once(server, 'listening')
  const connection = once(server, 'connection')
  const client = new WebSocket(`ws://127.0.0.1:${(server.address() as AddressInfo).port}`)
  const [socket] = (await connection) as [WebSocket]
  await once(client, 'open')
  return { client, socket, page: new PageSocket(socket, bounds) }
}

const text = 'x'.repeat(2 ** 20)

test('who takes nothing for too long is closed as too slow, and nothing more is kept for it', async () => {
  const { client, socket, page } = await pair({ slowBytes: 2 ** 20, slowMs: 50, mostBytes: 2 ** 30 })
  client.pause()
  for (const begun = performance.now(); page.isOpen && performance.now() - begun < 10_000; ) {
    page.send(text)
    await new Promise(setImmediate)
  }
  expect(page.isOpen).toBe(false)
  const kept = socket.bufferedAmount
  page.send(text)
  expect(socket.bufferedAmount).toBe(kept)
  client.resume()
  const [code] = await once(client, 'close')
  expect(code).toBe(4008)
})

test('so much at once is too much, however short the time', async () => {
  const { client, page } = await pair({ slowBytes: 1, slowMs: 600_000, mostBytes: 2 ** 22 })
  client.pause()
  for (let count = 0; count < 64 && page.isOpen; count += 1) page.send(text)
  expect(page.isOpen).toBe(false)
})

test('who is only busy for a moment is told everything', async () => {
  const { client, page } = await pair({ slowBytes: 2 ** 20, slowMs: 600_000, mostBytes: 2 ** 30 })
  const all = new Promise<void>((resolve) => {
    let count = 0
    client.on('message', () => {
      count += 1
      if (count === 32) resolve()
    })
  })
  client.pause()
  for (let count = 0; count < 32; count += 1) page.send(text)
  client.resume()
  await all
  expect(page.isOpen).toBe(true)
})
