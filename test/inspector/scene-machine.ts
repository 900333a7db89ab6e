/** Owns the machine of the scene's replicas: the real one, as the recorder tells it. */

import type { MachineFrame } from '../../src/inspector/frames.ts'
import { chartOf } from '../../src/inspector/machine-frames.ts'
import { agentMachine } from '../../src/machines/agent.ts'
import { poolMachine } from '../../src/machines/pool.ts'

export function replicaMachine(): MachineFrame {
  return (chartOf(agentMachine) as { frame: MachineFrame }).frame
}

export function poolFrame(): MachineFrame {
  return (chartOf(poolMachine) as { frame: MachineFrame }).frame
}

export const machineHash = replicaMachine().hash

/** The first edge between two states, those inside of them included. */
export function edgeId(source: string, target: string): string {
  const isIn = (id: string, key: string) => id === `agent.${key}` || id.startsWith(`agent.${key}.`)
  const found = replicaMachine().edges.find(
    (edge) => edge.event !== 'process.violated' && isIn(edge.source, source) && isIn(edge.target, target),
  )
  if (found === undefined) throw new Error(`The machine has no edge from ${source} to ${target}.`)
  return found.id
}
