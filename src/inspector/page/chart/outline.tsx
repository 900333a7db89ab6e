/** Owns the chart in words: one sentence, and the list of states with their transitions. For keyboards, screen readers and large machines. */
import type { ChartEdge, ChartNode, MachineFrame } from '../../frames.ts'
import { activeNodes, stateName } from '../../state-value.ts'
import { duration } from '../format.ts'
import { now } from '../state.ts'
import { StateShape } from '../state-shape.tsx'
import type { Actor } from '../world.ts'
import { labelOf, standingOf, visitText } from './standing.ts'
import { boxFinder, waysOf } from './ways.ts'

/** `research/1 is in backoff, from crashed by restart.decided. It leads to provisioning by after backoffMs, …`. */
export function sentenceOf(actor: Actor, machine: MachineFrame): string {
  const drawn = { ways: waysOf(machine), boxOf: boxFinder(machine) }
  const { active, taken } = standingOf(actor, machine, drawn)
  const last = drawn.ways.find(({ id }) => id === taken[0]?.way)
  const came = last === undefined ? '' : `, from ${keyOf(last.source)} by ${taken[0]?.event}`
  const ways = drawn.ways.filter(({ source }) => active.has(source))
  const leads = ways.map((way) => `${keyOf(way.target)} by ${labelOf(way)}`)
  const on = leads.length === 0 ? 'Nothing leads on.' : `It leads to ${leads.join(', ')}.`
  return `${actor.name} is in ${stateName(actor.snapshot.value)}${came}. ${on}`
}

const keyOf = (id: string) => id.slice(id.indexOf('.') + 1)

export function Outline({ actor, machine }: { actor: Actor; machine: MachineFrame }) {
  const active = new Set(activeNodes(machine, actor.snapshot.value))
  const boxOf = boxFinder(machine)
  const { taken } = standingOf(actor, machine, { ways: waysOf(machine), boxOf })
  const isTaken = ({ id, source, target }: ChartEdge) =>
    taken.some(({ edge, way }) => edge === id && way === `${boxOf(source)}>${boxOf(target)}`)
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it
    <ul class="outline" tabIndex={0} aria-label="States and transitions">
      {machine.nodes.map((node) => (
        <State
          key={node.id}
          actor={actor}
          node={node}
          edges={machine.edges.filter(({ source }) => source === node.id)}
          isActive={active.has(node.id)}
          isTaken={isTaken}
        />
      ))}
    </ul>
  )
}

interface StateProps {
  actor: Actor
  node: ChartNode
  edges: readonly ChartEdge[]
  isActive: boolean
  isTaken: (edge: ChartEdge) => boolean
}

function State({ actor, node, edges, isActive, isTaken }: StateProps) {
  const visit = visitText(actor, node.id, isActive, isActive ? now.value : 0)
  return (
    <li class={`outline-state${isActive ? ' is-active' : ''}`} aria-current={isActive ? 'true' : undefined}>
      <h3>
        <StateShape state={node.key} /> <span class="mono">{keyOf(node.id)}</span>
        {isActive && <span class="outline-now">now</span>}
        {visit !== '' && <span class="small quiet">{visit}</span>}
      </h3>
      <ul>
        {edges.map((edge, i) => (
          <li key={`${edge.id} ${edge.target} ${i}`} class={isTaken(edge) ? 'is-taken' : undefined}>
            <code>{edge.event}</code>
            {edge.guard !== undefined && <span class="quiet"> if {edge.guard}</span>}
            {edge.delayMs !== undefined && <span class="quiet"> {duration(edge.delayMs)}</span>}
            {' → '}
            <span class="mono">{keyOf(edge.target)}</span>
          </li>
        ))}
      </ul>
    </li>
  )
}
