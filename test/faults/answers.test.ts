import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { agent, newAxon, rejection } from '../e2e/axon.ts'
import { startPool } from './pool.ts'
import { sized } from './profile.ts'
import { type FaultProxy, proxied } from './proxy.ts'

const body = JSON.stringify({ result: { prompt: 'a lie', pid: 0 }, messages: [], usage: { total_tokens: 0 } })
const head = (...fields: string[]) =>
  ['HTTP/1.1 200 OK', 'content-type: application/json', ...fields, '', ''].join('\r\n')
const whole = `${head(`content-length: ${body.length}`)}${body}`
const early = 'HTTP/1.1 103 Early Hints\r\nlink: </a>; rel=preload\r\n\r\n'
const chunk = `${body.length.toString(16)}\r\n${body}\r\n`

const interrupted = { code: 'RUN_INTERRUPTED', started: true, retryable: false, attempt: 1 }
const invalid = { code: 'PROTOCOL_INVALID_RESPONSE', started: true, attempt: 1 }

/** What is said in the place of an answer, whether the connection ends then, and what the caller is told. */
const lies: [string, { says: string; ends?: boolean; told: object }][] = [
  [
    'a Content-Length that is too long',
    { says: `${head(`content-length: ${body.length + 1}`)}${body}`, ends: true, told: interrupted },
  ],
  [
    'a Content-Length that is too short',
    { says: `${head(`content-length: ${body.length - 9}`)}${body}`, told: invalid },
  ],
  ['two of them', { says: `${head('content-length: 9', `content-length: ${body.length}`)}${body}`, told: interrupted }],
  ['one that is no number', { says: `${head('content-length: many')}${body}`, told: interrupted }],
  [
    'a Content-Length, and chunks',
    { says: `${head(`content-length: ${body.length}`, 'transfer-encoding: chunked')}${chunk}`, told: interrupted },
  ],
  [
    'chunks without the last one',
    { says: `${head('transfer-encoding: chunked')}${chunk}`, ends: true, told: interrupted },
  ],
  [
    'a chunk that is shorter than it says',
    { says: `${head('transfer-encoding: chunked')}fff\r\n${body}`, ends: true, told: interrupted },
  ],
  ['a chunk of no size', { says: `${head('transfer-encoding: chunked')}zz\r\n${body}`, told: interrupted }],
  ['half a body without a length', { says: `${head()}${body.slice(0, 40)}`, ends: true, told: invalid }],
  ['half of the headers', { says: head().slice(0, 30), ends: true, told: interrupted }],
  [
    'headers that do not come to an end',
    { says: `${head().slice(0, -2)}x: ${'y'.repeat(100_000)}`, told: interrupted },
  ],
  ['no HTTP', { says: `\0\xff${body}`, told: interrupted }],
  ['100 Continue', { says: `HTTP/1.1 100 Continue\r\n\r\n${whole}`, told: interrupted }],
  [
    '101 Switching Protocols',
    { says: 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n', told: interrupted },
  ],
  ['a status that is none', { says: whole.replace('200', '999'), ends: true, told: invalid }],
  ['204 with a body', { says: whole.replace('200 OK', '204 No Content'), told: invalid }],
]

/** The next run is answered by this: its execution is over, and its own answer lost. */
function lie(target: FaultProxy, tells: (near: Socket) => void) {
  const said = { isReused: false }
  void target.arm({
    of: 'answer',
    act: 'lie',
    tells: (near) => {
      near.on('data', () => (said.isReused = true))
      tells(near)
    },
  })
  return said
}

test('an answer that is none: a typed error, the run is not run again, and the next answer is its own, on another connection', async () => {
  const { aim, run, executed } = await startPool()
  const expected: string[] = []
  for (const [at, [name, { says, ends, told }]] of lies.entries()) {
    const [id, after] = [`lie-${at}`, `after-${at}`]
    const target = await aim()
    const said = lie(target, (near) => (ends ? near.end(says, 'latin1') : near.write(says, 'latin1')))
    expect(await rejection(run(id)), name).toMatchObject({ ...told, run: id, agent: 'one' })
    expect((await run(after)).result, name).toEqual({ prompt: after, pid: target.pid })
    expect(said.isReused, name).toBe(false)
    expected.push(id, after)
  }
  expect(executed()).toEqual(expected)
})

test('an answer that stops in its middle: the run ends by its time, and the connection is not used again', async () => {
  const timeouts = { idleMs: 200 }
  const { aim, run } = await startPool({ timeouts })
  const target = await aim()
  const said = lie(target, (near) => near.write(`${head(`content-length: ${body.length}`)}${body.slice(0, 9)}`))
  expect(await rejection(run('a'))).toMatchObject({ code: 'RUN_TIMEOUT', started: true, attempt: 1 })
  expect((await run('b')).result).toEqual({ prompt: 'b', pid: target.pid })
  expect(said.isReused).toBe(false)
})

test('bytes behind an answer are in no other answer, whether they come with it or after it', async () => {
  const { aim, run } = await startPool()
  const target = await aim()
  for (const [at, behind] of [whole, body, early, 'HTTP/1.1 500 Oh\r\n\r\n'].entries()) {
    const together = lie(target, (near) => near.write(whole + behind))
    expect((await run(`together-${at}`)).result.prompt).toBe('a lie')
    expect((await run(`after-together-${at}`)).result.prompt).toBe(`after-together-${at}`)
    expect(together.isReused).toBe(false)

    let late: Socket | undefined
    lie(target, (near) => {
      late = near
      near.write(whole)
    })
    expect((await run(`late-${at}`)).result.prompt).toBe('a lie')
    await new Promise((resolve) => late?.write(behind, resolve))
    for (let turn = 0; turn < 20; turn += 1) await setImmediate()
    expect((await run(`after-late-${at}`)).result.prompt).toBe(`after-late-${at}`)
  }
})

test('a flood of 1xx before an answer is no fault; one that does not end is ended by the time of the run', async () => {
  const { aim, run } = await startPool()
  const target = await aim()
  lie(target, (near) => near.write(early.repeat(sized(10_000, 200_000)), () => target.release()))
  expect((await run('a')).result).toEqual({ prompt: 'a', pid: target.pid })

  let isFlooding = true
  lie(target, (near) => {
    const pour = () => {
      while (isFlooding && near.write(early.repeat(100)));
      if (isFlooding) near.once('drain', pour)
    }
    near.once('close', () => (isFlooding = false))
    pour()
  })
  const outcome = rejection(run('b', {}, { runMs: 1_000 }))
  // Others are served meanwhile.
  while (isFlooding) expect((await run('c', {}, { affinity: undefined })).result.prompt).toBe('c')
  expect(await outcome).toMatchObject({ code: 'RUN_TIMEOUT', started: true, attempt: 1 })
  expect((await run('d')).result).toEqual({ prompt: 'd', pid: target.pid })
})

test('a stream whose bytes are no stream: never the end of all that was said, and the next one is its own', async () => {
  const axon = newAxon({ agents: { one: agent('generator') } })
  const proxies = proxied(axon)
  await axon.start()
  const read = async () => {
    const events: string[] = []
    for await (const { event } of axon.agent('one').stream({ prompt: 'hello' })) events.push(event)
    return events
  }
  const own = await read()
  const [target] = proxies.values() as Iterable<FaultProxy>
  const [first, last] = [`id: 1\nevent: run.started\ndata: {"run_id":"r"}\n\n`, `event: run.result\ndata: ${body}\n\n`]
  const chunked = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
  const lengthy = (length: number, text: string) => `${head(`content-length: ${length}`)}${text}`
  const cases: [string, string, object][] = [
    ['chunks without the last one', `${head('transfer-encoding: chunked')}${chunked(first)}`, interrupted],
    ['a length that is too long', lengthy(first.length + 1, first), interrupted],
    ['a length that is too short', lengthy(first.length - 4, first + last), interrupted],
    ['no result', lengthy(first.length, first), interrupted],
    ['half a result', lengthy(first.length + 40, (first + last).slice(0, first.length + 40)), interrupted],
    ['a result that is none', lengthy(first.length + 30, `${first}event: run.result\ndata: 1234\n\n`), invalid],
  ]
  for (const [name, says, told] of cases) {
    const said = lie(target as FaultProxy, (near) => near.end(says))
    expect(await rejection(read()), name).toMatchObject(told)
    expect(await read(), name).toEqual(own)
    expect(said.isReused, name).toBe(false)
  }
})
