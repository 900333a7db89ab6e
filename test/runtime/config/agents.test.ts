import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { AxonError } from '../../../src/errors.ts'
import { type AgentOptions, parseAgent, parseAgents } from '../../../src/runtime/config/agents.ts'
import { scratch } from '../scratch.ts'

const parse = (options: Record<string, unknown>, name = 'writer') =>
  parseAgent({ name, module: 'agents.writer', ...options } as AgentOptions & { name: string })

function errorOf(act: () => unknown): AxonError {
  try {
    act()
  } catch (error) {
    return error as AxonError
  }
  return expect.fail('it was taken')
}

test('what is not said has its default', () => {
  expect(parse({})).toEqual({
    name: 'writer',
    module: 'agents.writer',
    cwd: process.cwd(),
    env: {},
    start: 'warm',
    preload: [],
    replicas: { min: 1, max: 1 },
    scaling: { target: 8, upDelayMs: 500, downDelayMs: 30_000 },
    recycle: {},
    replace: 'rolling',
    concurrency: 16,
    queue: 100,
    idempotent: false,
    maxAttempts: 2,
    idempotency: { keepMs: 86_400_000, maxKeys: 10_000 },
    sandbox: 'off',
    noBuild: false,
    restart: { maxRestarts: 10, withinMs: 600_000, firstMs: 0, baseMs: 500, maxMs: 60_000, stableMs: 60_000 },
    startMs: 30_000,
    shutdownMs: 5_000,
    cancelGraceMs: 5_000,
    approvalMs: 600_000,
    timeouts: { connectMs: 5_000, firstByteMs: 600_000, idleMs: 60_000, runMs: 600_000 },
    groups: [],
    after: [],
    onFailed: 'stay',
    metadata: {},
  })
})

test('what is said is kept, beside the defaults of its neighbours', () => {
  const said = {
    model: 'test:model',
    dependencies: ['pydantic-ai-slim'],
    port: 0,
    env: { A: '' },
    metadata: { team: 'x' },
  }
  expect(parse({ ...said, restart: { maxRestarts: 0 }, timeouts: { runMs: 1 } })).toMatchObject({
    ...said,
    restart: { maxRestarts: 0, baseMs: 500 },
    timeouts: { runMs: 1, idleMs: 60_000 },
  })
})

test('limits are optional, each of them; they are enforced as well as can be unless they are required', () => {
  expect(parse({ limits: {} }).limits).toEqual({ enforcement: 'best-effort' })
  const limits = { memoryMb: 512, openFiles: 256, processes: 64, cpuSeconds: 3_600, nice: -5, enforcement: 'required' }
  expect(parse({ limits }).limits).toEqual(limits)
})

test('an idempotent agent has an attempt more; a rate has a burst of one second', () => {
  expect(parse({ idempotent: true }).maxAttempts).toBe(3)
  expect(parse({ idempotent: true, maxAttempts: 1 }).maxAttempts).toBe(1)
  expect(parse({ rate: { perSecond: 2.5 } }).rate).toEqual({ perSecond: 2.5, burst: 3 })
  expect(parse({ rate: { perSecond: 0.1 } }).rate).toEqual({ perSecond: 0.1, burst: 1 })
  expect(parse({ usage: { totalTokens: 1_000, perMs: 60_000 } }).usage).toEqual({ totalTokens: 1_000, perMs: 60_000 })
})

test('agents keep their order; none is fine', () => {
  expect(parseAgents({}).map(({ name }) => name)).toEqual([])
  const agents = { b: { module: 'x' }, a: { module: 'y' } }
  expect(parseAgents(agents).map(({ name }) => name)).toEqual(['b', 'a'])
})

test.each([
  'a',
  'a.b_c',
  'a.b:agent',
  'agents/support.py',
  '../x.py:make_agent',
  '_x',
  'my agents/a.py',
  'agents/kind.yaml',
  'kind.json',
])('%s is a module', (module) => {
  expect(parse({ module }).module).toBe(module)
})

test.each(['', 'a b', 'a.', '.a', 'a:b:c', '1a', 'a:', 'x.py:1', 'a-b', 'os;import x'])('%j is no module', (module) => {
  const { message } = errorOf(() => parse({ module }))
  expect(message).toContain(
    'is no module: write package.module, package.module:name, path/to/file.py or path/to/spec.yaml',
  )
  expect(message).toContain('writer.module')
})

test.each(['a', '0', 'a-b_c', `a${'x'.repeat(62)}`])('%s is a name', (name) => {
  expect(parse({}, name).name).toBe(name)
})

test.each(['', 'A', '-a', '_a', 'a.b', 'a/b', 'ż', `a${'x'.repeat(63)}`])('%j is no name', (name) => {
  expect(errorOf(() => parse({}, name)).message).toContain('is no agent name: use 1 to 63 of a-z, 0-9, _ and -')
})

const wrong: [Record<string, unknown>, string, string][] = [
  [{ module: undefined }, 'writer.module', 'expected string'],
  [{ model: '' }, 'writer.model', '>=1'],
  [{ cwd: 1 }, 'writer.cwd', 'expected string'],
  [{ env: { A: 1 } }, 'writer.env.A', 'expected string'],
  [{ env: { A: 'a\0' } }, 'writer.env.A', 'NUL'],
  [{ env: { 'A=B': '' } }, 'writer.env["A=B"]', 'is no name of a variable'],
  [{ python: '' }, 'writer.python', '>=1'],
  [{ dependencies: 'x' }, 'writer.dependencies', 'expected array'],
  [{ dependencies: [''] }, 'writer.dependencies[0]', '>=1'],
  [{ requirements: '' }, 'writer.requirements', '>=1'],
  [{ port: 65_536 }, 'writer.port', '<=65535'],
  [{ port: 1.5 }, 'writer.port', 'int'],
  [{ concurrency: 0 }, 'writer.concurrency', '>0'],
  [{ concurrency: 10_001 }, 'writer.concurrency', '<=10000'],
  [{ queue: -1 }, 'writer.queue', '>=0'],
  [{ idempotent: 1 }, 'writer.idempotent', 'expected boolean'],
  [{ maxAttempts: 0 }, 'writer.maxAttempts', '>=1'],
  [{ idempotency: { keepMs: 0 } }, 'writer.idempotency.keepMs', '>0'],
  [{ rate: {} }, 'writer.rate.perSecond', 'expected number'],
  [{ rate: { perSecond: 1, burst: 0 } }, 'writer.rate.burst', '>0'],
  [{ usage: { totalTokens: 1 } }, 'writer.usage.perMs', 'expected number'],
  [{ usage: { tokens: 1 } }, 'writer.usage', 'there is no option tokens; there are totalTokens, perMs'],
  [{ startMs: 0 }, 'writer.startMs', '>0'],
  [{ startMs: 2 ** 31 }, 'writer.startMs', '<=2147483647'],
  [{ shutdownMs: Number.POSITIVE_INFINITY }, 'writer.shutdownMs', 'expected number'],
  [{ shutdownMs: Number.NaN }, 'writer.shutdownMs', 'expected number'],
  [{ restart: { maxRestarts: -1 } }, 'writer.restart.maxRestarts', '>=0'],
  [{ restart: { baseMs: 0 } }, 'writer.restart.baseMs', '>0'],
  [{ timeouts: { runMs: '1s' } }, 'writer.timeouts.runMs', 'expected number'],
  [{ limits: { memoryMb: 0 } }, 'writer.limits.memoryMb', '>0'],
  [{ limits: { memoryMb: 0.5 } }, 'writer.limits.memoryMb', 'int'],
  [{ limits: { openFiles: 31 } }, 'writer.limits.openFiles', '>=32'],
  [{ limits: { processes: 7 } }, 'writer.limits.processes', '>=8'],
  [{ limits: { cpuSeconds: 0 } }, 'writer.limits.cpuSeconds', '>0'],
  [{ limits: { nice: 20 } }, 'writer.limits.nice', '<=19'],
  [{ limits: { enforcement: 'strict' } }, 'writer.limits.enforcement', 'best-effort'],
  [{ limits: { memory: 1 } }, 'writer.limits', 'there is no option memory; there are memoryMb, openFiles, '],
  [{ metadata: [] }, 'writer.metadata', 'expected record'],
  [{ modle: 'test' }, 'writer', 'there is no option modle; there are module, model, cwd, '],
  [{ restart: { max: 1 } }, 'writer.restart', 'there is no option max; there are maxRestarts, withinMs, '],
]

test.each(wrong)('%j is refused: the message names %s and says %s', (options, field, allowed) => {
  const error = errorOf(() => parse(options))
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', retryable: false })
  expect(error.message).toContain(`→ at ${field}`)
  expect(error.message).toContain(allowed)
})

test('every field that is wrong is named at once', () => {
  const { message } = errorOf(() => parseAgents({ a: { module: '' }, b: { module: 'x', queue: -1 } }))
  expect(message).toMatch(/a\.module[\s\S]*b\.queue/)
})

test('cwd is made absolute, and must be a directory that is there', () => {
  const directory = scratch()
  expect(parse({ cwd: directory }).cwd).toBe(directory)
  writeFileSync(join(directory, 'file'), '')
  for (const cwd of [join(directory, 'nowhere'), join(directory, 'file')]) {
    expect(errorOf(() => parse({ cwd })).message).toBe(
      `The configuration is not valid: the cwd of agent writer is no directory: ${cwd}`,
    )
  }
})
