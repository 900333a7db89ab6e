/** Owns which layout a machine gets, once for each. */
import type { MachineFrame } from '../../frames.ts'
import { placedLayout } from './placed-layout.ts'
import { treeLayout } from './tree-layout.ts'
import { isPlaced, type Layout } from './ways.ts'

const layouts = new Map<string, Layout>()

export function layoutOf(machine: MachineFrame): Layout {
  const known = layouts.get(machine.hash)
  if (known !== undefined) return known
  const layout = isPlaced(machine) ? placedLayout(machine) : treeLayout(machine)
  layouts.set(machine.hash, layout)
  return layout
}
