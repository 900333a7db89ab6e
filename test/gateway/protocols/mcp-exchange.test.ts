import { expect, test } from 'vitest'
import { Exchange } from '../../../src/gateway/protocols/mcp/exchange.ts'
import { anybody } from '../../../src/gateway/tokens.ts'

/** Tells until it has to wait. */
async function fill(exchange: Exchange): Promise<{ told: number; waiting: Promise<void> }> {
  for (let told = 0; ; told += 1) {
    let isThere = false
    const waiting = exchange.room().then(() => {
      isThere = true
    })
    await new Promise((resolve) => setImmediate(resolve))
    if (!isThere) return { told, waiting }
  }
}

test('what is told ahead of a reader is bounded: each message that it takes makes room for one', async () => {
  const exchange = new Exchange(anybody, new AbortController().signal, Promise.resolve())
  const { told, waiting } = await fill(exchange)
  expect(told).toBe(16)
  exchange.taken()
  await waiting
  expect((await fill(exchange)).told).toBe(0)
})

test('who waits for a reader that leaves waits no longer', async () => {
  const leaving = new AbortController()
  const exchange = new Exchange(anybody, leaving.signal, Promise.resolve())
  const { waiting } = await fill(exchange)
  leaving.abort()
  await waiting
  await exchange.room()
})
