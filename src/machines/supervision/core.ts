/**
 * Owns what the operations of a supervisor share: its settings, table, window, timers and phase. The operations themselves are
 * starting.ts, stopping.ts, restarting.ts and asks.ts.
 */
import { type Child, Children } from './children.ts'
import type { Effects } from './effects.ts'
import type { ExitReason } from './exit.ts'
import type { SupervisorAsk, SupervisorFact } from './facts.ts'
import { Intensity } from './intensity.ts'
import type { Settings } from './settings.ts'
import { Turns } from './turns.ts'

export type Phase = 'waiting' | 'starting' | 'running' | 'cooling' | 'stopping' | 'stopped'

/** What waits in the inbox. */
export type Message =
  | SupervisorAsk
  | { type: 'begin' }
  | { type: 'shutdown' }
  | { type: 'look'; child: string }
  /** `restart` counts in the window; `attempt` was counted before its delay. */
  | { type: 'restart' | 'attempt'; child: string; timer: string }
  | { type: 'probe'; timer: string }

export class Core {
  settings: Settings
  /** Set before anything is done. */
  effects!: Effects
  readonly children = new Children()
  readonly window = new Intensity()
  readonly turns: Turns<Message>
  phase: Phase = 'waiting'
  hasStarted = false
  /** Why the supervisor ended; read when `phase` is `stopped`. */
  exitReason: ExitReason
  /** The ask that is being served. */
  current: SupervisorAsk | undefined
  /** The dynamic children that are waited for until all of them have ended. */
  awaited: Set<Child> | undefined
  /** The timer that ends a cool-down, and when it is due. */
  coolDown: { timer: string; until: number } | undefined
  /** Until then a crash is the failure of a probe. */
  probationUntil: number | undefined
  readonly #timers = new Map<string, (timer: string) => void>()
  #armed = 0

  constructor(settings: Settings, serve: (message: Message) => ReturnType<Turns<Message>['breathe']>) {
    this.settings = settings
    this.turns = new Turns(serve, () => this.effects.goOnLater())
  }

  get isDynamic(): boolean {
    return this.settings.strategy === 'simple_one_for_one'
  }

  now(): number {
    return this.settings.now?.() ?? this.effects.now()
  }

  tell(fact: SupervisorFact): void {
    this.effects.tell(fact)
  }

  /** @returns the timer's name, which is used once */
  arm(delayMs: number, ring: (timer: string) => void): string {
    this.#armed += 1
    const timer = `supervision.${this.#armed}`
    this.#timers.set(timer, ring)
    this.effects.schedule(timer, delayMs)
    return timer
  }

  disarm(timer: string | undefined): void {
    if (timer !== undefined && this.#timers.delete(timer)) this.effects.cancel(timer)
  }

  ring(timer: string): void {
    const ring = this.#timers.get(timer)
    this.#timers.delete(timer)
    ring?.(timer)
  }
}
