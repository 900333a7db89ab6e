/**
 * Owns the figures of agents as frames: once a second those that are others than were told.
 */
import { FigureCount } from '../runtime/telemetry/figures.ts'
import type { FiguresFrame } from './frames.ts'

/** What waits and what is under way. */
export interface AgentLoad {
  queued: number
  inFlight: number
}

export class FigureFrames {
  readonly count = new FigureCount()
  /** By agent, without their time. */
  readonly #told = new Map<string | null, string>()

  /** @param agents all that are in the system */
  news(at: number, agents: readonly string[], loadOf: (agent: string) => AgentLoad): FiguresFrame[] {
    const all: AgentLoad = { queued: 0, inFlight: 0 }
    const frames = agents.map((agent): FiguresFrame => {
      const { queued, inFlight } = loadOf(agent)
      all.queued += queued
      all.inFlight += inFlight
      return { type: 'figures', at, agent, queued, inFlight, ...rounded(this.count.read(agent)) }
    })
    frames.push({ type: 'figures', at, agent: null, ...all, ...rounded(this.count.read()) })
    const known = new Set<string | null>([null, ...agents])
    for (const agent of this.#told.keys()) if (!known.has(agent)) this.#told.delete(agent)
    return frames.filter(({ agent, at: _at, ...figures }) => {
      const text = JSON.stringify(figures)
      // Those of all go on, so that a graph has a point for each second.
      const isOther = agent === null || this.#told.get(agent) !== text
      this.#told.set(agent, text)
      return isOther
    })
  }
}

/** To a thousandth: more is not known, and would be read by nobody. */
function rounded<Row extends object>(figures: Row): Row {
  return Object.fromEntries(
    Object.entries(figures).map(([name, value]) => [
      name,
      typeof value === 'number' ? Math.round(value * 1_000) / 1_000 : value,
    ]),
  ) as Row
}
