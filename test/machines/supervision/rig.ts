/**
 * Owns the children that the tests of the supervisor use, and a supervisor on simulated time that writes down what it tells.
 */
import { type AnyActorLogic, type AnyActorRef, fromCallback, setup } from 'xstate'
import {
  type ChildSpec,
  createSupervisor,
  exit,
  type Supervisor,
  type SupervisorFact,
  type SupervisorOptions,
} from '../../../src/machines/supervision/index.ts'
import { SteppedClock } from '../stepped-clock.ts'

type WorkerEvent =
  | { type: 'crash'; error: unknown }
  | { type: 'end'; reason?: unknown }
  | { type: 'ready' }
  | { type: 'supervisor.shutdown' }

/** A child that does as it is told; `asked` is what it does when it is asked to end. `ends` gets its name when its cleanup runs. */
export function worker(
  name = 'worker',
  asked: 'ends' | 'stays' | 'cannot' = 'ends',
  ends: string[] = [],
): AnyActorLogic {
  return setup({
    types: { context: {} as { reason: unknown }, events: {} as WorkerEvent },
    actors: { life: fromCallback(() => () => void ends.push(name)) },
  }).createMachine({
    context: { reason: undefined },
    initial: 'alive',
    states: {
      alive: {
        invoke: { src: 'life' },
        initial: 'early',
        states: { early: { on: { ready: 'ready' } }, ready: { on: { ready: 'early' } } },
        on: {
          crash: {
            actions: ({ event }) => {
              throw event.error
            },
          },
          end: {
            target: 'ended',
            actions: ({ context, event }) => void Object.assign(context, { reason: event.reason }),
          },
          ...(asked === 'ends' ? { 'supervisor.shutdown': 'asked' as const } : {}),
          ...(asked === 'stays' ? { 'supervisor.shutdown': { actions: () => {} } } : {}),
        },
      },
      ended: { type: 'final' },
      asked: { type: 'final', entry: ({ context }) => void Object.assign(context, { reason: 'shutdown' }) },
    },
    output: ({ context }) => (context.reason === undefined ? undefined : exit(context.reason)),
  })
}

/** Logic that cannot be started. */
export function broken(error: unknown = new Error('no start')): AnyActorLogic {
  return setup({}).createMachine({
    entry: () => {
      throw error
    },
  })
}

/** Logic that does not want to run. */
export const ignoring: AnyActorLogic = setup({}).createMachine({
  initial: 'ignored',
  states: { ignored: { type: 'final' } },
  output: exit('ignore'),
})

export const three = (changes: Partial<ChildSpec> = {}): ChildSpec[] =>
  ['a', 'b', 'c'].map((id) => ({ id, logic: worker(id), ...changes }))

/** A child whose next starts can be spoiled. */
export function fragile() {
  const spoiled = { starts: 0 }
  const inner = worker()
  const logic = {
    ...inner,
    getInitialSnapshot: (...given: Parameters<AnyActorLogic['getInitialSnapshot']>) => {
      if (spoiled.starts > 0) {
        spoiled.starts -= 1
        throw new Error('spoiled')
      }
      return inner.getInitialSnapshot(...given)
    },
    transition: inner.transition.bind(inner),
    start: inner.start?.bind(inner),
  } as AnyActorLogic
  return { logic, spoiled }
}

export class SupervisorRig {
  readonly clock = new SteppedClock()
  readonly facts: SupervisorFact[] = []
  readonly supervisor: Supervisor

  constructor(options: SupervisorOptions) {
    this.supervisor = createSupervisor({ random: () => 1, ...options }, { clock: this.clock })
    this.supervisor.actor.on('*', (fact) => this.facts.push(fact))
  }

  async start(): Promise<this> {
    await this.supervisor.start()
    this.told()
    return this
  }

  ref(id: string): AnyActorRef {
    const ref = this.supervisor.getChild(id)?.ref
    if (ref === undefined) throw new Error(`There is no running ${id}.`)
    return ref
  }

  crash(id: string, error: unknown = new Error('crash')): void {
    this.ref(id).send({ type: 'crash', error })
  }

  end(id: string, reason?: unknown): void {
    this.ref(id).send({ type: 'end', reason })
  }

  /** `a running`, for each child. */
  get states(): string[] {
    return this.supervisor.whichChildren().map(({ id, state }) => `${id} ${state}`)
  }

  /** What was told since the last call, each with its child. */
  told(): string[] {
    return this.facts.splice(0).map((fact) => ('id' in fact ? `${fact.type} ${fact.id}` : fact.type))
  }
}
