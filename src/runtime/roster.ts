/**
 * Owns the agents of a running system as its handle sees them: adding, changing and taking out, each of which waits until it is
 * done. The system's own table is the root actor's; the handle is axon.ts.
 */
import { isDeepStrictEqual } from 'node:util'
import type { ActorRefFrom } from 'xstate'
import type { AxonError } from '../errors.ts'
import { Arrangement } from '../machines/arrangement.ts'
import type { AgentDefinition } from '../machines/definition.ts'
import { isSameProcess, isUp, kept } from '../machines/pool-context.ts'
import type { systemMachine } from '../machines/system.ts'
import { type AgentSnapshot, type PoolSnapshot, viewAgent } from './agent-view.ts'
import { Readiness, type Standing } from './readiness.ts'
import type { Telemetry } from './telemetry/telemetry.ts'

export class Roster {
  readonly #actor: ActorRefFrom<typeof systemMachine>
  readonly #readiness: Readiness

  constructor(actor: ActorRefFrom<typeof systemMachine>, telemetry: Telemetry) {
    this.#actor = actor
    this.#readiness = new Readiness(telemetry, (agent) => this.#standing(agent))
  }

  get names(): string[] {
    return [...this.#actor.getSnapshot().context.members.keys()]
  }

  has(name: string): boolean {
    return this.#actor.getSnapshot().context.members.has(name)
  }

  pool(name: string): PoolSnapshot | undefined {
    return this.#actor.getSnapshot().context.members.get(name)?.ref?.getSnapshot()
  }

  /** Resolves when all of them are ready that are to have processes from the start on. */
  async started(definitions: readonly AgentDefinition[]): Promise<void> {
    await Promise.all(definitions.filter(isKept).map(({ name }) => this.#readiness.ready(name)))
  }

  /** Resolves when the agent is ready, or rests until the next run; rejects where it fails or is stopped. */
  async ready(name: string): Promise<void> {
    const view = this.#view(name)
    if (this.#standing(name) === 'up' || this.#isAtRest(name, view)) return
    if (view?.state === 'failed' && view.lastError) throw view.lastError
    await this.#readiness.ready(name)
  }

  async add(definition: AgentDefinition): Promise<void> {
    const ready = isKept(definition) ? this.#readiness.ready(definition.name) : undefined
    this.#actor.send({ type: 'agent.spawn', definition })
    try {
      await ready
    } catch (error) {
      if (this.has(definition.name)) await this.retire(definition.name)
      throw error
    }
  }

  async retire(name: string): Promise<void> {
    const retired = this.#readiness.retired(name)
    this.#actor.send({ type: 'agent.retire', agent: name })
    await retired
  }

  /** What is new is added, what is missing retired, what changed gets its new definition, and the rest is untouched. */
  async apply(definitions: readonly AgentDefinition[]): Promise<void> {
    const wanted = new Set(definitions.map(({ name }) => name))
    const gone = this.names.filter((name) => !wanted.has(name))
    const changes = new Arrangement([]).inOrder(definitions).map((definition) => {
      if (!this.has(definition.name)) return this.add(definition)
      if (this.#isAsDefined(definition)) return undefined
      return this.#configure(definition)
    })
    const results = await Promise.allSettled([...gone.map((name) => this.retire(name)), ...changes])
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  /** Rejects everybody who waits. */
  close(error: AxonError): void {
    this.#readiness.close(error)
  }

  async #configure(definition: AgentDefinition): Promise<void> {
    const { name } = definition
    const isWanted = this.pool(name)?.context.wish === 'serve'
    this.#actor.send({ type: 'agent.configure', definition })
    if (this.#view(name)?.isRolling) await this.#readiness.rolledOut(name)
    else if (isWanted && this.#standing(name) !== 'up') await this.#readiness.ready(name)
  }

  /** Its definition is that one, and all its processes are of it: after a rollout that failed, the old ones are not. */
  #isAsDefined(definition: AgentDefinition): boolean {
    const pool = this.pool(definition.name)?.context
    if (pool === undefined || !isDeepStrictEqual(pool.definition, definition)) return false
    return kept(pool).every((replica) => isSameProcess(replica.definition, definition))
  }

  #view(name: string): AgentSnapshot | undefined {
    const pool = this.pool(name)
    return pool && viewAgent(pool)
  }

  /** It was let go because nobody called it, or is started by its first run; not one that waits for others to be ready. */
  #isAtRest(name: string, view: AgentSnapshot | undefined): boolean {
    return (
      view?.state === 'idle' && (view.replicas.length > 0 || this.pool(name)?.context.definition.replicas.min === 0)
    )
  }

  #standing(name: string): Standing {
    const pool = this.pool(name)
    if (pool === undefined) return 'stopped'
    if (isUp(pool.context)) return 'up'
    return viewAgent(pool).state === 'stopped' ? 'stopped' : 'other'
  }
}

/** Whether it has a process from its start on. */
function isKept({ replicas }: AgentDefinition): boolean {
  return replicas.min > 0
}
