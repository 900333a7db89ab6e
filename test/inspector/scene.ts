/**
 * Owns a system that never ran: frames of a support desk over five minutes, the same for the same clock. Pages are built and tried
 * against it. Runs and the talk come from scene-runs.ts, the crash and its log from scene-crash.ts.
 */
import type { HelloFrame, LiveFrame, LogFrame, SnapshotView, StreamFrame } from '../../src/inspector/frames.ts'
import { crashes, crashLogs } from './scene-crash.ts'
import { figuresAndBeats } from './scene-figures.ts'
import { edgeId, machineHash, poolFrame, replicaMachine } from './scene-machine.ts'
import { agentId, agentNames, type Draft, idOf, type ReplicaScript, replicas } from './scene-replicas.ts'
import { approvalRun, approvalStream, runsOver } from './scene-runs.ts'

export interface Scene {
  hello: HelloFrame
  /** In their order: a keyframe, then five minutes. */
  frames: LiveFrame[]
  logs: ReadonlyMap<string, LogFrame[]>
  contexts: ReadonlyMap<string, Record<string, unknown>>
  streams: ReadonlyMap<string, StreamFrame[]>
}

/** 12:04:32.3 of the day of the pictures, in UTC. */
export const sceneNow = Date.UTC(2026, 10, 28, 12, 4, 32, 300)
export const sceneMs = 300_000

export function snapshotOf(value: unknown, since: number, dueAt?: number): SnapshotView {
  const state = typeof value === 'string' ? value : ''
  const isUp = ['ready', 'suspect', 'starting', 'provisioning', 'backoff', 'draining'].includes(state)
  const next = [
    {
      event: 'agent.start',
      allowed: !isUp || state === 'backoff',
      ...(isUp && state !== 'backoff' ? { why: 'It runs already.' } : {}),
    },
    { event: 'agent.restart', allowed: true },
    { event: 'agent.stop', allowed: state !== 'stopped' },
  ]
  return { status: 'active', value, next, since, ...(dueAt === undefined ? {} : { dueAt }) }
}

function actors(at: number): Draft[] {
  const since = at - 7_500_000
  const base = { type: '@xstate.actor' as const, at, rootId: 's:0' }
  const running = snapshotOf('running', since)
  const of = (agent: string) => ({
    ...snapshotOf('serving', since),
    next: ['agent.restart', 'agent.scale', 'agent.drain', 'agent.stop'].map((event) => ({
      event,
      allowed: agent !== '',
    })),
  })
  return [
    {
      ...base,
      sessionId: 's:0',
      name: 'support-desk',
      parentId: undefined,
      kind: 'system',
      order: 0,
      snapshot: running,
    },
    {
      ...base,
      sessionId: 's:1',
      name: 'agents',
      parentId: 's:0',
      kind: 'supervisor',
      strategy: 'one_for_one',
      order: 0,
      snapshot: running,
    },
    { ...base, sessionId: 's:2', name: 'hosts', parentId: 's:0', kind: 'supervisor', order: 1, snapshot: running },
    ...agentNames.map(
      (agent, order): Draft => ({
        ...base,
        sessionId: agentId(agent),
        name: agent,
        parentId: 's:1',
        kind: 'agent',
        agent,
        order,
        machine: poolFrame().hash,
        snapshot: of(agent),
      }),
    ),
    ...replicas.map(
      ({ agent, name, begin }, order): Draft => ({
        ...base,
        sessionId: idOf(name),
        name,
        parentId: agentId(agent),
        kind: 'replica',
        agent,
        replica: name,
        machine: machineHash,
        order,
        snapshot: snapshotOf(begin, begin === 'ready' ? since : at),
      }),
    ),
    ...['py3.12·9f31c2', 'py3.11·4b07aa'].map(
      (name, order): Draft => ({
        ...base,
        sessionId: `h:${order}`,
        name,
        parentId: 's:2',
        kind: 'host',
        order,
        snapshot: running,
      }),
    ),
  ]
}

function processOf(script: ReplicaScript, at: number, generation: number, isAlive: boolean, restarts: number): Draft {
  return {
    type: 'process',
    at,
    sessionId: idOf(script.name),
    generation: String(generation),
    pid: isAlive ? script.pid - (script.generation - generation) * 131 : undefined,
    startTime: at,
    environment: 'py3.12·9f31c2',
    host: 'py3.12·9f31c2',
    placement: 'local',
    limits: { asked: { memoryMb: 512 }, achieved: { memoryMb: 'cgroup2' } },
    restarts,
  }
}

function life(script: ReplicaScript, now: number): Draft[] {
  const crashes = script.changes.filter(([, state]) => state === 'crashed').length
  let generation = Math.max(1, script.generation - crashes + (script.name === 'billing/0' ? 1 : 0))
  if (script.name === 'research/1') generation = 1
  let before = script.begin
  let restarts = 0
  const drafts: Draft[] = [processOf(script, now - sceneMs, generation, before === 'ready', 0)]
  for (const [seconds, state, event] of script.changes) {
    const at = now - seconds * 1000
    const sessionId = idOf(script.name)
    const { agent } = script
    if (state === 'starting' && before === 'provisioning' && drafts.length > 1 && restarts > 0) generation += 1
    drafts.push(
      {
        type: '@xstate.event',
        at,
        sessionId,
        sourceId: agentId(agent),
        event: { type: event },
        generation: String(generation),
        taken: true,
      },
      {
        type: '@xstate.snapshot',
        at,
        sessionId,
        snapshot: snapshotOf(state, at, state === 'backoff' ? at + 7604 : undefined),
        event: { type: event },
        edges: [edgeId(before, state)],
      },
    )
    if (state === 'starting') drafts.push(processOf(script, at, generation, true, restarts))
    if (state === 'crashed') {
      restarts += 1
      drafts.push(processOf(script, at, generation, false, restarts))
    }
    before = state
  }
  return drafts
}

export function makeScene(now = sceneNow): Scene {
  const begin = now - sceneMs
  const drafts: Draft[] = [
    ...replicas.flatMap((script) => life(script, now)),
    ...crashes(now),
    ...runsOver(begin, now),
    ...approvalRun(now),
    ...figuresAndBeats(begin, now),
  ]
  drafts.sort((a, b) => a.at - b.at)
  let seq = 1
  const number = (draft: Draft): LiveFrame => {
    if (['beats', 'figures', 'log', 'stream', 'closed'].includes(draft.type)) return draft as LiveFrame
    seq += 1
    return { ...draft, seq } as LiveFrame
  }
  const present = actors(begin).map((draft) => ({ ...draft, seq: 1 }) as LiveFrame)
  const frames: LiveFrame[] = [
    { type: 'keyframe', seq: 1, at: begin, frames: [replicaMachine(), poolFrame(), ...present] },
    ...drafts.map(number),
  ]
  return {
    hello: {
      type: 'hello',
      protocol: 'axon.live.1',
      system: { id: 'sys_7f31', name: 'support-desk', pid: 41207, startedAt: now - 8_070_000, version: '0.1.0' },
      now,
      seq,
      oldestSeq: 1,
      role: 'operate',
      caps: ['watch', 'unwatch', 'history', 'send', 'run.start', 'run.cancel', 'tool.approve'],
      retention: { events: 20_000, bytes: 16 * 1024 * 1024 },
    },
    frames,
    logs: crashLogs(now),
    contexts: new Map([
      [
        idOf('research/1'),
        {
          generation: 6,
          restarts: '5 of 10',
          backoffMs: 7604,
          attempt: 6,
          inFlight: 0,
          lastExit: { class: 'oom', signal: 'SIGKILL', code: null },
          limits: { memoryMb: 512, achieved: 'cgroup2' },
          token: '[redacted]',
        },
      ],
    ]),
    streams: new Map([['run_9C4F', approvalStream(now)]]),
  }
}
