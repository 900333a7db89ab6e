import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Writable } from 'node:stream'
import { context, propagation, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { InMemorySpanExporter, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { pino } from 'pino'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { agentTool, readTraceHeaders, tool } from '../../src/index.ts'
import { agent, makeEnvironment, newAxon } from './axon.ts'

const dependencies = ['pydantic-ai-slim', 'opentelemetry-sdk']
const exporter = new InMemorySpanExporter()
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
const tracer = provider.getTracer('test')

interface Told {
  name: string
  traceId: string
  spanId: string
  parentId: string | undefined
}

/** Of Python's processes. */
let told: Told[] = []
let collector: Server
let url: string

beforeAll(async () => {
  trace.setGlobalTracerProvider(provider)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
  collector = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    const { name, context, parent_id } = JSON.parse(body)
    const bare = (id: string | null) => id?.slice(2)
    told.push({
      name,
      traceId: bare(context.trace_id) ?? '',
      spanId: bare(context.span_id) ?? '',
      parentId: bare(parent_id),
    })
    response.end()
  })
  await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(collector.address() as AddressInfo).port}`
  await makeEnvironment(dependencies)
})

afterEach(() => {
  told = []
  exporter.reset()
})

afterAll(async () => {
  trace.disable()
  context.disable()
  await new Promise((resolve) => collector.close(resolve))
})

const traced = (options = {}) => agent('traced', { dependencies, env: { COLLECTOR: url }, ...options })

/** What both languages have told, Node's first. */
const all = (): Told[] => [
  ...exporter.getFinishedSpans().map((span) => ({
    name: span.name,
    ...span.spanContext(),
    parentId: span.parentSpanContext?.spanId,
  })),
  ...told,
]

/** The names on the way from a span to its root. */
function pathOf(span: Told | undefined, spans: Told[]): string[] {
  if (span === undefined) return []
  return [
    span.name,
    ...pathOf(
      spans.find(({ spanId }) => spanId === span.parentId),
      spans,
    ),
  ]
}

test('one trace goes through both languages: caller, run, Python, tool in TypeScript, child run, Python again', async () => {
  const helper = agentTool('helper', { description: 'Helps' })
  const lookup = tool({ description: 'Looks an order up', input: z.object({ id: z.string() }), execute: () => 'open' })
  const axon = await newAxon({ agents: { support: traced({ tools: { helper, lookup } }), helper: traced() } }).start()
  await tracer.startActiveSpan('request', async (span) => {
    await axon.agent('support').run({ prompt: 'hi' }, { run: 'r1' })
    span.end()
  })
  const spans = all().filter(({ name }) => !name.startsWith('start_agent'))
  expect(new Set(spans.map(({ traceId }) => traceId)).size).toBe(1)
  const last = told.find((span) => span.name.startsWith('chat') && pathOf(span, spans).includes('invoke_agent helper'))
  expect(pathOf(last, spans)).toEqual([
    'chat test',
    'invoke_agent inner',
    'invoke_agent helper',
    'execute_tool helper',
    'execute_tool helper',
    'invoke_agent inner',
    'invoke_agent support',
    'request',
  ])
  const node = exporter.getFinishedSpans().find(({ name }) => name === 'invoke_agent support')
  expect(node?.attributes).toMatchObject({
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.agent.name': 'support',
    'gen_ai.usage.input_tokens': expect.any(Number),
    'gen_ai.usage.output_tokens': expect.any(Number),
    'axon.run.id': 'r1',
    'axon.run.outcome': 'succeeded',
    'axon.generation': 'support/0#1',
  })
  expect(JSON.stringify(exporter.getFinishedSpans().map(({ attributes }) => attributes))).not.toContain('"hi"')
  const starts = exporter.getFinishedSpans().filter(({ name }) => name === 'start_agent support')
  expect(starts.map(({ events }) => events.map(({ name }) => name))).toEqual([
    ['environment.ready', 'agent.starting', 'process.spawned'],
  ])
})

test('headers that a caller gives are the parent, baggage goes with them, and log lines of both sides name the trace', async () => {
  const lines: Record<string, unknown>[] = []
  const stream = new Writable({
    write(chunk, _, done) {
      lines.push(JSON.parse(chunk))
      done()
    },
  })
  const axon = await newAxon({ agents: { support: traced() }, logger: pino({ level: 'debug' }, stream) }).start()
  const traceId = '0af7651916cd43dd8448eb211c80319c'
  const given = readTraceHeaders({ traceparent: `00-${traceId}-b7ad6b7169203331-01`, baggage: 'tenant=acme' })
  await axon.agent('support').run({ prompt: 'hi' }, { run: 'r1', trace: given })
  await axon.close()
  const run = all().find(({ name }) => name === 'invoke_agent support')
  expect(run).toMatchObject({ traceId, parentId: 'b7ad6b7169203331' })
  expect(new Set(told.map((span) => span.traceId))).toEqual(new Set([traceId]))
  const ofRun = lines.filter((line) => line.run === 'r1')
  expect(ofRun.map(({ msg }) => msg)).toEqual(['run.accepted', 'run.started', 'run.settled'])
  for (const line of ofRun) expect(line).toMatchObject({ trace_id: traceId, span_id: run?.spanId })
  const output = lines
    .filter(({ line }) => String(line).includes('baggage'))
    .map(({ line }) => JSON.parse(String(line)))
  expect(output).toMatchObject([{ run: 'r1', trace_id: traceId, message: 'baggage acme' }])
  const inner = told.find(({ name }) => name === 'invoke_agent inner')
  expect(told.map(({ spanId }) => spanId)).toContain(output[0].span_id)
  expect(inner?.parentId).toBe(run?.spanId)
})

test('without an SDK in Node, what a caller gives still goes to Python', async () => {
  trace.disable()
  try {
    const axon = await newAxon({ agents: { support: traced() } }).start()
    const traceId = '1af7651916cd43dd8448eb211c80319c'
    await axon.agent('support').run({ prompt: 'hi' }, { trace: { traceparent: `00-${traceId}-b7ad6b7169203331-01` } })
    expect(exporter.getFinishedSpans()).toEqual([])
    const inner = told.find(({ name }) => name === 'invoke_agent inner')
    expect(inner).toMatchObject({ traceId, parentId: 'b7ad6b7169203331' })
  } finally {
    trace.setGlobalTracerProvider(provider)
  }
})

test('baggage of the active context goes to Python', async () => {
  const axon = await newAxon({ agents: { support: traced() } }).start()
  const lines: string[] = []
  axon.on('process.output', ({ line }) => lines.push(line))
  const active = propagation.setBaggage(context.active(), propagation.createBaggage({ tenant: { value: 'a b' } }))
  await context.with(active, () => axon.agent('support').run({ prompt: 'hi' }))
  await axon.close()
  expect(lines.map((line) => JSON.parse(line).message)).toContain('baggage a b')
})
