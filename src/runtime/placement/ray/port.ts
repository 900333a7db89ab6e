/**
 * Owns one application on Ray from deployment to deletion: it fills the slot `portSpawn` for an agent that is placed there. As
 * of a process, it tells the machine what happens and does what the machine asks.
 *
 * 1. It tells exactly one `process.exited`, and then nothing.
 * 2. After that the application is deleted, or kept as `onClose` says; where Ray could not be asked, the exit says so.
 * 3. An application of the same revision that is there already is taken over as it is.
 */
import { AxonError, type ErrorCode, errorCodes, ProcessError, toAxonError } from '../../../errors.ts'
import type { AgentDefinition, RayPlacement } from '../../../machines/definition.ts'
import type { PortCommand, PortEvent, PortInput, TerminateReason } from '../../../machines/slots.ts'
import type { FailedFrame } from '../../../protocol/control.ts'
import type { OutputLine } from '../../process/output.ts'
import type { Resources } from '../../resources.ts'
import { addressOf } from './application.ts'
import type { Cluster } from './cluster.ts'
import { Deployment } from './deployment.ts'
import { Endpoints } from './endpoints.ts'
import { RayLink } from './link.ts'
import { Reports } from './reports.ts'
import { replicasOf, type Standing, standingOf, targetsOf } from './status.ts'

/** How often Ray is asked: while the application comes, and when it runs. */
const comingMs = 500
const runningMs = 2_000
/** How often it is looked whether the last run has ended. */
const drainMs = 50
/** Ray may take this long to be told of the end. */
const deletionMs = 20_000
const maxLines = 50

export class RayPort {
  readonly #generation: string
  readonly #resources: Resources
  readonly #tell: (event: PortEvent) => void
  readonly #cluster: Cluster
  readonly #deployment: Deployment
  readonly #placement: RayPlacement
  readonly #link: RayLink
  readonly #reports: Reports
  #definition: AgentDefinition
  #endpoints: Endpoints | undefined
  #isServing = false
  #isDraining = false
  #reason: TerminateReason | undefined
  #isAbandoned = false
  #lines: string[] = []
  #failure: FailedFrame | undefined
  /** Ends the pause between two questions. */
  #wake = () => {}

  constructor(
    { definition, generation }: PortInput,
    placement: RayPlacement,
    resources: Resources,
    tell: (event: PortEvent) => void,
  ) {
    this.#generation = generation
    this.#definition = definition
    this.#resources = resources
    this.#tell = tell
    this.#placement = placement
    this.#cluster = resources.clusters.of(placement)
    this.#deployment = new Deployment(this.#cluster, placement, definition.name, generation)
    this.#link = new RayLink(definition, generation)
    this.#reports = new Reports(definition.name, this.#cluster.dashboard, (line) => this.#output(line))
  }

  /** Ends when the application has ended and its exit is told. Never rejects. */
  async run(): Promise<void> {
    const { links } = this.#resources
    links.set(this.#generation, this.#link)
    let cause = await this.#live().catch(toAxonError)
    // What is told of an end that was asked for is that it came.
    if (this.#isEnding) cause = undefined
    this.#link.bury()
    await this.#reports.close()
    await this.#endpoints?.close()
    const fault = await this.#end()
    links.delete(this.#generation)
    if (this.#isAbandoned) return
    const exit = {
      generation: this.#generation,
      code: cause || fault ? null : 0,
      signal: null,
      reason: this.#reason,
      failure: this.#failure,
      lastLines: this.#lines,
      cause: cause ?? this.#endedBy() ?? fault,
    }
    this.#tell({ type: 'process.exited', generation: this.#generation, exit })
  }

  take(command: PortCommand): void {
    if (command.type === 'process.adjust') this.#definition = command.definition
    else if (command.type === 'process.drain') this.#drain()
    else this.#reason ??= command.reason
    this.#wake()
  }

  #drain(): void {
    this.#isDraining = true
    // No question to a replica is to hold up the end of its last run.
    void this.#reports.close()
  }

  /** The machine let go of this port. */
  abandon(): void {
    this.#isAbandoned = true
    this.#wake()
  }

  get #isEnding(): boolean {
    return this.#isAbandoned || this.#reason !== undefined
  }

  /** Resolves with why it has ended by itself; undefined where its end was asked for. */
  async #live(): Promise<AxonError | undefined> {
    if (this.#isEnding) return undefined
    await this.#deployment.deploy(this.#definition)
    const { name: agent, timeouts, concurrency } = this.#definition
    const { proxy } = this.#placement
    const at = addressOf(this.#placement, this.#deployment.application)
    this.#endpoints = new Endpoints({ agent, proxy, connectMs: timeouts.connectMs, concurrency }, at)
    this.#tell({ type: 'process.spawned', generation: this.#generation })
    while (!this.#isEnding) {
      if (this.#isDraining && this.#endpoints.inFlight === 0) return undefined
      if (!this.#isDraining) {
        const lost = await this.#look(this.#endpoints)
        if (lost) return lost
      }
      await this.#pause(this.#isDraining ? drainMs : this.#isServing ? runningMs : comingMs)
    }
    return undefined
  }

  /** Makes of the application what is wanted by now; where Ray does not take it, the next look tries again. */
  async #keepUp(): Promise<void> {
    try {
      await this.#deployment.adjust(this.#definition)
      if (this.#isServing) await this.#deployment.succeed()
    } catch (error) {
      this.#note([toAxonError(error).message])
    }
  }

  /** Asks Ray once, and does what follows. Resolves with why the application is lost. */
  async #look(endpoints: Endpoints): Promise<AxonError | undefined> {
    await this.#keepUp()
    const { application, config } = this.#deployment
    const details = await this.#cluster.details().catch(toAxonError)
    if (this.#isEnding) return undefined
    if (details instanceof AxonError) {
      // What Ray's head does not tell, the agent itself may.
      this.#note([details.message])
      if (this.#isServing) await this.#ask(endpoints)
      return undefined
    }
    const standing = standingOf(details, config)
    this.#note(standing.lines)
    this.#reports.update(replicasOf(details, application))
    switch (standing.is) {
      case 'failed':
        return this.#lost(standing)
      case 'gone':
      case 'changed':
        if (!this.#deployment.follow(details)) return this.#lost(standing)
        this.#note([`Another system has deployed the agent anew, which is followed: ${this.#deployment.application}`])
        endpoints.move(addressOf(this.#placement, this.#deployment.application))
        return undefined
      case 'running':
        if (this.#placement.direct) await endpoints.update(targetsOf(details, application))
        if (this.#isServing) this.#alive()
        else await this.#ask(endpoints)
        return undefined
      case 'coming':
        // While it is scaled, it serves.
        if (this.#isServing) this.#alive()
        return undefined
      case 'ailing':
        if (this.#isServing) await this.#ask(endpoints)
        return undefined
    }
  }

  /** Whether the agent answers: then it is ready, or alive. */
  async #ask(endpoints: Endpoints): Promise<void> {
    try {
      const { facts } = await endpoints.health()
      if (this.#isEnding) return
      if (this.#isServing) return this.#alive()
      this.#isServing = true
      this.#link.serve(endpoints)
      const unknown = { name: this.#definition.name, framework: 'unknown', python: 'unknown', axonAgent: 'unknown' }
      const { endpoint } = endpoints
      this.#tell({ type: 'agent.ready', generation: this.#generation, endpoint, facts: facts ?? unknown })
      this.#alive()
      await this.#keepUp()
    } catch (error) {
      this.#note([`The agent does not answer at ${this.#placement.proxy}: ${(error as Error).message}`])
    }
  }

  #alive(): void {
    if (this.#isEnding || this.#endpoints === undefined) return
    const { endpoint, ways, address } = this.#endpoints
    const application = { name: this.#deployment.application, replicas: this.#reports.replicas }
    this.#tell({ type: 'process.alive', generation: this.#generation, endpoint, application })
    this.#reports.ask(ways, address)
  }

  /** Deletes the application, or keeps it. Resolves with why that could not be done. */
  async #end(): Promise<AxonError | undefined> {
    const isClosing = this.#resources.isClosing && (this.#reason ?? 'stop') === 'stop'
    if (isClosing && this.#isServing && this.#placement.onClose === 'keep') return this.#deployment.release()
    const { clock } = this.#resources
    const { promise: late, resolve } = Promise.withResolvers<AxonError>()
    const message = `Ray did not take the end of ${this.#generation} in ${deletionMs} ms: its application may go on. Delete it with another configuration, or start Axon again.`
    const timer = clock.setTimeout(() => resolve(new AxonError('RAY_UNREACHABLE', message)), deletionMs)
    const deleted = this.#deployment.delete().then(() => undefined, toAxonError)
    const fault = await Promise.race([deleted, late])
    clock.clearTimeout(timer)
    return fault
  }

  #lost({ is, lines, failure }: Standing): AxonError {
    const { application } = this.#deployment
    const context = { generation: this.#generation, application, lastLines: lines }
    const about = { agent: this.#definition.name, context }
    this.#failure = failure
    if (failure) {
      const { code, message, phase, kind, traceback } = failure
      const known = Object.hasOwn(errorCodes, code) ? (code as ErrorCode) : 'RAY_DEPLOY_FAILED'
      return new ProcessError(known, message, { ...about, context: { ...context, phase, kind, traceback } })
    }
    if (is === 'failed') {
      const message = `Ray could not deploy ${application}, which is agent ${about.agent}. It says: ${lines.slice(1).join('\n')}`
      return new ProcessError('RAY_DEPLOY_FAILED', message, about)
    }
    const what = is === 'changed' ? 'was written over by somebody else' : 'is gone'
    const message = `The application ${application} ${what}. Give each configuration that faces the cluster an applicationPrefix of its own.`
    return new ProcessError('PROCESS_EXITED', message, about)
  }

  /** What the exit of one that was ended for a fault has to say of it. */
  #endedBy(): AxonError | undefined {
    const [code, what] =
      this.#reason === 'start_timeout'
        ? (['PROCESS_START_TIMEOUT', 'was not ready in time'] as const)
        : (['PROCESS_HUNG', 'was neither healthy by Ray nor did it answer'] as const)
    if (this.#reason !== 'start_timeout' && this.#reason !== 'hang') return undefined
    const { application } = this.#deployment
    const message = `The application ${application} ${what}, and was deleted. Ray said last: ${this.#lines.slice(-5).join(' | ')}`
    const context = { generation: this.#generation, application, lastLines: this.#lines }
    return new ProcessError(code, message, { agent: this.#definition.name, context })
  }

  /** Keeps what is new of what is said, and tells it as output. */
  #note(lines: readonly string[]): void {
    for (const line of lines) {
      if (this.#lines.includes(line)) continue
      this.#lines = [...this.#lines, line].slice(-maxLines)
      this.#output({ stream: 'stderr', line, droppedBytes: 0 })
    }
  }

  #output(line: OutputLine & { replica?: string }): void {
    const { name: agent } = this.#definition
    this.#resources.tell({ type: 'process.output', agent, generation: this.#generation, ...line })
  }

  #pause(ms: number): Promise<void> {
    if (this.#isEnding) return Promise.resolve()
    const { clock } = this.#resources
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = clock.setTimeout(resolve, ms)
    this.#wake = () => {
      clock.clearTimeout(timer)
      resolve()
    }
    return promise
  }
}
