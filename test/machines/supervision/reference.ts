/**
 * Owns a small reference of what OTP's supervisor promises, with what Axon adds, written from the semantics and not from the
 * code: no actors, no events, an operation is done at once and says how long it takes. The property test plays the same commands
 * to it and to the real supervisor.
 */
import { Agenda } from './agenda.ts'
import { type Ask, type Options, type Reason, type Spec, type Spoiled, startMs } from './commands.ts'

interface Kid {
  id: string
  spec: Spec
  /** Of the actor that runs: another specification changes it at the next start only. */
  asked: Spec['asked']
  state: 'running' | 'restarting' | 'stopped' | 'failed'
  streak: number
  startedAt: number | undefined
  waitsFor: object | undefined
}

export class Reference {
  kids: Kid[] = []
  over: string | undefined
  readonly log: string[] = []
  readonly answers: string[] = []
  readonly spoiled = new Map<string, { how: Spoiled; times: number }>()
  /** What is answered when the supervisor has ended before. */
  readonly #late: string[] = []
  #options: Options
  #window: number[] = []
  #resting: object | undefined
  #probationUntil = -1
  readonly #agenda = new Agenda()

  constructor(options: Options, spoiled: readonly [string, Spoiled][]) {
    this.#options = options
    for (const [id, how] of spoiled) this.spoiled.set(id, { how, times: 1 })
    this.#post(() => this.#boot())
  }

  get isIdle(): boolean {
    return this.#agenda.isIdle
  }

  get running(): Kid[] {
    return this.kids.filter(({ state }) => state === 'running')
  }

  exit(kid: Kid, reason: Reason): void {
    if (reason !== 'crash') this.log.push(`end ${kid.id}`)
    this.#post(() => this.#ended(kid, reason))
  }

  ask(command: Ask): void {
    const index = this.answers.push('waiting') - 1
    // To stop what has stopped is no error.
    this.#late[index] = command.type === 'stop' ? 'ok' : 'SUPERVISOR_CLOSED'
    this.#post(() => {
      this.answers[index] = this.#answer(command)
    })
  }

  advance(ms: number): void {
    this.#agenda.advance(ms)
    this.#closeLate()
  }

  #post(what: () => void): void {
    this.#agenda.post(() => {
      if (this.over === undefined) what()
    })
    this.#closeLate()
  }

  #closeLate(): void {
    if (this.over === undefined || !this.isIdle) return
    for (const [at, one] of this.answers.entries()) if (one === 'waiting') this.answers[at] = this.#late[at] as string
  }

  #answer(command: Ask): string {
    const isSimple = this.#options.strategy === 'simple_one_for_one'
    if (command.type === 'stop') {
      this.#end('shutdown')
      return 'ok'
    }
    if (command.type === 'change') return this.#change(command.options)
    if (command.type === 'start') return this.#startNew(command.spec, isSimple)
    const kid = this.kids.find(({ id }) => id === command.id)
    if (command.type === 'terminate') {
      if (kid === undefined) return 'SUPERVISOR_CHILD_UNKNOWN'
      this.#lay(kid)
      return 'ok'
    }
    if (isSimple || kid === undefined) return 'SUPERVISOR_CHILD_UNKNOWN'
    if (kid.state === 'restarting') return 'SUPERVISOR_CHILD_RESTARTING'
    if (kid.state === 'running') return 'SUPERVISOR_CHILD_RUNNING'
    if (command.type === 'delete') {
      this.kids = this.kids.filter((one) => one !== kid)
      return 'ok'
    }
    if (this.#resting) return 'SUPERVISOR_COOLING'
    const before = kid.state
    const how = this.#start(kid)
    if (how === 'fails' || how === 'hopeless') kid.state = before
    return how === 'ok' ? 'ok' : how === 'ignores' ? 'ignored' : 'SUPERVISOR_START_FAILED'
  }

  #startNew(spec: Spec, isSimple: boolean): string {
    const known = this.kids.find(({ id }) => id === spec.id)
    if (spec.significant && this.#options.autoShutdown === 'never') return 'SUPERVISOR_SPEC_INVALID'
    if (known) return known.state === 'running' ? 'SUPERVISOR_ALREADY_STARTED' : 'SUPERVISOR_ALREADY_PRESENT'
    if (isSimple && this.kids.length >= (this.#options.maxChildren ?? 99)) return 'SUPERVISOR_MAX_CHILDREN'
    if (this.#resting) return 'SUPERVISOR_COOLING'
    const kid = this.#kid(spec)
    const how = this.#start(kid)
    if (how === 'ok' || (how === 'ignores' && spec.restart !== 'temporary' && !isSimple)) this.kids.push(kid)
    return how === 'ok' ? 'ok' : how === 'ignores' ? 'ignored' : 'SUPERVISOR_START_FAILED'
  }

  #change(options: Options): string {
    this.#options = { ...options, strategy: options.strategy }
    const named = options.children.map((spec) => {
      const known = this.kids.find(({ id }) => id === spec.id)
      return known ? Object.assign(known, { spec }) : this.#kid(spec)
    })
    this.kids = [...named, ...this.kids.filter((kid) => !named.includes(kid))]
    return 'ok'
  }

  #boot(): void {
    this.kids = this.#options.children.map((spec) => this.#kid(spec))
    for (const kid of [...this.kids]) {
      const how = this.#start(kid)
      if (how === 'ignores' && kid.spec.restart === 'temporary') this.kids = this.kids.filter((one) => one !== kid)
      if (how === 'fails' || how === 'hopeless') return this.#end(`failed to start ${kid.id}`)
    }
  }

  #ended(kid: Kid, reason: Reason): void {
    kid.state = 'stopped'
    const isOrderly = ['normal', 'shutdown', 'shutdown info'].includes(reason)
    const { restart, significant } = kid.spec
    if (restart === 'temporary' || (restart === 'transient' && isOrderly)) {
      this.#forget(kid)
      const { autoShutdown } = this.#options
      const isLast = !this.kids.some(
        ({ spec, state }) => spec.significant && (state === 'running' || state === 'restarting'),
      )
      const isEnough = autoShutdown === 'any_significant' || (autoShutdown === 'all_significant' && isLast)
      if (significant && isEnough) this.#end('shutdown')
    } else if (reason === 'hopeless') kid.state = 'failed'
    else this.#restart(kid)
  }

  #restart(kid: Kid): void {
    const { intensity, periodMs, backoff } = this.#options
    this.#window = [...this.#window, this.#agenda.within].filter((at) => at >= this.#agenda.within - periodMs)
    if (this.#window.length > intensity || this.#agenda.within <= this.#probationUntil) return this.#exceeded(kid)
    if (backoff && kid.startedAt !== undefined && this.#agenda.within - kid.startedAt >= backoff.stableMs)
      kid.streak = 0
    kid.startedAt = undefined
    // Without luck in the dice, equal jitter leaves the whole delay.
    const { firstMs, baseMs, maxMs } = backoff ?? { firstMs: 0, baseMs: 0, maxMs: 0 }
    const delay = kid.streak === 0 ? firstMs : Math.min(maxMs, baseMs * 2 ** (kid.streak - 1))
    kid.streak += 1
    kid.state = 'restarting'
    if (delay === 0) return this.#attempt(kid)
    this.#layOthers(kid)
    this.#later(kid, delay, () => this.#attempt(kid))
  }

  #attempt(kid: Kid): void {
    this.#layOthers(kid)
    kid.state = 'stopped'
    for (const one of this.#concerned(kid)) {
      if (one.state !== 'stopped') continue
      const how = this.#start(one)
      if (how === 'ignores') this.#forget(one)
      if (how === 'hopeless') one.state = 'failed'
      if (how !== 'fails') continue
      one.state = 'restarting'
      return this.#later(one, 0, () => this.#restart(one))
    }
  }

  #exceeded(kid: Kid): void {
    const { coolDownMs } = this.#options
    if (coolDownMs === undefined) return this.#end('shutdown')
    const back = this.kids.filter(
      (one) =>
        one.spec.restart !== 'temporary' && (one === kid || one.state === 'running' || one.state === 'restarting'),
    )
    this.#layAll()
    for (const one of back) {
      one.state = 'restarting'
      if (!this.kids.includes(one)) this.kids.push(one)
    }
    const rest = {}
    this.#resting = rest
    this.#probationUntil = -1
    this.#agenda.later(coolDownMs, () => this.over === undefined && this.#resting === rest && this.#probe())
  }

  #probe(): void {
    this.#resting = undefined
    for (const one of [...this.kids].filter(({ state }) => state === 'restarting')) {
      const how = this.#start(one)
      if (how === 'ignores') this.#forget(one)
      if (how === 'hopeless') one.state = 'failed'
      if (how === 'fails') return this.#exceeded(one)
    }
    this.#window = []
    this.#probationUntil = this.#agenda.within + this.#options.periodMs
  }

  #start(kid: Kid): 'ok' | Spoiled {
    const spoiled = this.spoiled.get(kid.id)
    if (spoiled && spoiled.times > 0) {
      spoiled.times -= 1
      kid.state = 'stopped'
      return spoiled.how
    }
    this.log.push(`start ${kid.id}`)
    kid.asked = kid.spec.asked
    const { readyMs } = kid.spec
    this.#agenda.within += Math.min(readyMs ?? 0, startMs)
    if (readyMs !== undefined && readyMs > startMs) {
      this.log.push(`end ${kid.id}`)
      kid.state = 'stopped'
      return 'fails'
    }
    kid.state = 'running'
    kid.startedAt = this.#agenda.within
    return 'ok'
  }

  #concerned(kid: Kid): Kid[] {
    const { strategy } = this.#options
    if (strategy === 'one_for_all') return [...this.kids]
    return strategy === 'rest_for_one' ? this.kids.slice(this.kids.indexOf(kid)) : [kid]
  }

  #layOthers(kid: Kid): void {
    for (const one of this.#concerned(kid).reverse()) if (one !== kid && one.state !== 'failed') this.#lay(one)
  }

  #lay(kid: Kid): void {
    if (kid.state === 'running') {
      const { shutdown } = kid.spec
      if (kid.asked === 'stays' && shutdown !== 'brutal') this.#agenda.within += shutdown
      this.log.push(`end ${kid.id}`)
    }
    this.#forget(kid)
  }

  #layAll(): void {
    if (this.#options.strategy !== 'simple_one_for_one') {
      for (const kid of [...this.kids].reverse()) this.#lay(kid)
      return
    }
    const begun = this.#agenda.within
    let last = begun
    for (const kid of [...this.kids]) {
      this.#agenda.within = begun
      this.#lay(kid)
      last = Math.max(last, this.#agenda.within)
    }
    this.#agenda.within = last
  }

  #forget(kid: Kid): void {
    kid.state = 'stopped'
    kid.waitsFor = undefined
    const isKept = kid.spec.restart !== 'temporary' && this.#options.strategy !== 'simple_one_for_one'
    if (!isKept) this.kids = this.kids.filter((one) => one !== kid)
  }

  #later(kid: Kid, ms: number, what: () => void): void {
    const waitsFor = {}
    kid.waitsFor = waitsFor
    this.#agenda.later(ms, () => this.over === undefined && kid.waitsFor === waitsFor && what())
  }

  #end(reason: string): void {
    this.#layAll()
    this.over = reason
    this.#agenda.forgetTimers()
  }

  #kid(spec: Spec): Kid {
    return {
      id: spec.id,
      spec,
      asked: spec.asked,
      state: 'stopped',
      streak: 0,
      startedAt: undefined,
      waitsFor: undefined,
    }
  }
}
