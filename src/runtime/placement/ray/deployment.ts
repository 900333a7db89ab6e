/**
 * Owns which application of the set stands for one process of an agent, and its being written, changed and deleted. How it gets
 * on is port.ts's.
 *
 * 1. No two processes of a system stand for one application.
 * 2. What there is of the agent already, from an earlier life or of another system, is taken over where it is of the same revision
 *    and well. Else it goes on until its successor serves, and is deleted then.
 * 3. Where another system of the configuration has put a successor in the application's place, that one is followed, and is what is
 *    deployed until the definition changes: what was written last is what all have.
 */
import type { AgentDefinition, RayPlacement } from '../../../machines/definition.ts'
import {
  applicationConfig,
  applicationName,
  isApplicationOf,
  isReachable,
  isSame,
  renamed,
  revisionOf,
  scaledConfig,
} from './application.ts'
import type { Cluster } from './cluster.ts'
import type { ApplicationConfig, Details } from './dashboard.ts'
import { isWell, kindOf, replicasOf } from './status.ts'

type Applications = ReadonlyMap<string, ApplicationConfig>

export class Deployment {
  readonly #cluster: Cluster
  readonly #placement: RayPlacement
  readonly #agent: string
  readonly #generation: string
  #config: ApplicationConfig | undefined
  /** What its scale was last made of. */
  #definition: AgentDefinition | undefined
  /** Of the definition itself; a successor's is another one. */
  #ownRevision = ''
  /** Applications of the agent that go when this one serves. */
  #predecessors: readonly string[] = []

  constructor(cluster: Cluster, placement: RayPlacement, agent: string, generation: string) {
    this.#cluster = cluster
    this.#placement = placement
    this.#agent = agent
    this.#generation = generation
  }

  /** The application's name; empty before it is chosen. */
  get application(): string {
    return this.#config?.name ?? ''
  }

  /** As it was written, by this system or by the one that it follows. Empty before. */
  get config(): ApplicationConfig {
    return this.#config ?? { name: '' }
  }

  /** Resolves when Ray has accepted it, or has it already. @throws AxonError RAY_UNREACHABLE, RAY_REFUSED */
  async deploy(definition: AgentDefinition): Promise<void> {
    const provisions = this.#cluster.provisions.get(this.#agent)
    if (provisions === undefined) throw new Error(`There is nothing of which ${this.#agent} could be made.`)
    this.#definition = definition
    const own = applicationConfig(definition, this.#placement, provisions)
    this.#ownRevision = revisionOf(own) ?? ''
    const successor = this.#cluster.successors.get(this.#ownRevision)
    const made = (name: string) => renamed(successor ?? own, this.#placement, name)
    // What has failed stays so where it is written as it was.
    await this.#cluster.change((set, details) => {
      for (const name of this.#leftOver(set)) if (kindOf(details.applications[name]) === 'failed') set.delete(name)
    })
    await this.#cluster.change((set, details) => {
      // It may be the second try.
      this.release()
      const leftOver = this.#leftOver(set)
      const same = leftOver.find((name) => isSame(set.get(name), made(name)) && isWell(details.applications[name]))
      const name = same ?? this.#freeName(set)
      // A successor's scale is its own.
      const config = (successor && set.get(name)) ?? made(name)
      const others = leftOver.filter((other) => other !== name)
      if (definition.replace === 'recreate') for (const other of others) set.delete(other)
      this.#predecessors = others
      this.#hold(config)
      set.set(name, config)
    })
  }

  /** It serves: those whose place it takes are deleted. @throws AxonError RAY_UNREACHABLE, RAY_REFUSED */
  async succeed(): Promise<void> {
    if (this.#predecessors.length === 0) return
    await this.#cluster.change((set) => {
      for (const name of this.#leftOver(set)) if (this.#predecessors.includes(name)) set.delete(name)
    })
    this.#predecessors = []
  }

  /**
   * Whether another system has put a successor in its place that serves: from now on it is that one. One that is still coming is what
   * is deployed, and so waited for, when this one is deployed again.
   */
  follow(details: Details): boolean {
    const { application } = this
    const found = Object.entries(details.applications).flatMap(([name, { deployed_app_config: config }]) => {
      const isSuccessor =
        isApplicationOf(this.#placement, this.#agent, name) &&
        isReachable(this.#placement, config) &&
        (name === application || !this.#cluster.held.has(name)) &&
        (isWell(details.applications[name]) || serves(details, name))
      return isSuccessor && config ? [config] : []
    })
    // In its own place the old replicas serve until the new ones do.
    const next = found.find(({ name }) => name === application || serves(details, name))
    const successor = next ?? found[0]
    // One of the same revision is its own, and has its own scale.
    if (successor && revisionOf(successor) === this.#ownRevision) this.#cluster.successors.delete(this.#ownRevision)
    else if (successor) this.#cluster.successors.set(this.#ownRevision, successor)
    if (next === undefined) return false
    this.release()
    this.#hold(next)
    return true
  }

  /** The definition has another scale. @throws AxonError RAY_UNREACHABLE, RAY_REFUSED */
  async adjust(definition: AgentDefinition): Promise<void> {
    if (definition === this.#definition) return
    const { application } = this
    await this.#cluster.change((set) => {
      const config = set.get(application)
      // Where it is gone or another's, it is lost, which is found out elsewhere.
      if (config === undefined || !isSame(config, this.config)) return
      set.set(application, scaledConfig(config, definition, this.#placement))
    })
    this.#definition = definition
  }

  async delete(): Promise<void> {
    const { application } = this
    if (application === '') return
    try {
      await this.#cluster.change((set) => {
        // What somebody else has written there since is theirs.
        if (isSame(set.get(application), this.config)) set.delete(application)
      })
    } finally {
      this.release()
    }
  }

  /** It goes on, and stands for nothing of this system any more. */
  release(): undefined {
    const { held } = this.#cluster
    if (held.get(this.application) === this.#generation) held.delete(this.application)
    return undefined
  }

  #hold(config: ApplicationConfig): void {
    this.#config = config
    this.#cluster.held.set(config.name, this.#generation)
  }

  /** The agent's applications that stand for no other process of this system. */
  #leftOver(set: Applications): string[] {
    const isLeftOver = (name: string) =>
      isApplicationOf(this.#placement, this.#agent, name) && !this.#cluster.held.has(name)
    return [...set.keys()].filter(isLeftOver).sort()
  }

  #freeName(set: Applications): string {
    for (let index = 0; ; index += 1) {
      const name = applicationName(this.#placement, this.#agent, index)
      if (!set.has(name) && !this.#cluster.held.has(name)) return name
    }
  }
}

/** With each write of the set an application is `coming` for a moment, and serves on by the replicas that it has. */
function serves(details: Details, name: string): boolean {
  const kind = kindOf(details.applications[name])
  if (kind === 'failed' || kind === 'gone') return false
  return kind === 'running' || replicasOf(details, name).some(({ state }) => state === 'RUNNING')
}
