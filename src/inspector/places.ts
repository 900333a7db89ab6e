/**
 * Owns where the states of Axon's own machines are drawn: up is leaving, the middle is life, down is trouble. A machine that is not
 * here is laid out by the page. Which states there are is the machines' to say; a test names one without a place.
 */
import type { ChartEdge, ChartNode } from './frames.ts'

type Place = NonNullable<ChartNode['place']>

interface MachinePlaces {
  /** By key of the state at the top; those inside of it are not drawn. Columns from the left, `undefined` leaves one free. */
  leaving: readonly (string | undefined)[]
  life: readonly (string | undefined)[]
  trouble: readonly (string | undefined)[]
  /** Events that the machine hears in every state: from which states they are drawn. */
  heardIn: Readonly<Record<string, readonly string[]>>
  /** `source target` of transitions that are possible at nearly any time, and are drawn only where they matter. */
  aside: readonly string[]
}

const withProcess = ['starting', 'ready', 'suspect']

export const machinePlaces: Readonly<Record<string, MachinePlaces>> = {
  agent: {
    leaving: [undefined, 'stopped', 'stopping', 'draining'],
    life: ['idle', 'provisioning', 'starting', 'ready', 'suspect'],
    trouble: ['failed', 'backoff', undefined, 'crashed'],
    heardIn: { 'process.exited': withProcess, 'process.violated': withProcess },
    aside: [
      'idle stopped',
      'provisioning stopped',
      'suspect stopping',
      'suspect draining',
      'draining provisioning',
      'draining idle',
      'stopping provisioning',
      'crashed stopping',
      'crashed stopped',
      'crashed provisioning',
      'backoff stopped',
      'failed stopped',
    ],
  },
  pool: {
    leaving: [undefined, 'retiring', 'retired'],
    life: ['resting', 'serving', 'rolling'],
    trouble: [undefined, 'escalating', 'escalated'],
    heardIn: {
      'agent.retire': ['resting', 'serving', 'rolling'],
      'supervisor.shutdown': ['resting', 'serving', 'rolling'],
      'agent.failed': ['serving', 'rolling'],
      'error *': ['serving', 'rolling'],
    },
    aside: [],
  },
  supervisor: {
    leaving: [undefined, 'stopping', 'stopped'],
    life: ['starting', 'running'],
    trouble: [undefined, 'cooling'],
    heardIn: {},
    aside: ['starting stopped', 'running stopped', 'cooling stopped', 'cooling stopping', 'starting cooling'],
  },
  axon: {
    leaving: [undefined, 'closing', 'closed'],
    life: ['running'],
    trouble: [],
    heardIn: { 'system.destroy': ['running', 'closing'] },
    aside: [],
  },
  run: {
    leaving: [undefined, 'queued', undefined, 'cancelled', 'succeeded'],
    life: ['accepted', 'assigned', 'written', 'started', 'streaming'],
    trouble: [undefined, undefined, 'interrupted', 'timed_out', 'failed'],
    heardIn: {},
    aside: ['accepted', 'queued', 'assigned', 'written', 'started'].flatMap((source) =>
      ['succeeded', 'failed', 'cancelled', 'timed_out', 'interrupted'].map((outcome) => `${source} ${outcome}`),
    ),
  },
}

/** The same states and transitions, with the places that are known. */
export function placed(
  machine: string,
  nodes: readonly ChartNode[],
  edges: readonly ChartEdge[],
): [ChartNode[], ChartEdge[]] {
  const places = machinePlaces[machine]
  if (places === undefined) return [[...nodes], [...edges]]
  const at = new Map<string, Place>()
  for (const row of ['leaving', 'life', 'trouble'] as const)
    for (const [column, key] of places[row].entries())
      if (key !== undefined) at.set(`${machine}.${key}`, { column, row })
  const aside = new Set(places.aside)
  /** `agent.crashed.judged` is drawn as `crashed`. */
  const drawn = (id: string) => id.split('.')[1]
  // In the order of the table: the first event names its way.
  const heard = Object.entries(places.heardIn).flatMap(([event, keys]) =>
    edges
      .filter((edge) => edge.source === machine && edge.event === event)
      .flatMap((edge) => keys.map((key) => ({ ...edge, source: `${machine}.${key}` }))),
  )
  return [
    nodes.map((node) => {
      const place = at.get(node.id)
      return place === undefined ? node : { ...node, place }
    }),
    [...heard, ...edges.filter(({ source }) => source !== machine)].map((edge) =>
      aside.has(`${drawn(edge.source)} ${drawn(edge.target)}`) ? { ...edge, isAside: true } : edge,
    ),
  ]
}
