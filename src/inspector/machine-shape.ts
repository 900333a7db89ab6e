/**
 * Owns what a page is told of a machine: its states and its edges, as it draws them.
 */

export interface ChartNode {
  /** `agent.ready`, as XState names state nodes. */
  id: string
  /** Undefined at the top: the machine itself is no node. */
  parent: string | undefined
  /** Its own key: `ready`. */
  key: string
  type: 'atomic' | 'compound' | 'parallel' | 'final' | 'history'
  isInitial: boolean
  /** Where it is drawn, by hand: column from the left, and row. A machine of which one has none is laid out by the page. */
  place?: { column: number; row: 'leaving' | 'life' | 'trouble' }
}

/** A transition that all states share, or that has several targets, is several edges with one id. */
export interface ChartEdge {
  id: string
  source: string
  target: string
  event: string
  guard?: string
  kind: 'event' | 'after' | 'always' | 'done' | 'error'
  delayMs?: number
  /** Drawn only where it matters: out of the active state, taken lately, or pointed at. */
  isAside?: boolean
}

/** A machine, once for each hash of its definition. */
export interface MachineFrame {
  type: 'machine'
  hash: string
  id: string
  nodes: readonly ChartNode[]
  edges: readonly ChartEdge[]
}
