/**
 * Owns the bench of runs: a real dispatcher with calls that a test answers by hand, links to processes that are only said to
 * exist, and simulated time.
 */
import { createActor, fromCallback, type SimulatedClock } from 'xstate'
import { AxonError } from '../../../src/errors.ts'
import type { AgentDefinition } from '../../../src/machines/definition.ts'
import type { HttpCall } from '../../../src/machines/slots.ts'
import type { NodeFrame } from '../../../src/protocol/control.ts'
import type { RunResponse, RunStreamEvent } from '../../../src/protocol/run.ts'
import { ProcessLink } from '../../../src/runtime/process/link.ts'
import { Dispatcher, type RunJournal, type RunsCommand, type RunsFact } from '../../../src/runtime/runs/dispatcher.ts'
import type { RunOptions } from '../../../src/runtime/runs/run-options.ts'
import type { Traces } from '../../../src/runtime/telemetry/traces.ts'
import { agentFacts, definitionOf, endpoint } from '../../machines/samples.ts'
import { SteppedClock } from '../../machines/stepped-clock.ts'

export const response: RunResponse = { result: 'done', messages: [], usage: { total_tokens: 7 } }

/** One call to a process, unanswered until the test answers it. Ends by itself when it is aborted, as a real one does. */
export class HeldCall {
  readonly call: HttpCall
  readonly signal: AbortSignal
  /** Takes its time after an abort. */
  isDeaf = false
  readonly #answer = Promise.withResolvers<RunResponse>()

  constructor(call: HttpCall, signal: AbortSignal) {
    this.call = call
    this.signal = signal
    this.#answer.promise.catch(() => {})
    signal.addEventListener('abort', () => this.isDeaf || this.fail(signal.reason), { once: true })
  }

  get run(): string {
    return this.call.run
  }

  get answer(): Promise<RunResponse> {
    return this.#answer.promise
  }

  succeed(answer = response): void {
    this.#answer.resolve(answer)
  }

  fail(error: unknown): void {
    this.#answer.reject(error)
  }
}

/** A process as runs see it: what it is told, receipts, its death. */
export class FakeProcess {
  readonly link: ProcessLink
  readonly told: NodeFrame[] = []
  readonly #control = {
    writable: true,
    write: (text: string) => this.#hear(JSON.parse(text)),
    destroy() {},
  }

  /** Its code does not end when it is cancelled. */
  isStubborn = false

  constructor(definition: AgentDefinition, generation: string) {
    this.link = new ProcessLink(definition, generation)
    this.link.open(this.#control as never)
  }

  /** Its control connection ends; it may live on. */
  leave(): void {
    this.#control.writable = false
  }

  /** It lives, and says whether it has the attempt that was taken back. */
  revoked(run: string, isKnown: boolean, attempt = 1): void {
    this.link.revoked({ type: 'revoked', run, attempt, isKnown })
  }

  receipt(run: string): void {
    this.link.listener?.onStarted(run)
  }

  /** The run's code has ended, or is not there. */
  settled(run: string, attempt = 1): void {
    this.link.listener?.onSettled(run, attempt)
  }

  #hear(frame: NodeFrame): void {
    this.told.push(frame)
    if ((frame.type === 'cancel' || frame.type === 'revoke') && !this.isStubborn) this.settled(frame.run, frame.attempt)
  }

  /** The exit is seen; what it said last is not yet read. */
  exit(): void {
    void this.link.exit()
  }

  /** All that it said has been read. */
  bury(): void {
    this.link.bury()
  }
}

export class RunRig {
  readonly clock: SimulatedClock & SteppedClock = new SteppedClock()
  readonly calls: HeldCall[] = []
  readonly facts: RunsFact[] = []
  /** What the agent was asked for, because runs came or stayed away. */
  readonly commands: RunsCommand[] = []
  readonly links = new Map<string, ProcessLink>()
  readonly definitions = new Map<string, AgentDefinition>()
  readonly dispatcher: Dispatcher
  /** The events that the next streams give, by run; then the call's answer. */
  readonly streams = new Map<string, AsyncIterable<RunStreamEvent>>()

  constructor(changes: Partial<AgentDefinition> = {}, journal?: RunJournal, traces?: Traces) {
    this.definitions.set('writer', definitionOf('writer', changes))
    const { calls, streams } = this
    const parent = createActor(fromCallback(() => {})).start()
    this.dispatcher = new Dispatcher({
      parentOf: () => parent,
      clock: this.clock,
      links: this.links,
      tell: (fact) => this.facts.push(fact),
      send: (command) => this.commands.push(command),
      definitionOf: (agent) => this.definitions.get(agent),
      journal,
      traces,
      transport: {
        httpRequest: (call, signal) => {
          const held = new HeldCall(call, signal)
          calls.push(held)
          return held.answer
        },
        async *httpStream(call, signal) {
          const held = new HeldCall(call, signal)
          calls.push(held)
          yield* streams.get(call.run) ?? []
          yield { id: 99, event: 'run.result', data: await held.answer }
        },
      },
    })
  }

  /** The agent has a process that is ready. */
  ready(generation = 1, replica = 0): FakeProcess {
    const id = `writer/${replica}#${generation}`
    const process = new FakeProcess(this.definitions.get('writer') as AgentDefinition, id)
    this.links.set(id, process.link)
    this.tellReady(id)
    return process
  }

  tellReady(generation: string): void {
    this.dispatcher.hear({ type: 'agent.ready', agent: 'writer', generation, pid: 1, endpoint, facts: agentFacts })
  }

  hear(
    type: 'agent.provisioning' | 'agent.suspect' | 'agent.draining' | 'agent.stopping' | 'agent.stopped' | 'agent.idle',
    generation = 'writer/0#1',
  ) {
    this.dispatcher.hear({ type, agent: 'writer', generation })
  }

  /** The process crashed; the next is tried after a while, or never. */
  crash(generation: string, then: 'backoff' | 'failed'): void {
    const error = new AxonError('PROCESS_EXITED', `${generation} ended with exit code 1.`, { agent: 'writer' })
    const fact = { agent: 'writer', generation, error } as const
    this.dispatcher.hear(
      then === 'backoff'
        ? { type: 'agent.backoff', delayMs: 1_000, ...fact }
        : { type: 'agent.failed', why: 'hopeless', ...fact },
    )
  }

  run(run?: string, options: RunOptions = {}) {
    const { result } = this.dispatcher.run('writer', { prompt: 'hi' }, { run, ...options })
    return result
  }

  /** A call with an idempotency key. */
  ask(key: string, prompt = 'hi', options: { signal?: AbortSignal; run?: string } = {}) {
    return this.dispatcher.answer('writer', { prompt }, { idempotencyKey: key, ...options })
  }

  /** The processes that are to be replaced, and why. */
  get recycled(): string[] {
    return this.commands.flatMap((command) =>
      command.type === 'replica.recycle' ? [`${command.generation} ${command.why}`] : [],
    )
  }

  get asked(): string[] {
    return this.commands.map(({ type }) => type)
  }

  /** To which process each run went, in order. */
  get routed(): string[] {
    return this.calls.map(({ call }) => `${call.run} ${call.generation}`)
  }

  /** The ids of the runs that were sent, in order. */
  get sent(): string[] {
    return this.calls.map(({ run }) => run)
  }

  get load() {
    const { inFlight, queued } = this.dispatcher.load('writer')
    return { inFlight, queued }
  }

  call(at = this.calls.length - 1): HeldCall {
    return this.calls.at(at) as HeldCall
  }

  told<Type extends RunsFact['type']>(type: Type): Extract<RunsFact, { type: Type }>[] {
    return this.facts.filter((fact) => fact.type === type) as Extract<RunsFact, { type: Type }>[]
  }
}

/** Lets everything happen that waits for nothing. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 3; turn += 1) await new Promise((resolve) => setImmediate(resolve))
}
