/** Owns the load of a soak, and what its callers were told: 200 echo runs a second, 10 streams, 2 slow runs, over all agents by turns. */
import { setTimeout } from 'node:timers/promises'
import { AxonError, type RunOptions } from '../../../src/index.ts'
import { type Agent, agents, runMs, type SoakSystem } from './system.ts'

const echoesPerSecond = 200
const streams = 10
const slowRuns = 2
/** Beyond the deadline of a run, its caller must have been told. A machine of two processors has other work, too. */
const lateMs = 5_000
const everyMs = 20

export interface Timed {
  agent: Agent
  beganAt: number
  ms: number
}

export class Traffic {
  /** Callers by what they were told: `ok`, or a code. */
  readonly told = new Map<string, number>()
  /** What no caller may see. */
  readonly wrong: string[] = []
  readonly echoes: Timed[] = []
  readonly #system: SoakSystem
  readonly #waiting = new Set<Promise<void>>()
  #isOn = true
  #count = 0
  #prefix: string

  constructor(system: SoakSystem, prefix: string) {
    this.#system = system
    this.#prefix = prefix
    this.#keep(this.#echo())
    for (let number = 0; number < streams; number += 1) this.#keep(this.#again(() => this.#stream()))
    for (let number = 0; number < slowRuns; number += 1) this.#keep(this.#again(() => this.#slow()))
  }

  /** One more run, whose caller is held to what all are. */
  send(agent: Agent, metadata: object, options: RunOptions = {}): void {
    const run = this.#id()
    this.#keep(this.#call(() => this.#run(agent, run, metadata, { run, ...options })))
  }

  /** So many calls with one idempotency key: they are one run, that of the first. */
  sendAsOne(agent: Agent, metadata: object, calls: number): void {
    const prompt = this.#id()
    for (let call = 0; call < calls; call += 1) {
      const options = { idempotencyKey: prompt, ...(call === 0 && { run: prompt }) }
      this.#keep(this.#call(() => this.#run(agent, prompt, metadata, options)))
    }
  }

  /** One more stream, of which `pause` is asked after every event whether it is to go on. */
  read(agent: Agent, metadata: object, pause: () => Promise<'go on' | 'leave'>): void {
    this.#keep(this.#call(() => this.#readAll(agent, metadata, pause)))
  }

  /** No more runs; resolves when every caller was told, or is too late. */
  async stop(): Promise<void> {
    this.#isOn = false
    const end = new AbortController()
    const all = Promise.all(this.#waiting)
    const late = setTimeout(runMs + lateMs, 'late', { signal: end.signal }).catch(() => 'ended')
    if ((await Promise.race([all, late])) === 'late')
      this.wrong.push(`I1: ${this.#waiting.size} callers were told nothing.`)
    end.abort()
  }

  async #echo(): Promise<void> {
    const beganAt = performance.now()
    let sent = 0
    while (this.#isOn) {
      const due = ((performance.now() - beganAt) * echoesPerSecond) / 1_000
      // After a pause of Node's what was missed is not made up for.
      sent = Math.max(sent, due - echoesPerSecond)
      for (; sent < due; sent += 1) {
        const agent = agents[this.#count % agents.length] as Agent
        this.#keep(this.#call(() => this.#timed(agent)))
      }
      await setTimeout(everyMs)
    }
  }

  async #timed(agent: Agent): Promise<void> {
    const beganAt = performance.now()
    const run = this.#id()
    await this.#run(agent, run, {}, { run })
    this.echoes.push({ agent, beganAt, ms: performance.now() - beganAt })
  }

  async #again(one: () => Promise<void>): Promise<void> {
    while (this.#isOn) {
      await one()
      // Who was refused at once does not ask at once again.
      await setTimeout(everyMs)
    }
  }

  #stream(): Promise<void> {
    return this.#call(() => this.#readAll(this.#next(), { pieces: 20 }, async () => 'go on'))
  }

  #slow(): Promise<void> {
    const run = this.#id()
    return this.#call(() => this.#run(this.#next(), run, { seconds: 3 }, { run }))
  }

  #next(): Agent {
    return agents[this.#count % agents.length] as Agent
  }

  #id(): string {
    this.#count += 1
    return `${this.#prefix}-${this.#count}`
  }

  async #run(agent: Agent, prompt: string, metadata: object, options: RunOptions): Promise<void> {
    const request = { prompt, metadata: { ...metadata } }
    const { result } = await this.#system.axon.agent(agent).run<{ prompt: string }>(request, options)
    if (result.prompt !== prompt) this.wrong.push(`I1: Run ${prompt} was answered as ${result.prompt}.`)
  }

  async #readAll(agent: Agent, metadata: object, pause: () => Promise<'go on' | 'leave'>): Promise<void> {
    const run = this.#id()
    let last = ''
    for await (const event of this.#system.axon
      .agent(agent)
      .stream({ prompt: run, metadata: { ...metadata } }, { run })) {
      last = event.event
      if ((await pause()) === 'leave') return
    }
    if (last !== 'run.result')
      this.wrong.push(`I1: Stream ${run} ended after ${last || 'nothing'}, as if all had been said.`)
  }

  /** A caller is told in time: an answer, or an error that has a code. */
  async #call(ask: () => Promise<void>): Promise<void> {
    const beganAt = performance.now()
    const what = await ask().then(
      () => 'ok',
      (error: unknown) =>
        error instanceof AxonError && error.code !== 'INTERNAL_ERROR' ? error.code : this.#unexpected(error),
    )
    const ms = performance.now() - beganAt
    if (ms > runMs + lateMs) this.wrong.push(`I1: A caller was told ${what} after ${Math.round(ms)} ms.`)
    this.told.set(what, (this.told.get(what) ?? 0) + 1)
  }

  #unexpected(error: unknown): string {
    this.wrong.push(`I1: A caller was told ${error}.`)
    return 'unexpected'
  }

  #keep(promise: Promise<void>): void {
    const kept = promise.finally(() => this.#waiting.delete(kept))
    this.#waiting.add(kept)
  }
}
