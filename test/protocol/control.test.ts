import { expect, test } from 'vitest'
import { agentFrame, generationId, helloFrame } from '../../src/protocol/control.ts'

const hello = {
  type: 'hello',
  protocol: 1,
  generation: 'writer/0#1',
  pid: 1,
  nonce: 'ab'.repeat(32),
  stream: 'control',
}
const agent = { name: 'writer', framework: 'function', python: '3.12.1', axonAgent: '0.1.0' }

test.each(['writer/0#1', 'a-b_c/12#345', '0/0#0'])('%s names a process', (id) => {
  expect(generationId.safeParse(id).success).toBe(true)
})

test.each(['writer', 'writer/0', 'Writer/0#1', '../x/0#1', 'writer/0#1\n', 'writer/-1#1', `${'x'.repeat(64)}/0#1`])(
  '%j names none',
  (id) => {
    expect(generationId.safeParse(id).success).toBe(false)
  },
)

test('a hello of another protocol version is still a hello: who reads it can say so', () => {
  expect(helloFrame.parse({ ...hello, protocol: 2 }).protocol).toBe(2)
})

test.each([
  { pid: 0 },
  { pid: 1.5 },
  { nonce: 'ab' },
  { nonce: 'AB'.repeat(32) },
  { stream: 'stdin' },
  { type: 'ready' },
])('a hello with %j is none', (change) => {
  expect(helloFrame.safeParse({ ...hello, ...change }).success).toBe(false)
})

const frames = [
  { type: 'ready', endpoint: { kind: 'unix', path: '/x.sock' }, agent },
  { type: 'ready', endpoint: { kind: 'tcp', host: '127.0.0.1', port: 8001 }, agent },
  { type: 'heartbeat', rss: 1, cpu: 0.5, loopLagMs: 0, inFlight: 0 },
  { type: 'started', run: 'r-1' },
  { type: 'settled', run: 'r-1', attempt: 1 },
  { type: 'revoked', run: 'r-1', attempt: 2, isKnown: false },
  { type: 'failed', phase: 'import', code: 'X', kind: 'ImportError', message: '', traceback: '' },
]

test.each(frames)('%j is a frame, and what it says beyond is ignored', (frame) => {
  expect(agentFrame.parse({ ...frame, later: 1 })).toEqual(frame)
})

test.each([
  { type: 'ready', endpoint: { kind: 'tcp', host: '0.0.0.0', port: 1 }, agent },
  { type: 'ready', endpoint: { kind: 'tcp', host: '127.0.0.1', port: 65_536 }, agent },
  { type: 'heartbeat', rss: -1, cpu: 0, loopLagMs: 0, inFlight: 0 },
  { type: 'started' },
  { type: 'revoked', run: 'r-1', attempt: 0, isKnown: false },
  { type: 'revoked', run: 'r-1', attempt: 1 },
  { type: 'failed', phase: 'elsewhere', code: '', kind: '', message: '', traceback: '' },
  { type: 'launch' },
  null,
  [],
])('%j is none', (frame) => {
  expect(agentFrame.safeParse(frame).success).toBe(false)
})
