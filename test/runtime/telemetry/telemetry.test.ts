import { once } from 'node:events'
import pino from 'pino'
import { expect, test, vi } from 'vitest'
import { AxonError } from '../../../src/errors.ts'
import { parseAgent } from '../../../src/runtime/config/agents.ts'
import { type AxonEvent, catalogue } from '../../../src/runtime/telemetry/catalogue.ts'
import { Telemetry } from '../../../src/runtime/telemetry/telemetry.ts'

const spawned: AxonEvent = { type: 'agent.spawned', agent: 'writer' }
const started: AxonEvent = { type: 'system.started', agents: 1 }

/** A logger, and what it has written. */
function logged(level: string, options: pino.LoggerOptions = {}) {
  const lines: string[] = []
  const logger = pino(
    { level, base: null, timestamp: false, ...options },
    { write: (line: string) => lines.push(line.trim()) },
  )
  return { logger, lines, fields: () => lines.map((line) => JSON.parse(line)) }
}

test('a listener hears the events of its name until it is taken off', () => {
  const telemetry = new Telemetry()
  const heard: AxonEvent[] = []
  const off = telemetry.on('agent.spawned', (event) => heard.push(event))
  telemetry.tell(spawned)
  telemetry.tell(started)
  off()
  off()
  telemetry.tell(spawned)
  expect(heard).toEqual([spawned])
})

test('a listener of * hears every event', () => {
  const telemetry = new Telemetry()
  const heard: AxonEvent[] = []
  telemetry.on('*', (event) => heard.push(event))
  telemetry.tell(spawned)
  telemetry.tell(started)
  expect(heard).toEqual([spawned, started])
})

test('a listener that throws harms nobody: the others hear the event, and a warning says what happened', async () => {
  const telemetry = new Telemetry()
  const heard: string[] = []
  telemetry.on('agent.spawned', () => {
    throw new Error('a listener of my own')
  })
  telemetry.on('agent.spawned', () => heard.push('second'))
  telemetry.on('*', () => heard.push('all'))
  const warned = once(process, 'warning')
  telemetry.tell(spawned)
  expect(heard).toEqual(['second', 'all'])
  const [warning] = await warned
  expect(warning).toMatchObject({
    name: 'AxonListenerWarning',
    message: 'A listener of agent.spawned threw: a listener of my own',
  })
})

test('after close nobody hears anything', () => {
  const telemetry = new Telemetry()
  const listener = vi.fn()
  telemetry.on('*', listener)
  telemetry.close()
  telemetry.tell(spawned)
  expect(listener).not.toHaveBeenCalled()
})

test('the log has each event at its level, with its name as the message and each field once', () => {
  const { logger, lines } = logged('trace')
  const telemetry = new Telemetry(logger)
  telemetry.tell(spawned)
  telemetry.tell({ type: 'agent.suspect', agent: 'writer', generation: 'writer/0#1' })
  expect(lines).toEqual([
    '{"level":30,"agent":"writer","msg":"agent.spawned"}',
    '{"level":40,"agent":"writer","generation":"writer/0#1","msg":"agent.suspect"}',
  ])
})

test('what a tool is called with is for listeners, and in no line of the log', () => {
  const { logger, lines } = logged('trace')
  const telemetry = new Telemetry(logger)
  const heard: AxonEvent[] = []
  telemetry.on('tool.approval', (event) => heard.push(event))
  const about = { agent: 'writer', run: 'r1', generation: 'writer/0#1', id: 'c1', tool: 'pay' }
  const asked: AxonEvent = { type: 'tool.approval', ...about, arguments: { card: '4242' }, dueAt: 1 }
  telemetry.tell(asked)
  expect(heard).toEqual([asked])
  expect(lines).toHaveLength(1)
  expect(lines[0]).toContain('"dueAt":1')
  expect(lines[0]).not.toContain('4242')
})

test('the logger decides what is written, also when its level is changed later', () => {
  const { logger, fields } = logged('info')
  const telemetry = new Telemetry(logger)
  const idle: AxonEvent = { type: 'agent.idle', agent: 'writer', generation: 'writer/0#0' }
  telemetry.tell(idle)
  telemetry.tell(spawned)
  expect(fields().map(({ msg }) => msg)).toEqual(['agent.spawned'])
  logger.level = 'debug'
  telemetry.tell(idle)
  expect(fields().map(({ msg }) => msg)).toEqual(['agent.spawned', 'agent.idle'])
})

test('what a logger redacts stays redacted', () => {
  const { logger, fields } = logged('trace', { redact: ['line'] })
  new Telemetry(logger).tell({
    type: 'process.output',
    agent: 'writer',
    generation: 'writer/0#1',
    stream: 'stdout',
    line: 'my secret',
    droppedBytes: 0,
  })
  expect(fields()[0].line).toBe('[Redacted]')
})

test('an error is logged with its code and context', () => {
  const { logger, fields } = logged('trace')
  const error = new AxonError('AGENT_EXISTS', 'Agent writer exists already.', { agent: 'writer' })
  new Telemetry(logger).tell({ type: 'event.refused', event: 'agent.spawn', error })
  expect(fields()[0].error).toMatchObject({ code: 'AGENT_EXISTS', message: 'Agent writer exists already.' })
})

test('the values of an agent’s variables are in no log, whatever logs its definition', () => {
  const { logger, lines } = logged('trace')
  const definition = parseAgent({ name: 'writer', module: 'agents.writer', env: { OPENAI_API_KEY: 'sk-secret' } })
  const error = new AxonError('CONFIG_INVALID', 'no', { context: { definition } })
  new Telemetry(logger).tell({ type: 'event.refused', event: 'agent.spawn', error })
  logger.info({ snapshot: { context: { definition } } })
  expect(lines.join()).toContain('"OPENAI_API_KEY":"[hidden]"')
  expect(lines.join()).not.toContain('sk-secret')
  // The process gets them all the same.
  expect({ ...definition.env }).toEqual({ OPENAI_API_KEY: 'sk-secret' })
})

test('nothing is computed where nobody listens: no field of an event is looked at but its name', () => {
  const looks: PropertyKey[] = []
  const event = new Proxy(started, {
    get: (target, key) => {
      looks.push(key)
      return Reflect.get(target, key)
    },
    ownKeys: () => expect.fail('the fields were copied'),
  })
  new Telemetry().tell(event)
  new Telemetry(logged('error').logger).tell(event)
  expect(new Set(looks)).toEqual(new Set(['type']))
})

test('every event of the catalogue has a level of pino and a sentence', () => {
  for (const { level, says } of Object.values(catalogue)) {
    expect(Object.keys(pino.levels.values)).toContain(level)
    expect(says).toMatch(/^[A-Z].*\.$/)
  }
})
