/** Owns the machine of the scene's replicas, as the recorder would tell it: the states and edges of `agentMachine` in short. */
import type { ChartEdge, ChartNode, MachineFrame } from '../../src/inspector/frames.ts'

type Row = 'leaving' | 'life' | 'trouble'

const places: readonly [string, number, Row][] = [
  ['stopped', 1, 'leaving'],
  ['stopping', 2, 'leaving'],
  ['draining', 3, 'leaving'],
  ['idle', 0, 'life'],
  ['provisioning', 1, 'life'],
  ['starting', 2, 'life'],
  ['ready', 3, 'life'],
  ['suspect', 4, 'life'],
  ['failed', 0, 'trouble'],
  ['backoff', 1, 'trouble'],
  ['crashed', 3, 'trouble'],
]

const ways: readonly [string, string, string, Partial<ChartEdge>?][] = [
  ['idle', 'provisioning', 'agent.start'],
  ['provisioning', 'starting', 'environment.ready', { kind: 'done' }],
  ['provisioning', 'crashed', 'environment.failed', { kind: 'error' }],
  ['starting', 'ready', 'agent.ready'],
  ['starting', 'crashed', 'process.exited'],
  ['ready', 'suspect', 'process.silent'],
  ['suspect', 'ready', 'process.heartbeat'],
  ['suspect', 'crashed', 'process.exited'],
  ['ready', 'crashed', 'process.exited'],
  ['ready', 'draining', 'agent.drain'],
  ['ready', 'draining', 'agent.stop'],
  ['draining', 'stopping', 'drained', { kind: 'always' }],
  ['starting', 'stopping', 'agent.stop'],
  ['stopping', 'stopped', 'process.exited'],
  ['stopping', 'idle', 'process.exited', { guard: 'idleAfterMs passed' }],
  ['stopped', 'provisioning', 'agent.start'],
  ['crashed', 'backoff', 'policy', { guard: 'retry', kind: 'always' }],
  ['crashed', 'failed', 'policy', { guard: 'give up', kind: 'always' }],
  ['backoff', 'provisioning', 'after', { kind: 'after', delayMs: 7604 }],
  ['backoff', 'stopped', 'agent.stop'],
  ['failed', 'provisioning', 'agent.start'],
]

export const machineHash = 'a91f2c'

export function edgeId(source: string, target: string): string {
  const found = ways.findIndex(([from, to]) => from === source && to === target)
  if (found === -1) throw new Error(`The scene's machine has no edge from ${source} to ${target}.`)
  return `e${found}`
}

export function replicaMachine(): MachineFrame {
  const nodes: ChartNode[] = [
    { id: 'agent', parent: undefined, key: 'agent', type: 'compound', isInitial: true },
    ...places.map(([key, column, row]) => ({
      id: `agent.${key}`,
      parent: 'agent',
      key,
      type: 'atomic' as const,
      isInitial: key === 'idle',
      place: { column, row },
    })),
  ]
  const edges = ways.map(([source, target, event, more], i) => ({
    id: `e${i}`,
    source: `agent.${source}`,
    target: `agent.${target}`,
    event,
    kind: 'event' as const,
    ...more,
  }))
  return { type: 'machine', hash: machineHash, id: 'agent', nodes, edges }
}
