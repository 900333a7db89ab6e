/**
 * Owns the choice of the process that a run goes to, among those that are ready. Runs that find no place wait in the lane.
 */
import { replicaOf } from '../../machines/agent-context.ts'
import type { Link } from '../placement/link.ts'
import { ProcessCalls, type ToolSurroundings } from '../tools/process-calls.ts'
import type { Cancellations } from './cancellations.ts'
import type { FailedAttempts } from './failed-attempts.ts'
import { favourite } from './rendezvous.ts'
import type { Run } from './run.ts'

/** A process that is ready, and what was sent to it. It is kept for its runs after it has left the router. */
export class Route {
  readonly link: Link
  readonly replica: string
  readonly inFlight = new Map<string, Run>()
  /** Runs that were ever sent there. */
  sent = 0

  constructor(link: Link, cancellations?: Cancellations, tools?: ToolSurroundings) {
    this.link = link
    this.replica = replicaOf(link.generation)
    /** Made when something is first asked: most processes never ask. */
    let calls: ProcessCalls | undefined
    link.listener = {
      onStarted: (run) => this.inFlight.get(run)?.receipt(link.generation),
      onCancelled: (run, attempt) => cancellations?.add(run, attempt),
      onSettled: (run, attempt) => {
        cancellations?.settle(run, attempt)
        calls?.settle(run, attempt)
      },
      onTool: (frame) => {
        if (tools) calls ??= new ProcessCalls(link, (run) => this.inFlight.get(run), tools)
        calls?.hear(frame)
      },
    }
    void link.gone.then(() => {
      cancellations?.close()
      calls?.close()
    })
  }
}

export class Router {
  readonly #random: () => number
  #routes: Route[] = []

  /** @param random from 0 to 1, 1 excluded */
  constructor(random: () => number = Math.random) {
    this.#random = random
  }

  get size(): number {
    return this.#routes.length
  }

  /** Runs in flight, by replica. */
  get inFlight(): Map<string, number> {
    return new Map(this.#routes.map(({ replica, inFlight }) => [replica, inFlight.size]))
  }

  add(route: Route): void {
    this.remove(route.replica)
    this.#routes.push(route)
  }

  remove(replica: string): void {
    this.#routes = this.#routes.filter((route) => route.replica !== replica)
  }

  /**
   * The process for one more run: the first of those that `affinity` prefers, else the less busy of two that are drawn, else
   * the least busy. Undefined where none has a place.
   */
  choose(concurrency: number, affinity?: string): Route | undefined {
    const routes = this.#routes
    const hasPlace = ({ link, inFlight }: Route) => link.takesRuns && inFlight.size < concurrency
    if (routes.length === 1) return hasPlace(routes[0] as Route) ? routes[0] : undefined
    if (affinity !== undefined) return favourite(routes.filter(hasPlace), affinity, ({ replica }) => replica)
    const drawn = this.#draw()
    if (drawn && hasPlace(drawn)) return drawn
    return routes.filter(hasPlace).sort((a, b) => a.inFlight.size - b.inFlight.size)[0]
  }

  /** The process for a run that came to nothing: another than its last one; that one only where there is no other and it has waited. */
  chooseAgain(concurrency: number, { avoids, mayReturn }: FailedAttempts): Route | undefined {
    const others = this.#routes.filter(({ link }) => link !== avoids)
    return (others.length > 0 || !mayReturn ? others : this.#routes)
      .filter(({ link, inFlight }) => link.takesRuns && inFlight.size < concurrency)
      .sort((a, b) => a.inFlight.size - b.inFlight.size)[0]
  }

  /** Two choices rather than the best of all: the herd that the best of all draws is what makes it the worst. */
  #draw(): Route | undefined {
    const count = this.#routes.length
    if (count === 0) return undefined
    const first = Math.floor(this.#random() * count)
    const second = (first + 1 + Math.floor(this.#random() * (count - 1))) % count
    const [a, b] = [this.#routes[first] as Route, this.#routes[second] as Route]
    if (a.link.takesRuns !== b.link.takesRuns) return a.link.takesRuns ? a : b
    return a.inFlight.size <= b.inFlight.size ? a : b
  }
}
