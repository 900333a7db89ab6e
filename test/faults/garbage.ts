/**
 * Owns bytes that are no frames: random ones, and frames that were spoiled in one way or another. The same for the same seed.
 */
import fc from 'fast-check'

/** One of each kind that a process tells. */
const frames = [
  {
    type: 'ready',
    endpoint: { kind: 'unix', path: '/x' },
    agent: { name: 'a', framework: 'f', python: '3', axonAgent: '1' },
  },
  { type: 'heartbeat', rss: 1, pss: 1, openFiles: 1, cpu: 0.5, loopLagMs: 0, inFlight: 0 },
  { type: 'started', run: 'r-1' },
  { type: 'settled', run: 'r-1', attempt: 1 },
  { type: 'revoked', run: 'r-1', attempt: 1, isKnown: true },
  { type: 'tool.invoke', run: 'r-1', attempt: 1, id: 'c', tool: 't', arguments: { a: ['ż', null, 1e9] } },
  { type: 'tool.approval', run: 'r-1', attempt: 1, id: 'c', tool: 't', arguments: {} },
  { type: 'tool.cancel', run: 'r-1', attempt: 1, id: 'c' },
  { type: 'failed', phase: 'import', code: 'AGENT_IMPORT_FAILED', kind: 'E', message: 'm', traceback: 't' },
]
const hellos = ['control', 'stdout', 'stderr', 'stdin'].map((stream) => ({
  type: 'hello',
  protocol: 1,
  generation: 'one/0#1',
  pid: 1,
  nonce: 'ab'.repeat(32),
  stream,
}))

/** Lines that a process might write to its control connection, with their newlines; some of them are frames all the same. */
export function badFrames(seed: number, count: number): Buffer[] {
  return fc.sample(spoiled(frames), { seed, numRuns: count })
}

/** The same, of first frames; the nonce is nobody's. */
export function badHellos(seed: number, count: number): Buffer[] {
  return fc.sample(spoiled(hellos), { seed, numRuns: count })
}

function spoiled(good: readonly object[]): fc.Arbitrary<Buffer> {
  const frame = fc.constantFrom(...good)
  const text = frame.map((one) => JSON.stringify(one))
  const bytes = text.map((one) => Buffer.from(one))
  const depth = fc.constantFrom(65, 1_000, 100_000)
  return fc
    .oneof(
      fc.uint8Array({ maxLength: 300 }).map((random) => Buffer.from(random)),
      // Some of its bytes are others.
      fc
        .tuple(bytes, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 8 }))
        .map(([whole, flips]) => {
          const changed = Buffer.from(whole)
          for (const [at, byte] of flips) changed[at % changed.length] = byte
          return changed
        }),
      fc.tuple(bytes, fc.nat()).map(([whole, at]) => whole.subarray(0, at % whole.length)),
      fc.tuple(bytes, bytes, fc.nat()).map(([one, other, at]) => {
        const cut = at % one.length
        return Buffer.concat([one.subarray(0, cut), other, one.subarray(cut)])
      }),
      // One of its fields has any value, or is not there.
      fc.tuple(frame, fc.nat(), fc.option(fc.jsonValue(), { nil: undefined })).map(([one, at, value]) => {
        const keys = Object.keys(one)
        return Buffer.from(JSON.stringify({ ...one, [keys[at % keys.length] as string]: value }))
      }),
      fc.jsonValue().map((value) => Buffer.from(JSON.stringify(value))),
      fc.tuple(text, depth, fc.boolean()).map(([whole, levels, isClosed]) => {
        const deep = '['.repeat(levels) + (isClosed ? ']'.repeat(levels) : '')
        return Buffer.from(`${whole.slice(0, -1)},"deep":${deep}}`)
      }),
      fc
        .tuple(text, fc.constantFrom('__proto__', 'constructor', 'toString', 'type'), fc.jsonValue())
        .map(([whole, key, value]) => Buffer.from(`${whole.slice(0, -1)},"${key}":${JSON.stringify(value)}}`)),
    )
    .map((line) => Buffer.concat([line, Buffer.from('\n')]))
}
