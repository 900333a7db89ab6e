/**
 * Owns the way of runs to one agent: a bounded queue, a bounded number in flight on each process, and who is answered at once
 * because no process will come. It knows when there is nothing to do, and when an agent that rests is wanted again. Which
 * process a run goes to is router.ts, a run's own life run.ts.
 */
import { AxonError } from '../../errors.ts'
import type { AgentDefinition } from '../../machines/definition.ts'
import { placesOf } from '../../machines/pool-context.ts'
import type { Clock } from '../clock.ts'
import type { Link } from '../placement/link.ts'
import { Admission } from './admission.ts'
import { Cancellations } from './cancellations.ts'
import { type Load, Tally } from './load.ts'
import { Pace } from './pace.ts'
import { RetryBudget } from './retry-budget.ts'
import { Route, Router } from './router.ts'
import type { Run } from './run.ts'
import type { RunSurroundings } from './run-spec.ts'
import { Scaler } from './scaler.ts'

export interface LaneOptions extends Omit<RunSurroundings, 'mayRetry'> {
  clock: Clock
  /** From 0 to 1, 1 excluded. Default: `Math.random`. */
  random?: (() => number) | undefined
  /** The agent rests, and a run has come. */
  wake: () => void
  /** Its processes have had nothing to do for `idleAfterMs`. */
  quiet: () => void
  /** The load calls for so many replicas. */
  scale: (replicas: number) => void
  /** A process has had as many runs as it is to have, or holds one that does not end. */
  recycle: (generation: string, why: 'runs' | 'stuck') => void
}

/** How a replica stands: it takes runs, will take some by itself, waits to be woken, or answers each with an error. */
type Standing = 'ready' | 'coming' | 'resting' | (() => AxonError)

export class Lane {
  definition: AgentDefinition
  readonly options: LaneOptions & RunSurroundings
  readonly #router: Router
  readonly #scaler: Scaler
  /** A process that is ready again has the runs that it had. */
  readonly #routes = new WeakMap<Link, Route>()
  #standings = new Map<string, Standing>()
  #queue: Run[] = []
  #inFlight = 0
  /** Set while waiting would be in vain. */
  #refusal: (() => AxonError) | undefined
  /** Nobody has started the agent, or it was let go because nobody called it. */
  #isResting = true
  #quietTimer: unknown
  readonly #pace = new Pace()
  readonly #tally = new Tally()
  /** Runs that ever came. */
  #submitted = 0
  readonly #retries = new RetryBudget()
  /** Where the agent has a rate or a limit of usage. */
  #admission: Admission | undefined

  constructor(definition: AgentDefinition, options: LaneOptions) {
    this.definition = definition
    const tell: LaneOptions['tell'] = (fact) => {
      this.#tally.hear(fact)
      options.tell(fact)
    }
    this.options = { ...options, tell, mayRetry: () => this.#retries.take(this.#submitted) }
    this.#router = new Router(options.random)
    this.#scaler = new Scaler(options.clock, options.scale)
  }

  get load(): Load {
    const { runs, errors } = this.#tally
    return { inFlight: this.#inFlight, queued: this.#queue.length, byReplica: this.#router.inFlight, runs, errors }
  }

  submit(run: Run): void {
    if (run.isSettled) return
    this.#submitted += 1
    if (this.#refusal) return run.refuse(this.#refusal())
    const refusal = this.#admit(run)
    if (refusal) return run.refuse(refusal)
    if (this.#isResting) this.#wake()
    const route = this.#queue.length > 0 && this.#isBlocked ? undefined : this.#choose(run)
    if (route) void this.#send(run, route)
    // One that an earlier system had admitted is not turned away for want of room.
    else if (this.#queue.length >= this.definition.queue && run.spec.resumedAt === undefined)
      return run.refuse(this.#full(run))
    else this.#enqueue(run)
    this.#observe()
  }

  /** A process is ready: what waits goes there too. */
  open(link: Link): void {
    const route = this.#routes.get(link) ?? new Route(link, this.#cancellationsOf(link), this.options.tools)
    this.#routes.set(link, route)
    this.#router.add(route)
    this.#stand(route.replica, 'ready')
    this.#flow()
    this.#watchQuiet()
    this.#observe()
  }

  /** Nothing new goes to the replica for now; its next process will come by itself. */
  pause(replica: string): void {
    this.#leave(replica, 'coming')
  }

  /** The replica has no process, and the next run is to start one. */
  rest(replica: string): void {
    this.#leave(replica, 'resting')
    if (this.#isResting && this.#queue.length > 0) this.#wake()
  }

  /** No process of the replica will come for now. Where that is so of all, what waits and what comes is answered at once. */
  refuse(replica: string, refusal: () => AxonError): void {
    this.#leave(replica, refusal)
  }

  /** The replica is gone; the others know nothing of it. */
  remove(replica: string): void {
    this.#router.remove(replica)
    this.#standings.delete(replica)
    this.#settle()
    // While processes are replaced, nothing is let go: it is counted again from the end of that.
    this.#watchQuiet()
  }

  /** There are, or are about to be, so many replicas. */
  count(replicas: number): void {
    this.#scaler.count(replicas)
    this.#observe()
  }

  /** The agent is gone. */
  close(refusal: () => AxonError): void {
    for (const replica of [...this.#standings.keys()]) this.#router.remove(replica)
    this.#standings.clear()
    this.#standings.set('', refusal)
    this.#settle()
  }

  #leave(replica: string, standing: Standing): void {
    this.#router.remove(replica)
    this.#stand(replica, standing)
  }

  #stand(replica: string, standing: Standing): void {
    this.#standings.set(replica, standing)
    this.#settle()
  }

  /** What all the replicas together mean for a run. */
  #settle(): void {
    const standings = [...this.#standings.values()]
    const isComing = standings.some((standing) => standing === 'ready' || standing === 'coming')
    const isWakeable = standings.includes('resting')
    this.#refusal = isComing || isWakeable ? undefined : standings.find((standing) => typeof standing === 'function')
    this.#isResting = !isComing && this.#refusal === undefined
    if (this.#refusal) for (const run of this.#queue.splice(0)) run.refuse(this.#refusal())
    if (this.#router.size > 0) {
      // Where the last of the others has left, one may return to the process that it came from.
      if (this.#queue[0]?.failed) this.#flow()
      return
    }
    this.#unwatchQuiet()
    this.#scaler.rest()
  }

  #wake(): void {
    this.#isResting = false
    this.options.wake()
  }

  #watchQuiet(): void {
    const { idleAfterMs } = this.definition
    this.#unwatchQuiet()
    if (idleAfterMs === undefined || this.#router.size === 0 || this.#inFlight > 0) return
    this.#quietTimer = this.options.clock.setTimeout(this.options.quiet, idleAfterMs)
  }

  #unwatchQuiet(): void {
    if (this.#quietTimer !== undefined) this.options.clock.clearTimeout(this.#quietTimer)
    this.#quietTimer = undefined
  }

  #observe(): void {
    // On Ray the cluster scales by itself.
    const isOwn = this.definition.placement === undefined
    if (isOwn && this.#router.size > 0) this.#scaler.observe(this.#inFlight + this.#queue.length, this.definition)
  }

  #admit(run: Run): AxonError | undefined {
    const { definition } = this
    if (definition.rate === undefined && definition.usage === undefined) return undefined
    this.#admission ??= new Admission()
    return this.#admission.refusal(definition, run.id)
  }

  /** Somebody waits who would take any place. Those that were sent in vain come first, and may wait for a place of their own. */
  get #isBlocked(): boolean {
    return this.#queue.some(({ failed }) => failed === undefined)
  }

  #choose(run: Run): Route | undefined {
    const places = placesOf(this.definition)
    if (run.failed === undefined) return this.#router.choose(places, run.spec.affinity)
    return this.#router.chooseAgain(places, run.failed)
  }

  #flow(): void {
    for (let at = 0; at < this.#queue.length; ) {
      const run = this.#queue[at] as Run
      const route = this.#choose(run)
      if (route) {
        if (at === 0) this.#queue.shift()
        else this.#queue.splice(at, 1)
        void this.#send(run, route)
      } else if (run.failed) at += 1
      else return
    }
  }

  async #send(run: Run, route: Route): Promise<void> {
    if (run.isSettled) return
    const begunAt = performance.now()
    this.#unwatchQuiet()
    this.#inFlight += 1
    route.inFlight.set(run.id, run)
    route.sent += 1
    const { afterRuns } = this.definition.recycle
    // Again after as many more, where it could not be heard.
    if (afterRuns !== undefined && route.sent % afterRuns === 0) this.options.recycle(route.link.generation, 'runs')
    const mayRetry = await run.attempt(route.link)
    this.#inFlight -= 1
    // A run that was cancelled has given its id away: another may go by it.
    if (route.inFlight.get(run.id) === run) route.inFlight.delete(run.id)
    this.#pace.add(performance.now() - begunAt)
    if (this.#admission) this.#admission.spend(run.totalTokens, this.definition)
    if (mayRetry) this.#retry(run)
    this.#flow()
    this.#watchQuiet()
    this.#observe()
  }

  /** Code that ignores its cancellation is left to itself after a grace, and its process replaced. */
  #cancellationsOf({ generation }: Link): Cancellations {
    const { clock, tell, recycle } = this.options
    return new Cancellations({
      clock,
      graceMs: () => this.definition.cancelGraceMs,
      abandon: (run) => {
        tell({ type: 'run.abandoned', agent: this.definition.name, run, generation })
        recycle(generation, 'stuck')
      },
    })
  }

  #retry(run: Run): void {
    if (this.#refusal) return run.refuse(this.#refusal())
    this.#enqueue(run)
    if (this.#isResting) this.#wake()
    this.#mayReturnLater(run)
  }

  /** Its process lives: where there is no other, it goes there again, after a while. */
  #mayReturnLater({ failed, settled }: Run): void {
    if (failed?.avoids?.takesRuns !== true) return
    const { clock, random = Math.random } = this.options
    const { avoids } = failed
    const timer = clock.setTimeout(() => {
      if (failed.avoids !== avoids) return
      failed.mayReturn = true
      this.#flow()
    }, failed.delayMs(random))
    void settled.then(() => clock.clearTimeout(timer))
  }

  #enqueue(run: Run): void {
    // Those that were sent before go first, in their order.
    const at = run.failed ? this.#queue.findIndex(({ failed }) => failed === undefined) : -1
    this.#queue.splice(at === -1 ? this.#queue.length : at, 0, run)
    run.queue()
    // A run that settles while it waits, by deadline or cancel, gives up its place.
    void run.settled.then(() => {
      const at = this.#queue.indexOf(run)
      if (at !== -1) this.#queue.splice(at, 1)
    })
  }

  #full(run: Run): AxonError {
    const { name, queue } = this.definition
    const places = this.#router.size * placesOf(this.definition)
    const message = `Run ${run.id} was rejected: ${queue} runs wait for ${name} already. Try again later, or raise queue, concurrency or replicas.`
    return new AxonError('RUN_REJECTED', message, {
      agent: name,
      context: { run: run.id, retryAfterMs: this.#pace.retryAfterMs(this.#queue.length, places) },
    })
  }
}
