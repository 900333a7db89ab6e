/**
 * Owns slots that a test holds in its hands: environments and probes that answer when told, processes that say what they are
 * told to say and keep what was asked of them.
 */
import { type ActorLogic, fromCallback, fromPromise, type Snapshot } from 'xstate'
import type { AgentDefinition } from '../../src/machines/definition.ts'
import type {
  AgentSlots,
  Environment,
  ExitRecord,
  PortCommand,
  PortEvent,
  PortInput,
  RayApplication,
} from '../../src/machines/slots.ts'
import type { HeartbeatFrame } from '../../src/protocol/control.ts'
import { agentFacts, endpoint, exitOf, heartbeat } from './samples.ts'

/** One call of a promise slot, unanswered until the test answers it. */
export interface HeldCall<Input, Output> {
  input: Input
  readonly isAborted: boolean
  resolve: (output: Output) => void
  reject: (error: unknown) => void
}

export class FakeProcess {
  readonly input: PortInput
  readonly commands: PortCommand[] = []
  isAlive = true
  /** The machine let go of it before it had exited. */
  isCutOff = false
  /** The actor that speaks for it runs. */
  isHeld = true
  readonly #tell: (event: PortEvent) => void

  constructor(input: PortInput, tell: (event: PortEvent) => void) {
    this.input = input
    this.#tell = tell
  }

  get generation(): string {
    return this.input.generation
  }

  /** What it was asked beside to go on by a changed definition. */
  get asked(): string[] {
    const commands = this.commands.filter(({ type }) => type !== 'process.adjust')
    return commands.map((command) => ('reason' in command ? `${command.type} ${command.reason}` : command.type))
  }

  spawned(pid = 4242): void {
    this.#tell({ type: 'process.spawned', generation: this.generation, pid })
  }

  ready(): void {
    this.#tell({ type: 'agent.ready', generation: this.generation, endpoint, facts: agentFacts })
  }

  beat(changes: Partial<HeartbeatFrame> = {}): void {
    this.#tell({
      type: 'process.heartbeat',
      generation: this.generation,
      heartbeat: { ...heartbeat, ...changes },
    })
  }

  alive(application: RayApplication): void {
    this.#tell({ type: 'process.alive', generation: this.generation, endpoint, application })
  }

  violated(): void {
    this.#tell({ type: 'process.violated', generation: this.generation, message: 'no frame' })
  }

  exited(changes: Partial<ExitRecord> = {}): void {
    this.isAlive = false
    this.#tell({ type: 'process.exited', generation: this.generation, exit: exitOf(this.generation, changes) })
  }
}

export class FakeSlots {
  readonly environments: HeldCall<AgentDefinition, Environment>[] = []
  readonly probes: HeldCall<{ generation: string }, void>[] = []
  readonly processes: FakeProcess[] = []
  readonly actors: AgentSlots

  /** `synchronous` answers reach the machine before `resolve` returns; else they take their turn as promises do. */
  constructor(mode: 'promises' | 'synchronous' = 'promises') {
    const held = mode === 'promises' ? heldPromise : heldSynchronously
    this.actors = {
      ensureEnvironment: held(this.environments) as AgentSlots['ensureEnvironment'],
      healthProbe: held(this.probes) as AgentSlots['healthProbe'],
      portSpawn: fromCallback<PortCommand, PortInput>(({ input, receive, sendBack }) => {
        const process = new FakeProcess(input, sendBack as (event: PortEvent) => void)
        this.processes.push(process)
        receive((command) => process.commands.push(command))
        return () => {
          process.isCutOff = process.isAlive
          process.isHeld = false
          process.isAlive = false
        }
      }) as unknown as AgentSlots['portSpawn'],
    }
  }

  get alive(): FakeProcess[] {
    return this.processes.filter(({ isAlive }) => isAlive)
  }
}

function heldPromise<Input, Output>(calls: HeldCall<Input, Output>[]) {
  return fromPromise<Output, Input>(
    ({ input, signal }) =>
      new Promise<Output>((resolve, reject) => {
        calls.push({
          input,
          get isAborted() {
            return signal.aborted
          },
          resolve,
          reject,
        })
      }),
  )
}

type HeldSnapshot = Snapshot<unknown> & { call: { isAborted: boolean } }
type HeldEvent =
  | { type: 'held.resolve'; output: unknown }
  | { type: 'held.reject'; error: unknown }
  | { type: 'xstate.stop' }

function heldSynchronously<Input, Output>(calls: HeldCall<Input, Output>[]) {
  const logic: ActorLogic<HeldSnapshot, HeldEvent, Input> = {
    getInitialSnapshot({ self }, input) {
      const send = (event: HeldEvent) => {
        if (!call.isAborted) self.send(event)
      }
      const call = {
        input,
        isAborted: false,
        resolve: (output: Output) => send({ type: 'held.resolve', output }),
        reject: (error: unknown) => send({ type: 'held.reject', error }),
      }
      calls.push(call)
      return { status: 'active', output: undefined, error: undefined, call }
    },
    transition(snapshot, event) {
      const { call } = snapshot
      call.isAborted = true
      if (event.type === 'held.resolve') return { status: 'done', output: event.output, error: undefined, call }
      if (event.type === 'held.reject') return { status: 'error', output: undefined, error: event.error, call }
      return { status: 'stopped', output: undefined, error: undefined, call }
    },
    getPersistedSnapshot: (snapshot) => snapshot,
  }
  return logic
}
