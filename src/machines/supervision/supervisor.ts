/**
 * Owns the handle of a supervisor: its operations as promises over the events of supervisorMachine, and its queries.
 */
import { type Actor, type ActorOptions, type AnyActorRef, createActor } from 'xstate'
import type { ChildCounts, ChildInfo } from './children.ts'
import { type ExitReason, exitReasonOf } from './exit.ts'
import type { Answer, Reply, SupervisorAsk } from './facts.ts'
import { supervisorMachine } from './machine.ts'
import { closed, startFailed } from './refusal.ts'
import { settingsOf } from './settings.ts'
import type { ChildSpec, SupervisorOptions } from './spec.ts'

type SupervisorActor = Actor<typeof supervisorMachine>

/** Drives a supervisor. Its promises are rejected with an AxonError; a query is answered at once, from the table. */
export interface Supervisor {
  /** The actor itself: for `on`, for `subscribe`, or to drive it by events. */
  readonly actor: SupervisorActor
  /** Resolves with the reason when the supervisor has ended; never rejects. */
  readonly exited: Promise<ExitReason>
  /**
   * Starts it with all its children.
   * @returns itself, when all are started
   * @throws AxonError `SUPERVISOR_START_FAILED` where a child could not be started: those that were are stopped again
   */
  start(): Promise<this>
  /**
   * Starts a new child: a whole specification, or of simple_one_for_one with a template the argument for its input.
   * @returns undefined where the child ended with `exit('ignore')`
   * @throws AxonError `SUPERVISOR_SPEC_INVALID`, `SUPERVISOR_ALREADY_STARTED`, `SUPERVISOR_ALREADY_PRESENT`,
   * `SUPERVISOR_MAX_CHILDREN`, `SUPERVISOR_START_FAILED`, `SUPERVISOR_COOLING`, `SUPERVISOR_CLOSED`
   */
  startChild(specOrArgument?: unknown): Promise<AnyActorRef | undefined>
  /**
   * Ends a child, or its wait for a restart. Its specification is kept, unless it is temporary or dynamic.
   * @param idOrRef the actor itself only of a dynamic child; one that is dead already is no error
   * @throws AxonError `SUPERVISOR_CHILD_UNKNOWN`, `SUPERVISOR_CLOSED`
   */
  terminateChild(idOrRef: string | AnyActorRef): Promise<void>
  /**
   * Starts a child that is `stopped` or `failed`.
   * @returns undefined where the child ended with `exit('ignore')`
   * @throws AxonError `SUPERVISOR_CHILD_UNKNOWN`, `SUPERVISOR_CHILD_RUNNING`, `SUPERVISOR_CHILD_RESTARTING`,
   * `SUPERVISOR_START_FAILED`, `SUPERVISOR_COOLING`, `SUPERVISOR_CLOSED`
   */
  restartChild(id: string): Promise<AnyActorRef | undefined>
  /**
   * Forgets the specification of a child that is `stopped` or `failed`.
   * @throws AxonError `SUPERVISOR_CHILD_UNKNOWN`, `SUPERVISOR_CHILD_RUNNING`, `SUPERVISOR_CHILD_RESTARTING`, `SUPERVISOR_CLOSED`
   */
  deleteChild(id: string): Promise<void>
  /** All children, in the order of their start. */
  whichChildren(): ChildInfo[]
  countChildren(): ChildCounts
  getChild(id: string): ChildInfo | undefined
  /** The child's specification with its defaults. The input of a temporary child is not kept. */
  getChildSpec(id: string): ChildSpec | undefined
  /**
   * Gives a living supervisor other options: children that it knows keep their actor and take the new specification, those that
   * are not named any more go on, those that are new are added and not started.
   * @throws AxonError `SUPERVISOR_SPEC_INVALID`, with nothing changed; `SUPERVISOR_CLOSED`
   */
  change(options: SupervisorOptions): Promise<void>
  /**
   * Ends all children in reverse order, then the supervisor.
   * @param reason default: `'shutdown'`
   * @returns when all have ended
   */
  stop(reason?: ExitReason): Promise<void>
}

/**
 * A supervisor that is the root of an actor system of its own. It begins with `start()`.
 * @throws AxonError `SUPERVISOR_SPEC_INVALID`
 */
export function createSupervisor(
  options: SupervisorOptions,
  actorOptions: Pick<ActorOptions<typeof supervisorMachine>, 'id' | 'systemId' | 'inspect' | 'clock' | 'logger'> = {},
): Supervisor {
  settingsOf(options)
  const actor = createActor(supervisorMachine, { ...actorOptions, input: options })
  return new SupervisorHandle(actor)
}

/** The handle of any supervisor actor, for example of one that is the child of another. */
export function supervisorOf(ref: AnyActorRef): Supervisor {
  return new SupervisorHandle(ref as SupervisorActor)
}

class SupervisorHandle implements Supervisor {
  readonly actor: SupervisorActor
  #exited: Promise<ExitReason> | undefined
  #endUnstarted: (reason: ExitReason) => void = () => {}
  /** Stopped before it was started: XState itself would start it all the same. */
  #isClosed = false

  constructor(actor: SupervisorActor) {
    this.actor = actor
  }

  get exited(): Promise<ExitReason> {
    this.#exited ??= new Promise((resolve) => {
      this.#endUnstarted = resolve
      const tell = () => resolve(exitReasonOf(this.actor as AnyActorRef))
      if (this.#hasEnded) return tell()
      this.actor.subscribe({ complete: tell, error: tell })
    })
    return this.#exited
  }

  async start(): Promise<this> {
    if (this.#isClosed) throw closed()
    this.actor.start()
    await new Promise<void>((resolve) => {
      const look = () => {
        if (this.#isBeginning) return
        unsubscribe()
        resolve()
      }
      const { unsubscribe } = this.actor.subscribe({ next: look, complete: resolve, error: () => resolve() })
      look()
    })
    if (this.#supervision.hasStarted) return this
    throw startErrorOf(await this.exited)
  }

  startChild(specOrArgument?: unknown): Promise<AnyActorRef | undefined> {
    const given = this.#supervision.takesArguments
      ? { argument: specOrArgument }
      : { spec: specOrArgument as ChildSpec }
    return this.#ask((reply) => ({ type: 'supervisor.startChild', ...given, reply }))
  }

  terminateChild(id: string | AnyActorRef): Promise<void> {
    return this.#ask((reply) => ({ type: 'supervisor.terminateChild', id, reply }))
  }

  restartChild(id: string): Promise<AnyActorRef | undefined> {
    return this.#ask((reply) => ({ type: 'supervisor.restartChild', id, reply }))
  }

  deleteChild(id: string): Promise<void> {
    return this.#ask((reply) => ({ type: 'supervisor.deleteChild', id, reply }))
  }

  change(options: SupervisorOptions): Promise<void> {
    return this.#ask((reply) => ({ type: 'supervisor.change', options, reply }))
  }

  whichChildren(): ChildInfo[] {
    return this.#supervision.children()
  }

  countChildren(): ChildCounts {
    return this.#supervision.count()
  }

  getChild(id: string): ChildInfo | undefined {
    return this.#supervision.child(id)
  }

  getChildSpec(id: string): ChildSpec | undefined {
    return this.#supervision.specOf(id)
  }

  async stop(reason: ExitReason = 'shutdown'): Promise<void> {
    if (this.#supervision.phase === 'waiting') {
      this.#isClosed = true
      void this.exited
      return this.#endUnstarted(reason)
    }
    if (!this.#hasEnded) this.actor.send({ type: 'supervisor.stop', reason })
    await this.exited
  }

  #ask<Value>(askOf: (reply: Reply<Value>) => SupervisorAsk): Promise<Value> {
    return new Promise((resolve, reject) => {
      if (this.#hasEnded || this.#supervision.phase === 'waiting') return reject(closed())
      const reply = (answer: Answer<Value>) => (answer.ok ? resolve(answer.value) : reject(answer.error))
      this.actor.send(askOf(reply))
    })
  }

  get #supervision() {
    return this.actor.getSnapshot().context.supervision
  }

  get #hasEnded(): boolean {
    return this.actor.getSnapshot().status !== 'active'
  }

  get #isBeginning(): boolean {
    return !this.#hasEnded && ['waiting', 'starting'].includes(this.#supervision.phase)
  }
}

function startErrorOf(reason: ExitReason): Error {
  const failure = (reason as { shutdown?: { failed_to_start_child?: { id: string; reason: ExitReason } } } | undefined)
    ?.shutdown
  const { id, reason: cause } = failure?.failed_to_start_child ?? {}
  return id === undefined ? closed() : startFailed(id, cause)
}
