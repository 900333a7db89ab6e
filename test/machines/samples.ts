/**
 * Owns the sample values of the machines' tests: definitions, environments, what a process says.
 */
import type { AgentDefinition } from '../../src/machines/definition.ts'
import type { Environment, ExitRecord } from '../../src/machines/slots.ts'
import type { AgentFacts, Endpoint, FailedFrame, HeartbeatFrame } from '../../src/protocol/control.ts'

export function definitionOf(name: string, changes: Partial<AgentDefinition> = {}): AgentDefinition {
  return {
    name,
    module: `agents.${name}`,
    cwd: '/srv/app',
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
    idempotency: { keepMs: 60_000, maxKeys: 100 },
    restart: { maxRestarts: 10, withinMs: 600_000, firstMs: 0, baseMs: 500, maxMs: 60_000, stableMs: 60_000 },
    startMs: 30_000,
    shutdownMs: 5_000,
    cancelGraceMs: 5_000,
    sandbox: 'off',
    timeouts: { connectMs: 1_000, firstByteMs: 10_000, idleMs: 10_000, runMs: 60_000 },
    approvalMs: 600_000,
    groups: [],
    after: [],
    onFailed: 'stay',
    metadata: {},
    ...changes,
  }
}

export const environment: Environment = {
  python: '/srv/environments/a1/bin/python',
  root: '/srv/environments/a1',
  fingerprint: 'a1',
  version: '3.12.1',
  installer: 'uv',
  isWarm: true,
  elapsedMs: 1,
}

export const endpoint: Endpoint = { kind: 'unix', path: '/run/axon/writer.sock' }
export const agentFacts: AgentFacts = { name: 'writer', framework: 'function', python: '3.12.1', axonAgent: '0.1.0' }
export const heartbeat: HeartbeatFrame = { type: 'heartbeat', rss: 1, cpu: 1, loopLagMs: 0, inFlight: 0 }

export const importFailure: FailedFrame = {
  type: 'failed',
  phase: 'import',
  code: 'AGENT_IMPORT_FAILED',
  kind: 'ModuleNotFoundError',
  message: 'agents.writer imports numpie, which is not installed. Add it to dependencies.',
  traceback: 'Traceback (most recent call last): …',
}

export const bindFailure: FailedFrame = {
  type: 'failed',
  phase: 'bind',
  code: 'PORT_IN_USE',
  kind: 'OSError',
  message: 'Port 8001 is taken by another process. Choose another port, or 0.',
  traceback: '',
}

export function exitOf(generation: string, changes: Partial<ExitRecord> = {}): ExitRecord {
  return { generation, pid: 4242, code: 1, signal: null, lastLines: [], ...changes }
}
