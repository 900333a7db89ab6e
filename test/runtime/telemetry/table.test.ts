import { expect, test } from 'vitest'
import type { AgentSnapshot, ReplicaSnapshot } from '../../../src/runtime/agent-view.ts'
import { Tally } from '../../../src/runtime/runs/load.ts'
import { tableOf } from '../../../src/runtime/telemetry/table.ts'

function replica(index: number, given: Partial<ReplicaSnapshot> = {}): ReplicaSnapshot {
  return {
    state: 'ready',
    generation: `writer/${index}#3`,
    pid: 70 + index,
    endpoint: undefined,
    facts: undefined,
    python: undefined,
    limits: undefined,
    sandbox: undefined,
    restarts: 1,
    resources: { rss: 1_000, cpu: 0.5, loopLagMs: 0, inFlight: 1 },
    application: undefined,
    inFlight: 1,
    crash: undefined,
    lastError: undefined,
    ...given,
  }
}

function snapshot(replicas: ReplicaSnapshot[]): AgentSnapshot {
  const sums = { restarts: 2, inFlight: 2, queued: 4, runs: 9, errors: 3 }
  return { ...replica(0), name: 'writer', ...sums, replicas, isRolling: false, metadata: {} }
}

test('an agent is one row with a row for each replica, and what its processes use is added up', () => {
  const { agents, ...system } = tableOf('0b7a', [snapshot([replica(0), replica(1)])], 17)
  expect(system).toEqual({ system: '0b7a', pid: process.pid, time: 17 })
  const row = { state: 'ready', inFlight: 1, rss: 1_000, cpu: 0.5, restarts: 1 }
  const replicas = [
    { replica: 'writer/0', generation: 'writer/0#3', pid: 70, ...row },
    { replica: 'writer/1', generation: 'writer/1#3', pid: 71, ...row },
  ]
  const sums = { inFlight: 2, queue: 4, runs: 9, errors: 3, restarts: 2, rss: 2_000, cpu: 1 }
  expect(agents).toEqual([{ name: 'writer', state: 'ready', replicas, ...sums }])
})

test('what nobody has told is null, and the rest is added all the same', () => {
  const silent = replica(1, { pid: undefined, resources: undefined, state: 'failed' })
  expect(tableOf('0b7a', [snapshot([silent])]).agents[0]).toMatchObject({ rss: null, cpu: null })
  const [row] = tableOf('0b7a', [snapshot([replica(0), silent])]).agents
  expect(row).toMatchObject({ rss: 1_000, cpu: 0.5 })
  expect(row?.replicas[1]).toMatchObject({ pid: null, rss: null, cpu: null })
})

test("what Ray's replicas have told is added up to what their agent's one replica uses", () => {
  const one = { id: 'a', state: 'RUNNING', actor: undefined, node: undefined, pid: 7, rss: 400, cpu: 1, inFlight: 0 }
  const starting = { ...one, id: 'b', state: 'STARTING', rss: undefined, cpu: undefined }
  const application = { name: 'axon-writer', replicas: [one, { ...one, id: 'c' }, starting] }
  const onRay = replica(0, { pid: undefined, resources: undefined, application })
  expect(tableOf('0b7a', [snapshot([onRay])]).agents[0]).toMatchObject({
    rss: 800,
    cpu: 2,
    replicas: [{ pid: null, rss: 800, cpu: 2 }],
  })
})

test('every end of a run is counted, and as an error what the caller has not chosen', () => {
  const tally = new Tally()
  const run = { agent: 'writer', run: 'r', started: true, attempt: 1, durationMs: 1 }
  for (const status of ['succeeded', 'failed', 'cancelled', 'timed_out', 'interrupted'] as const)
    tally.hear({ type: 'run.settled', status, ...run })
  tally.hear({ type: 'run.started', agent: 'writer', run: 'r', generation: 'writer/0#1' })
  expect(tally).toMatchObject({ runs: 5, errors: 3 })
})
