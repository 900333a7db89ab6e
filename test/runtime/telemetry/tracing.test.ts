import { context, SpanKind, SpanStatusCode, trace } from '@opentelemetry/api'
import { AsyncLocalStorageContextManager } from '@opentelemetry/context-async-hooks'
import { InMemorySpanExporter, type ReadableSpan, SimpleSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { RunError } from '../../../src/errors.ts'
import type { AgentDefinition } from '../../../src/machines/definition.ts'
import { ConnectionLost } from '../../../src/runtime/http/transport.ts'
import { Signals } from '../../../src/runtime/telemetry/signals.ts'
import { readTraceHeaders, type TraceHeaders } from '../../../src/runtime/telemetry/trace-context.ts'
import { RunRig, response, settle } from '../runs/rig.ts'

const exporter = new InMemorySpanExporter()
const provider = new TracerProvider({ spanProcessors: [new SimpleSpanProcessor({ exporter })] })
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'

beforeEach(() => {
  trace.setGlobalTracerProvider(provider)
  context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable())
})

afterEach(() => {
  exporter.reset()
  trace.disable()
  context.disable()
})

const rigOf = (changes: Partial<AgentDefinition> = {}, options: ConstructorParameters<typeof Signals> = []) => {
  const signals = new Signals(...options)
  return { rig: new RunRig(changes, undefined, signals.traces), traces: signals.traces }
}
const only = () => exporter.getFinishedSpans()[0] as ReadableSpan
const outcome = (run: Promise<unknown>) => run.catch((error) => error)

test('a run is a client span with the names of the GenAI conventions and no contents', async () => {
  const { rig } = rigOf({ model: 'openai:gpt-5' })
  rig.ready().receipt('a')
  const run = rig.run('a', { conversation: 'c1' })
  rig.call().succeed({ ...response, usage: { total_tokens: 7, input_tokens: 4, output_tokens: 3 } })
  await run
  const span = only()
  expect(span).toMatchObject({ name: 'invoke_agent writer', kind: SpanKind.CLIENT, parentSpanContext: undefined })
  expect(span.attributes).toEqual({
    'gen_ai.operation.name': 'invoke_agent',
    'gen_ai.provider.name': 'openai',
    'gen_ai.request.model': 'gpt-5',
    'gen_ai.agent.name': 'writer',
    'gen_ai.conversation.id': 'c1',
    'gen_ai.usage.input_tokens': 4,
    'gen_ai.usage.output_tokens': 3,
    'axon.run.id': 'a',
    'axon.run.mode': 'sync',
    'axon.run.outcome': 'succeeded',
    'axon.run.attempt': 1,
    'axon.run.started': true,
    'axon.generation': 'writer/0#1',
  })
})

test('the request carries the span', async () => {
  const { rig } = rigOf()
  rig.ready()
  const run = rig.run('a')
  const sent = rig.call().call.trace
  rig.call().succeed()
  await run
  const { traceId, spanId } = only().spanContext()
  expect(sent).toEqual({ traceparent: `00-${traceId}-${spanId}-01` })
})

test('prompts and results are on spans where that was asked for, by the option or the variable', async () => {
  const captured = { OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT: 'true' }
  for (const options of [[{ captureMessageContent: true }], [true, captured]] as const) {
    exporter.reset()
    const { rig } = rigOf({}, [...options])
    rig.ready()
    const run = rig.run('a')
    rig.call().succeed()
    await run
    expect(only().attributes).toMatchObject({
      'gen_ai.input.messages': '[{"role":"user","parts":[{"type":"text","content":"hi"}]}]',
      'gen_ai.output.messages':
        '[{"role":"assistant","parts":[{"type":"text","content":"done"}],"finish_reason":"stop"}]',
    })
  }
})

test('a run that fails says its code and not what was raised', async () => {
  const { rig } = rigOf()
  rig.ready()
  const run = outcome(rig.run('a'))
  const about = { run: 'a', agent: 'writer', started: true, attempt: 1 }
  rig.call().fail(new RunError('AGENT_RAISED', 'ValueError: the secret 4711', about))
  await run
  expect(only()).toMatchObject({ status: { code: SpanStatusCode.ERROR, message: 'AGENT_RAISED' } })
  expect(only().attributes).toMatchObject({ 'error.type': 'AGENT_RAISED', 'axon.run.outcome': 'failed' })
  expect(JSON.stringify([only().attributes, only().events, only().status])).not.toContain('4711')
})

test('an attempt that comes to nothing is an event of the one span', async () => {
  const { rig } = rigOf()
  const first = rig.ready(1)
  const run = rig.run('a')
  rig.call().fail(new ConnectionLost('socket hang up', { isWritten: true }))
  first.exit()
  first.bury()
  await settle()
  rig.ready(2)
  rig.call(1).succeed()
  await run
  expect(exporter.getFinishedSpans()).toHaveLength(1)
  expect(only().events.map(({ name }) => name)).toEqual(['run.requeued', 'run.started'])
  expect(only().attributes).toMatchObject({ 'axon.run.attempt': 2, 'axon.generation': 'writer/0#2' })
})

test('a caller who gives headers is the parent, with its state and baggage', async () => {
  const { rig } = rigOf()
  rig.ready()
  const given = { traceparent, tracestate: 'vendor=1', baggage: 'tenant=acme' }
  const run = rig.run('a', { trace: given })
  const sent = rig.call().call.trace as TraceHeaders
  rig.call().succeed()
  await run
  expect(only().parentSpanContext).toMatchObject({ spanId: 'b7ad6b7169203331', isRemote: true })
  expect(sent).toEqual({
    traceparent: `00-0af7651916cd43dd8448eb211c80319c-${only().spanContext().spanId}-01`,
    tracestate: 'vendor=1',
    baggage: 'tenant=acme',
  })
})

test('without a context manager a child run is under the run that makes it', async () => {
  context.disable()
  const { traces } = rigOf()
  const made = (run: string, parent?: { id: string }) =>
    traces.begin({ run, mode: 'sync', definition: { name: run } as AgentDefinition, body: '{}', parent })
  const [above, below] = [made('above'), made('below', { id: 'above' })]
  const settled = { type: 'run.settled', agent: 'x', status: 'succeeded', started: true, attempt: 1 } as const
  below?.hear({ ...settled, run: 'below', durationMs: 1 })
  above?.hear({ ...settled, run: 'above', durationMs: 1 })
  const [child, parent] = exporter.getFinishedSpans()
  expect(child?.parentSpanContext?.spanId).toBe(parent?.spanContext().spanId)
})

test('without an SDK no span is made, and what a caller gave is passed on as it came', async () => {
  trace.disable()
  const { rig, traces } = rigOf()
  rig.ready()
  const runs = [rig.run('a'), rig.run('b', { trace: { traceparent, baggage: 'tenant=acme' } })]
  expect(rig.calls.map(({ call }) => call.trace)).toEqual([undefined, { traceparent, baggage: 'tenant=acme' }])
  expect(traces.idsOf('a')).toBeUndefined()
  expect(traces.idsOf('b')).toMatchObject({ spanId: 'b7ad6b7169203331' })
  for (const call of rig.calls) call.succeed()
  await Promise.all(runs)
  expect(exporter.getFinishedSpans()).toEqual([])
})

test('openTelemetry: false makes no span where an SDK is registered', async () => {
  const { rig } = rigOf({}, [false])
  rig.ready()
  const run = rig.run('a')
  rig.call().succeed()
  await run
  expect(exporter.getFinishedSpans()).toEqual([])
})

test('runs that have ended are forgotten, the oldest first', async () => {
  const { rig, traces } = rigOf()
  rig.ready()
  for (let at = 0; at < 600; at += 1) {
    const run = rig.run(`r${at}`)
    rig.call(at).succeed()
    await run
  }
  expect(traces.idsOf('r0')).toBeUndefined()
  expect(traces.idsOf('r599')).toBeDefined()
  // The id of one that is about to be forgotten may be a newer run's.
  const again = rig.run('r550')
  const { spanId } = traces.idsOf('r550') ?? {}
  for (let at = 601; at < 1_300; at += 1) {
    const run = rig.run(`r${at}`)
    rig.call(at).succeed()
    await run
  }
  expect(traces.idsOf('r550')).toMatchObject({ spanId })
  rig.call(600).succeed()
  await again
})

test('a trace that is none is refused as an option, and left out of the headers of a request', () => {
  const { rig } = rigOf()
  expect(() => rig.dispatcher.run('writer', { prompt: 'hi' }, { trace: { traceparent: 'x' } })).toThrow(/traceparent/)
  const injected = { traceparent, baggage: 'a=1\r\nx: y' }
  expect(() => rig.dispatcher.run('writer', { prompt: 'hi' }, { trace: injected })).toThrow(/baggage is no header/)
  expect(readTraceHeaders({ traceparent: traceparent.replace('b7ad6b7169203331', '0000000000000000') })).toBeUndefined()
  expect(readTraceHeaders({ traceparent: `${traceparent}-more` })).toBeUndefined()
  expect(readTraceHeaders({ traceparent: [traceparent, traceparent] })).toBeUndefined()
  expect(readTraceHeaders(injected)).toEqual({ traceparent })
  expect(readTraceHeaders({ traceparent, tracestate: ['a=1', 'b=2'] })).toEqual({ traceparent, tracestate: 'a=1,b=2' })
})
