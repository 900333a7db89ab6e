/** Owns the runs of the scene: their actors, messages and ends, and the one that waits for a person. */
import type { RunFrame, RunStatus, StreamFrame } from '../../src/inspector/frames.ts'
import { wave } from './scene-figures.ts'
import type { Draft } from './scene-replicas.ts'
import { idOf } from './scene-replicas.ts'

const targets = ['support/0', 'support/1', 'triage/0', 'support/2', 'research/0', 'triage/1']

/** A run every 0.8 s, each with its messages. */
export function runsOver(begin: number, now: number, first = 0): Draft[] {
  const drafts: Draft[] = []
  let n = first
  for (let at = begin + 300; at < now - 6000; at += 800) {
    const replica = targets[n % targets.length] as string
    const status: RunStatus = n % 97 === 41 ? 'failed' : n % 61 === 17 ? 'cancelled' : 'succeeded'
    drafts.push(
      ...oneRun(
        `run_${(46_656 + n).toString(36).toUpperCase()}`,
        replica,
        at,
        status,
        3 + Math.round(20 * (1 + wave(n))),
      ),
    )
    n += 1
  }
  if (first === 0) drafts.push(...oneRun('run_7KQ2', 'research/1', now - 5400, 'interrupted', 12))
  return drafts
}

function oneRun(run: string, replica: string, at: number, status: RunStatus, deltas: number): Draft[] {
  const agent = replica.split('/')[0] as string
  const own = `run:${run}`
  const durationMs = status === 'interrupted' ? 1217 : 184 + deltas * 9
  const message = (
    after: number,
    sessionId: string,
    sourceId: string | undefined,
    type: string,
    count = 1,
    more = {},
  ): Draft => ({
    type: '@xstate.event',
    at: at + after,
    sessionId,
    sourceId,
    event: { type, ...more },
    run,
    taken: true,
    ...(count > 1 ? { count } : {}),
  })
  const state = (after: number, now: RunStatus, more: Partial<RunFrame> = {}): Draft => ({
    type: 'run',
    at: at + after,
    run,
    agent,
    sessionId: idOf(replica),
    generation: '1',
    status: now,
    attempt: 1,
    started: !['accepted', 'queued', 'assigned', 'written'].includes(now),
    phases: [{ name: 'waiting', fromMs: 0, toMs: 5 }],
    ...more,
  })
  return [
    message(0, idOf(agent), 's:0', 'run.start', 1, { prompt: 'Where is order 88213?' }),
    state(0, 'accepted'),
    message(4, idOf(replica), idOf(agent), 'run.assigned'),
    message(6, own, idOf(replica), 'run.started', 1, { replica }),
    state(6, 'started'),
    message(60, own, idOf(replica), 'text.delta', deltas),
    message(durationMs, idOf(agent), own, 'run.settled', 1, { status }),
    state(durationMs, status, {
      durationMs,
      phases: [
        { name: 'waiting', fromMs: 0, toMs: 5 },
        { name: 'model', fromMs: 5, toMs: durationMs },
        { name: 'text', fromMs: 60, toMs: durationMs },
      ],
      ...(status === 'succeeded'
        ? { usage: { inputTokens: 412, outputTokens: deltas, totalTokens: 412 + deltas } }
        : {}),
      ...errorOf(status),
    }),
  ]
}

function errorOf(status: RunStatus): Partial<RunFrame> {
  if (status === 'failed')
    return { error: { code: 'AGENT_RAISED', message: 'ValueError: no such order', retryable: false } }
  if (status !== 'interrupted') return {}
  return {
    error: { code: 'RUN_INTERRUPTED', message: 'The process of research/1 ended during the run.', retryable: true },
  }
}

/** `run_9C4F`: two tools have answered, the third waits for a person. */
export function approvalRun(now: number): Draft[] {
  const at = now - 2140
  const base = {
    type: 'run' as const,
    run: 'run_9C4F',
    agent: 'support',
    sessionId: idOf('support/1'),
    generation: '1',
    attempt: 1,
  }
  return [
    {
      type: '@xstate.event',
      at,
      sessionId: idOf('support'),
      sourceId: 's:0',
      event: { type: 'run.start' },
      run: 'run_9C4F',
      taken: true,
    },
    { ...base, at, status: 'accepted', started: false, phases: [{ name: 'waiting', fromMs: 0 }] },
    {
      type: '@xstate.event',
      at: at + 5,
      sessionId: idOf('support/1'),
      sourceId: idOf('support'),
      event: { type: 'run.assigned' },
      run: 'run_9C4F',
      taken: true,
    },
    {
      ...base,
      at: at + 1180,
      status: 'waiting',
      started: true,
      phases: [
        { name: 'waiting', fromMs: 0, toMs: 5 },
        { name: 'model', fromMs: 5, toMs: 420 },
        { name: 'text', fromMs: 320, toMs: 420 },
        { name: 'tools', fromMs: 420, toMs: 504 },
        { name: 'tools', fromMs: 428, toMs: 740 },
        { name: 'model', fromMs: 740, toMs: 1180 },
        { name: 'text', fromMs: 900, toMs: 1180 },
        { name: 'approval', fromMs: 1180 },
      ],
      usage: { inputTokens: 1204, outputTokens: 148, totalTokens: 1352 },
    },
  ]
}

/** The same as `run_stream` tells it. */
export function approvalStream(now: number): StreamFrame[] {
  const at = now - 2140
  const parts: [number, string, unknown][] = [
    [5, 'run.started', { run_id: 'run_9C4F' }],
    ...split('I am sorry about that. Let me look at the order and at what the policy says.', 320),
    [420, 'tool.call', { id: 'c1', name: 'lookup_order', arguments: { id: 88213 } }],
    [428, 'tool.call', { id: 'c2', name: 'search_policy', arguments: { query: 'damaged on arrival' } }],
    [
      504,
      'tool.result',
      { id: 'c1', result: { item: 'Kettle 1.7 l', paid: 39.9, currency: 'EUR', delivered: '2026-11-19' } },
    ],
    [740, 'tool.result', { id: 'c2', result: ['returns', 'damage', 'transport'] }],
    ...split(
      'Your order was delivered four days ago, so a full refund applies and you need not send the kettle back. I have prepared the refund of 39.90 EUR to the card you paid with.',
      900,
    ),
    [
      1180,
      'tool.approval',
      {
        id: 'c3',
        name: 'issue_refund',
        arguments: { order: 88213, amount: 39.9, currency: 'EUR' },
        due_at: now + 57_000,
      },
    ],
  ]
  return parts.map(([after, event, data], id) => ({
    type: 'stream',
    at: at + after,
    run: 'run_9C4F',
    id: id + 1,
    event,
    data,
  }))
}

function split(text: string, from: number): [number, string, unknown][] {
  return (text.match(/\S+\s*/g) ?? []).map((delta, i) => [from + i * 8, 'text.delta', { text: delta }])
}
