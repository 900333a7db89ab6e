/**
 * Owns what must hold of every system whatever happens to it, as its events tell it: each run that was taken on has one end, and
 * replicas go only from states to states that the design has. What agents have executed is compared where a test keeps records.
 */
import type { Axon, AxonEvent, AxonEventOf } from '../../src/index.ts'
import { legalTransitions } from '../machines/agent-transitions.ts'

type Settled = AxonEventOf<'run.settled'>

/** The state that a replica is in when this is told of it. */
const stateOf: Readonly<Partial<Record<AxonEvent['type'], string>>> = {
  'agent.idle': 'idle',
  'agent.provisioning': 'provisioning',
  'agent.starting': 'starting',
  'agent.ready': 'ready',
  'agent.suspect': 'suspect.waiting',
  'agent.recovered': 'ready',
  'agent.draining': 'draining',
  'agent.stopping': 'stopping',
  'agent.crashed': 'crashed.judged',
  'agent.backoff': 'backoff',
  'agent.failed': 'failed',
  'agent.stopped': 'stopped',
}
/** States that are told by no event of their own. */
const silent = new Set(['suspect.confirming', 'crashed.ending'])
const born = 'idle'

export interface Finding {
  invariant: 'I1' | 'I2' | 'I3' | 'I7'
  what: string
}

/** What agents wrote down as they began: the runs' ids, each as often as it was executed. */
export interface Executions {
  executed: readonly string[]
  /** Their runs may be executed once for each attempt. Default: false. */
  isIdempotent?: boolean
}

export class Checker {
  readonly settled = new Map<string, Settled>()
  readonly #open = new Set<string>()
  readonly #states = new Map<string, string>()
  readonly #found: Finding[] = []
  readonly #stop: () => void

  constructor(axon: Axon) {
    this.#stop = axon.on('*', (event) => this.#hear(event))
  }

  /** Runs that were taken on and have no end yet. */
  get open(): readonly string[] {
    return [...this.#open]
  }

  /** What did not hold so far. */
  get found(): readonly Finding[] {
    return this.#found
  }

  /** What did not hold. The system is over, or nothing is under way in it. */
  findings(): Finding[] {
    this.#stop()
    return [...this.#found, ...this.open.map((run) => found('I1', `Run ${run} has no end.`))]
  }

  /** What the records contradict. Runs that the checker did not hear of are not judged. */
  compare({ executed, isIdempotent = false }: Executions): Finding[] {
    const times = new Map<string, number>()
    for (const run of executed) times.set(run, (times.get(run) ?? 0) + 1)
    return [...this.settled.values()].flatMap(({ run, status, started, attempt }) => {
      const count = times.get(run) ?? 0
      const most = isIdempotent ? attempt : 1
      if (count > most) return [found('I2', `Run ${run} was executed ${count} times in ${attempt} attempts.`)]
      if (count === 0 && status === 'succeeded') return [found('I2', `Run ${run} succeeded and was not executed.`)]
      if (count > 0 && started === false) return [found('I3', `Run ${run} was executed and told as not started.`)]
      return []
    })
  }

  #hear(event: AxonEvent): void {
    if (event.type === 'run.accepted') this.#begin(event.run)
    else if (event.type === 'run.settled') this.#end(event)
    else if (event.type === 'replica.removed') this.#states.delete(event.replica)
    else if (event.type === 'agent.retired') this.#forget(event.agent)
    else this.#enter(event)
  }

  #begin(run: string): void {
    this.#open.add(run)
    // The id of a run that has ended is free.
    this.settled.delete(run)
  }

  #end(event: Settled): void {
    this.#open.delete(event.run)
    if (this.settled.has(event.run)) this.#found.push(found('I1', `Run ${event.run} has ended twice.`))
    this.settled.set(event.run, event)
  }

  #forget(agent: string): void {
    for (const replica of this.#states.keys()) if (replica.startsWith(`${agent}/`)) this.#states.delete(replica)
  }

  #enter(event: AxonEvent): void {
    const to = stateOf[event.type]
    if (to === undefined || !('generation' in event)) return
    const [replica = ''] = event.generation.split('#')
    const from = this.#states.get(replica) ?? born
    // A state may be told again, to who asks for it.
    if (from !== to && !leads(from, to))
      this.#found.push(found('I7', `${event.generation} went from ${from} to ${to}.`))
    this.#states.set(replica, to)
  }
}

/** Whether one state leads to another, by nothing but states that are not told. */
function leads(from: string, to: string): boolean {
  const next = legalTransitions[from] ?? []
  return next.includes(to) || next.some((between) => silent.has(between) && leads(between, to))
}

function found(invariant: Finding['invariant'], what: string): Finding {
  return { invariant, what }
}
