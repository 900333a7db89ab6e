/**
 * Owns the drawing of machines as frames: states and transitions, once for each machine, and the names of the transitions that
 * were taken.
 */
import { createHash } from 'node:crypto'
import { type AnyStateMachine, type AnyStateNode, type AnyTransitionDefinition, StateMachine } from 'xstate'
import { type RunState, runLogic, runTransitions } from '../machines/run.ts'
import type { ChartEdge, ChartNode, MachineFrame } from './frames.ts'
import { placed } from './places.ts'

export interface Chart {
  frame: MachineFrame
  edgeOf: ReadonlyMap<unknown, string>
}

const charts = new WeakMap<object, Chart>()
let runs: Chart | undefined

/** The chart of an actor's logic; undefined where it has no states. */
export function chartOf(logic: unknown): Chart | undefined {
  if (logic === runLogic) {
    runs ??= { frame: framed('run', ...runChart()), edgeOf: new Map() }
    return runs
  }
  if (!(logic instanceof StateMachine)) return undefined
  let chart = charts.get(logic)
  if (chart === undefined) {
    chart = draw(logic as AnyStateMachine)
    charts.set(logic, chart)
  }
  return chart
}

function draw(machine: AnyStateMachine): Chart {
  const nodes: ChartNode[] = []
  const edges: ChartEdge[] = []
  const edgeOf = new Map<unknown, string>()
  const visit = (node: AnyStateNode, parent: AnyStateNode | undefined) => {
    if (parent !== undefined) nodes.push(nodeOf(node, parent))
    for (const transition of transitionsOf(node)) {
      const targets = transition.target?.map(({ id }) => id) ?? []
      const base = `${node.id}|${transition.eventType}`
      const id = edges.some((edge) => edge.id === base) ? `${base}|${edges.length}` : base
      edgeOf.set(transition, id)
      for (const target of targets)
        edges.push({ id, source: node.id, target, ...kindOf(machine, node, transition), ...guardOf(transition) })
    }
    for (const child of Object.values(node.states)) visit(child, node)
  }
  visit(machine.root, undefined)
  return { frame: framed(machine.id, nodes, edges), edgeOf }
}

function framed(id: string, allNodes: readonly ChartNode[], allEdges: readonly ChartEdge[]): MachineFrame {
  const [nodes, edges] = placed(id, allNodes, allEdges)
  const hash = createHash('sha256')
    .update(JSON.stringify([id, nodes, edges]))
    .digest('base64url')
    .slice(0, 16)
  return { type: 'machine', hash, id, nodes, edges }
}

function nodeOf(node: AnyStateNode, parent: AnyStateNode): ChartNode {
  return {
    id: node.id,
    parent: parent.parent === undefined ? undefined : parent.id,
    key: node.key,
    type: node.type,
    isInitial: parent.config.initial === node.key,
  }
}

function transitionsOf(node: AnyStateNode): AnyTransitionDefinition[] {
  return [...[...node.transitions.values()].flat(), ...(node.always ?? [])]
}

const systemEvent = /^xstate\.(after|done|error)\.(?:(actor|state)\.)?(.+)$/

/** What a person calls the event, and of which kind it is. */
function kindOf(
  machine: AnyStateMachine,
  node: AnyStateNode,
  { eventType }: AnyTransitionDefinition,
): Pick<ChartEdge, 'event' | 'kind' | 'delayMs'> {
  if (eventType === '') return { event: 'always', kind: 'always' }
  const [, what, , rest = ''] = systemEvent.exec(eventType) ?? []
  if (what === 'done' || what === 'error') return { event: `${what} ${rest.replace(`.${node.id}`, '')}`, kind: what }
  if (what !== 'after') return { event: eventType, kind: 'event' }
  const name = rest.replace(`.${node.id}`, '')
  const known = machine.implementations.delays[name]
  const delayMs = typeof known === 'number' ? known : Number(name)
  return { event: `after ${name}`, kind: 'after', ...(Number.isFinite(delayMs) && { delayMs }) }
}

function guardOf({ guard }: AnyTransitionDefinition): Pick<ChartEdge, 'guard'> {
  if (guard === undefined) return {}
  if (typeof guard === 'string') return { guard }
  const { type } = guard as { type?: unknown }
  return { guard: typeof type === 'string' ? type : 'condition' }
}

/** The one transition that leads from a state to the other, where nobody has told which was taken. */
export function edgeBetween(chart: Chart | undefined, before: unknown, after: unknown): string[] {
  if (chart === undefined) return []
  const [from, to] = [nodeIn(chart, before), nodeIn(chart, after)]
  const isIn = (id: string, outer: string | undefined) => id === outer || (outer && id.startsWith(`${outer}.`))
  const ids = chart.frame.edges.flatMap(({ id, source, target }) =>
    isIn(source, from) && isIn(target, to) ? [id] : [],
  )
  return ids.length === 1 ? ids : []
}

/** The outermost state. */
function nodeIn({ frame }: Chart, value: unknown): string | undefined {
  const key = typeof value === 'string' ? value : Object.keys(value ?? {})[0]
  return frame.nodes.find((node) => node.parent === undefined && node.key === key)?.id
}

const outcomes = ['succeeded', 'failed', 'cancelled', 'timed_out', 'interrupted']

/** Runs are no statechart: each request makes one. Their table is drawn as one. */
function runChart(): [ChartNode[], ChartEdge[]] {
  const states = Object.keys(runTransitions) as RunState[]
  const node = (key: string): ChartNode => ({
    id: `run.${key}`,
    parent: undefined,
    key,
    type: outcomes.includes(key) ? 'final' : 'atomic',
    isInitial: key === 'accepted',
  })
  const edges = states.flatMap((state) => [
    ...Object.entries(runTransitions[state] ?? {}).map(([event, target]) => runEdge(state, event, target as string)),
    ...outcomes.map((outcome) => runEdge(state, 'run.settled', outcome)),
  ])
  return [[...states, ...outcomes].map(node), edges]
}

function runEdge(source: string, event: string, target: string): ChartEdge {
  return {
    id: runEdgeId(source, event, target),
    source: `run.${source}`,
    target: `run.${target}`,
    event,
    kind: 'event',
  }
}

/** The transition of a run, which XState does not tell. */
export function runEdgeId(source: string, event: string, target: string): string {
  return event === 'run.settled' ? `run.${source}|${event}|${target}` : `run.${source}|${event}`
}
