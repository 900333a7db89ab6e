import { once } from 'node:events'
import { createServer } from 'node:http'
import { join } from 'node:path'
import { PassThrough } from 'node:stream'
import { expect, onTestFinished, test } from 'vitest'
import { ProcessLink } from '../../../src/runtime/process/link.ts'
import { definitionOf } from '../../machines/samples.ts'
import { scratch } from '../scratch.ts'

const newLink = () => new ProcessLink(definitionOf('writer'), 'writer/0#1')

/** A server that answers when it is told to. */
async function serve() {
  const path = join(scratch(), 'agent.sock')
  const server = createServer().listen(path)
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  return { server, endpoint: { kind: 'unix', path } as const }
}

test('tokens are long, and no two are the same', () => {
  const tokens = new Set(Array.from({ length: 100 }, () => newLink().token))
  expect(tokens.size).toBe(100)
  for (const token of tokens) expect(Buffer.from(token, 'base64url')).toHaveLength(32)
})

test('a link says nothing before its connection, and nothing after it', () => {
  const link = newLink()
  expect(link.send({ type: 'drain' })).toBe(false)
  const control = new PassThrough()
  link.open(control as never)
  expect(link.send({ type: 'cancel', run: 'r-1', attempt: 1 })).toBe(true)
  expect(String(control.read())).toBe('{"type":"cancel","run":"r-1","attempt":1}\n')
  control.end()
  expect(link.send({ type: 'drain' })).toBe(false)
})

test('an attempt that is taken back is answered once, for itself; without a connection nobody answers', async () => {
  const link = newLink()
  const said: unknown[] = []
  void link.revoke('r-1', 1).then((isKnown) => said.push(['before', isKnown]))
  const control = new PassThrough()
  link.open(control as never)
  void link.revoke('r-1', 1).then((isKnown) => said.push([1, isKnown]))
  void link.revoke('r-1', 2).then((isKnown) => said.push([2, isKnown]))
  expect(String(control.read())).toBe(
    '{"type":"revoke","run":"r-1","attempt":1}\n{"type":"revoke","run":"r-1","attempt":2}\n',
  )
  for (const isKnown of [true, false]) link.revoked({ type: 'revoked', run: 'r-1', attempt: 2, isKnown })
  link.revoked({ type: 'revoked', run: 'r-1', attempt: 1, isKnown: false })
  link.revoked({ type: 'revoked', run: 'r-2', attempt: 1, isKnown: false })
  await new Promise(setImmediate)
  expect(said).toEqual([
    [2, true],
    [1, false],
  ])
})

test('runs go to a link from the first word that it serves until the exit', async () => {
  const { endpoint } = await serve()
  const link = newLink()
  expect(link.pool).toBeUndefined()
  link.serve(endpoint)
  expect([link.pool !== undefined, link.takesRuns]).toEqual([true, true])
  await link.exit()
  expect([link.pool, link.takesRuns]).toEqual([undefined, false])
  link.bury()
  await link.gone
})

test('a process that drains by its own account takes no runs, and is still asked for its health', async () => {
  const { endpoint } = await serve()
  const link = newLink()
  link.serve(endpoint)
  link.refuseRuns()
  expect([link.pool !== undefined, link.takesRuns]).toEqual([true, false])
  link.bury()
})

test('a word that it serves, read after the exit, opens no connections', () => {
  const link = newLink()
  void link.exit()
  link.serve({ kind: 'unix', path: '/nowhere' })
  expect(link.pool).toBeUndefined()
})

test('an answer that is under way at the exit is read to its end; then its connections are closed', async () => {
  const { server, endpoint } = await serve()
  const link = newLink()
  link.serve(endpoint)
  const asked = once(server, 'request')
  const answer = link.pool?.request({ path: '/', method: 'POST' }).then(({ body }) => body.text())
  const [, response] = await asked
  const exit = link.exit()
  response.end('the last answer')
  expect(await answer).toBe('the last answer')
  await exit
})

test('a request that nobody answers ends when the process is buried', async () => {
  const { server, endpoint } = await serve()
  const link = newLink()
  link.serve(endpoint)
  const asked = once(server, 'request')
  const lost = expect(link.pool?.request({ path: '/', method: 'POST' })).rejects.toThrow()
  const [request] = await asked
  const closed = once(request.socket, 'close')
  link.bury()
  await lost
  await closed
  await link.gone
})
