/**
 * Owns the core of a supervisor: it hears events, serves them one at a time as an OTP process does, and acts through effects.
 * It is no machine itself: supervisorMachine drives one, and any other machine may.
 *
 * 1. One operation at a time. What is asked while a start waits for `ready`, or a stop for its child, waits in order; between
 *    two attempts of a restart it is served.
 * 2. What is heard of a child is a hint: its actor is looked at. News of an earlier actor change nothing.
 * 3. Every ask is answered once.
 */
import { isAxonError } from '../../errors.ts'
import * as asks from './asks.ts'
import { Child, type ChildCounts, type ChildInfo } from './children.ts'
import { Core, type Message, type Phase } from './core.ts'
import type { Effects } from './effects.ts'
import type { ExitReason } from './exit.ts'
import type { Answer, Reply, SupervisorAsk, SupervisorEvent } from './facts.ts'
import { closed } from './refusal.ts'
import { attempt, look, probe, restart } from './restarting.ts'
import { settingsOf } from './settings.ts'
import type { ChildSpec, SupervisorOptions } from './spec.ts'
import { startChild } from './starting.ts'
import { abandon, finish, noticeEnd } from './stopping.ts'
import type { Operation } from './turns.ts'

export class Supervision {
  readonly #core: Core

  /** @throws AxonError `SUPERVISOR_SPEC_INVALID` */
  constructor(options: SupervisorOptions) {
    this.#core = new Core(settingsOf(options), (message) => this.#serve(message))
  }

  /**
   * Hears an event, and goes on as far as possible.
   * @param effects used for all that is done until the next call
   */
  handle(event: SupervisorEvent, effects: Effects): void {
    const core = this.#core
    core.effects = effects
    switch (event.type) {
      case 'supervisor.begin':
        if (core.phase !== 'waiting') return
        core.phase = 'starting'
        core.turns.postFirst({ type: 'begin' })
        break
      case 'supervisor.timer':
        core.ring(event.timer)
        break
      case 'supervisor.look': {
        const child = core.children.get(event.child)
        if (child !== undefined) noticeEnd(core, child)
        core.turns.post({ type: 'look', child: event.child })
        break
      }
      case 'supervisor.shutdown':
        core.turns.post({ type: 'shutdown' })
        break
      case 'supervisor.continue':
        break
      default:
        core.turns.post(event)
    }
    if (core.phase === 'waiting') return
    core.turns.run()
    if (core.phase === 'stopped') this.#refuseAll()
  }

  /** Ends every child at once, and refuses what is asked: the supervisor was ended from outside, or is broken. */
  abandon(effects: Effects): void {
    this.#core.effects = effects
    abandon(this.#core)
    this.#refuseAll()
  }

  get phase(): Phase {
    return this.#core.phase
  }

  /** Why the supervisor ended; read when `phase` is `stopped`. */
  get exitReason(): ExitReason {
    return this.#core.exitReason
  }

  /** Whether all children were started once. */
  get hasStarted(): boolean {
    return this.#core.hasStarted
  }

  /** Whether `startChild` takes an argument for the template, rather than a specification. */
  get takesArguments(): boolean {
    return this.#core.settings.template !== undefined
  }

  children(): ChildInfo[] {
    return [...this.#core.children.inOrder()].map((child) => child.info)
  }

  child(id: string): ChildInfo | undefined {
    return this.#core.children.get(id)?.info
  }

  specOf(id: string): ChildSpec | undefined {
    const child = this.#core.children.get(id)
    return child === undefined ? undefined : { ...child.settings, id }
  }

  count(): ChildCounts {
    return this.#core.children.count(this.takesArguments)
  }

  *#serve(message: Message): Operation {
    const core = this.#core
    if (core.phase === 'stopped') return refuse(message)
    switch (message.type) {
      case 'begin':
        return yield* boot(core)
      case 'look': {
        const child = core.children.get(message.child)
        return child === undefined ? undefined : yield* look(core, child)
      }
      case 'restart':
      case 'attempt': {
        const child = core.children.get(message.child)
        if (child?.state !== 'restarting' || child.timer !== message.timer) return
        child.timer = undefined
        return yield* message.type === 'restart' ? restart(core, child) : attempt(core, child)
      }
      case 'probe':
        return core.coolDown?.timer === message.timer ? yield* probe(core) : undefined
      case 'shutdown':
        return yield* finish(core, 'shutdown')
      case 'supervisor.stop':
        core.current = message
        yield* finish(core, message.reason ?? 'shutdown')
        core.current = undefined
        return answer(message, { ok: true, value: undefined })
      default:
        return yield* this.#serveAsk(message)
    }
  }

  *#serveAsk(ask: Exclude<SupervisorAsk, { type: 'supervisor.stop' }>): Operation {
    const core = this.#core
    core.current = ask
    let found: Answer<unknown>
    try {
      found = { ok: true, value: yield* this.#do(ask) }
    } catch (error) {
      if (!isAxonError(error)) throw error
      found = { ok: false, error }
    }
    core.current = undefined
    answer(ask, found)
  }

  *#do(ask: Exclude<SupervisorAsk, { type: 'supervisor.stop' }>): Operation<unknown> {
    switch (ask.type) {
      case 'supervisor.startChild':
        return yield* asks.addChild(this.#core, ask)
      case 'supervisor.terminateChild':
        return yield* asks.terminateChild(this.#core, ask)
      case 'supervisor.restartChild':
        return yield* asks.restartChild(this.#core, ask)
      case 'supervisor.deleteChild':
        return asks.deleteChild(this.#core, ask)
      case 'supervisor.change':
        return asks.change(this.#core, ask.options)
    }
  }

  #refuseAll(): void {
    const core = this.#core
    const waiting = [...(core.current === undefined ? [] : [core.current]), ...core.turns.drain()]
    core.current = undefined
    for (const message of waiting) refuse(message)
  }
}

/** Starts all children; the first that fails ends those that were started, and the supervisor. */
function* boot(core: Core): Operation {
  const { children } = core.settings
  core.settings.children = []
  for (const settings of children) core.children.add(new Child(settings.id as string, settings))
  for (const child of [...core.children.inOrder()]) {
    const outcome = yield* startChild(core, child)
    if (outcome.is === 'ignored' && child.isTemporary) core.children.delete(child)
    if (outcome.is !== 'failed') continue
    const { reason } = outcome
    return yield* finish(core, { shutdown: { failed_to_start_child: { id: child.id, reason } } })
  }
  core.phase = 'running'
  core.hasStarted = true
  core.tell({ type: 'supervisor.started' })
}

/** For what comes too late. That the supervisor stops is what a second stop wanted too. */
function refuse(message: Message): void {
  if (!('reply' in message)) return
  answer(message, message.type === 'supervisor.stop' ? { ok: true, value: undefined } : { ok: false, error: closed() })
}

function answer(ask: SupervisorAsk, found: Answer<unknown>): void {
  try {
    ;(ask.reply as Reply<unknown> | undefined)?.(found)
  } catch (error) {
    // The mistake of whoever asked: told to the process, as XState tells those of its observers.
    queueMicrotask(() => {
      throw error
    })
  }
}
