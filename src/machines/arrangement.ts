/**
 * Owns the order of agents: who is started after whom, who is held until then, and which siblings are replaced with one that
 * crashed. It knows names only; whether an agent is ready, and what is sent to it, is system.ts.
 */
export interface TeamDefinition {
  name: string
  /** Whose processes are replaced when one of them is lost. */
  strategy: 'one_for_one' | 'one_for_all' | 'rest_for_one'
  /** Restarts of its agents' actors, which end only by `onFailed: 'escalate'`, that are permitted within `periodMs`. */
  intensity: number
  periodMs: number
  /** Its agents, in the order of their start. */
  agents: readonly string[]
}

/** A team whose agents are being replaced. */
interface Replacing {
  /** Those that are still to be stopped, the first of which is being stopped: the last of the team first. */
  stopping: string[]
  /** Those that are started again when all have stopped. */
  stopped: Set<string>
  /** Those that somebody else wants stopped meanwhile. */
  unwanted: Set<string>
}

export class Arrangement {
  readonly #teamOf = new Map<string, TeamDefinition>()
  /** Of each agent that is there: those it comes after, whether they are there or not. */
  readonly #ahead = new Map<string, readonly string[]>()
  /** Of each agent: those that are there and come after it. */
  readonly #followers = new Map<string, Set<string>>()
  readonly #held = new Set<string>()
  readonly #replacing = new Map<TeamDefinition, Replacing>()

  constructor(teams: readonly TeamDefinition[]) {
    for (const team of teams) for (const agent of team.agents) this.#teamOf.set(agent, team)
  }

  /** The agents that wait for others to be ready. */
  get held(): ReadonlySet<string> {
    return this.#held
  }

  /** The same, each after those that it comes after; else in their order. Circles are as they come. */
  inOrder<Named extends { name: string; after: readonly string[] }>(agents: readonly Named[]): Named[] {
    const byName = new Map(agents.map((agent) => [agent.name, agent]))
    const ordered = new Set<Named>()
    const visited = new Set<Named>()
    const visit = (agent: Named) => {
      if (visited.has(agent)) return
      visited.add(agent)
      for (const other of this.#aheadOf(agent.name, agent.after)) {
        const found = byName.get(other)
        if (found) visit(found)
      }
      ordered.add(agent)
    }
    for (const agent of agents) visit(agent)
    return [...ordered]
  }

  teamOf(agent: string): TeamDefinition | undefined {
    return this.#teamOf.get(agent)
  }

  /** It is there, and comes after those; also of one that is there already. */
  add(agent: string, after: readonly string[]): void {
    this.#unlink(agent)
    const ahead = this.#aheadOf(agent, after)
    if (ahead.length === 0) return
    this.#ahead.set(agent, ahead)
    for (const other of ahead) {
      const followers = this.#followers.get(other)
      if (followers) followers.add(agent)
      else this.#followers.set(other, new Set([agent]))
    }
  }

  remove(agent: string): void {
    this.#unlink(agent)
    this.#held.delete(agent)
  }

  /** Those that it comes after. */
  ahead(agent: string): readonly string[] {
    return this.#ahead.get(agent) ?? []
  }

  /** Whether somebody who is there comes after it. */
  isFollowed(agent: string): boolean {
    return (this.#followers.get(agent)?.size ?? 0) > 0
  }

  hold(agent: string): void {
    this.#held.add(agent)
  }

  /** It is started. */
  release(agent: string): void {
    this.#held.delete(agent)
  }

  /** Somebody wants it stopped: it is not started again for its team's sake. */
  letStop(agent: string): void {
    this.#held.delete(agent)
    this.#of(agent)?.unwanted.add(agent)
  }

  /** Whether it is being stopped for its team's sake, and comes back. */
  isReplaced(agent: string): boolean {
    const replacing = this.#of(agent)
    return replacing?.stopping.includes(agent) === true && !replacing.unwanted.has(agent)
  }

  /**
   * The process of `agent` was lost. Of its siblings, those that its team's strategy names are to be stopped.
   * @param mayStop which of them run at all
   * @returns the one to stop now
   */
  lose(agent: string, mayStop: (sibling: string) => boolean): string | undefined {
    const team = this.#teamOf.get(agent)
    if (team === undefined || team.strategy === 'one_for_one') return undefined
    const from = team.strategy === 'one_for_all' ? 0 : team.agents.indexOf(agent) + 1
    const replacing = this.#replacing.get(team) ?? {
      stopping: [],
      stopped: new Set<string>(),
      unwanted: new Set<string>(),
    }
    const isFirst = replacing.stopping.length === 0
    const named = team.agents.slice(from).filter((sibling) => sibling !== agent && mayStop(sibling))
    const more = named.filter((sibling) => !replacing.stopping.includes(sibling) && !this.#held.has(sibling)).reverse()
    if (more.length === 0) return undefined
    replacing.stopping.push(...more)
    this.#replacing.set(team, replacing)
    return isFirst ? more[0] : undefined
  }

  /**
   * The agent has stopped, or is gone.
   * @returns what is to be stopped next, or else, in their order, those that are to be started again
   */
  ended(agent: string, isGone: boolean): { stop?: string; start: readonly string[] } {
    const team = this.#teamOf.get(agent)
    const replacing = this.#of(agent)
    if (team === undefined || replacing === undefined) return { start: [] }
    const isNext = replacing.stopping[0] === agent
    replacing.stopping = replacing.stopping.filter((sibling) => sibling !== agent)
    if (isGone || replacing.unwanted.has(agent)) replacing.stopped.delete(agent)
    else if (isNext) replacing.stopped.add(agent)
    const [next] = replacing.stopping
    if (next !== undefined) return isNext ? { stop: next, start: [] } : { start: [] }
    this.#replacing.delete(team)
    return { start: team.agents.filter((sibling) => replacing.stopped.has(sibling)) }
  }

  #unlink(agent: string): void {
    for (const other of this.ahead(agent)) this.#followers.get(other)?.delete(agent)
    this.#ahead.delete(agent)
  }

  #aheadOf(agent: string, after: readonly string[]): string[] {
    const team = this.#teamOf.get(agent)?.agents ?? []
    return [...new Set([...after, ...team.slice(0, Math.max(0, team.indexOf(agent)))])]
  }

  #of(agent: string): Replacing | undefined {
    const team = this.#teamOf.get(agent)
    return team && this.#replacing.get(team)
  }
}
