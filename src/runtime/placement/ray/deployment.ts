/**
 * Owns which application of the set stands for one process of an agent, and its being written, changed and deleted. How it gets
 * on is port.ts's.
 *
 * 1. No two processes of a system stand for one application.
 * 2. What an earlier life of the agent left is taken over where it is of the same revision and well; else it is written over.
 */
import { isDeepStrictEqual } from 'node:util'
import type { AgentDefinition, RayPlacement } from '../../../machines/definition.ts'
import { applicationConfig, applicationName, isApplicationOf, type Provisions, revisionOf } from './application.ts'
import type { Cluster } from './cluster.ts'
import type { ApplicationConfig, Details } from './dashboard.ts'
import { kindOf } from './status.ts'

export class Deployment {
  readonly #cluster: Cluster
  readonly #placement: RayPlacement
  readonly #generation: string
  #provisions: Provisions | undefined
  #config: ApplicationConfig | undefined

  constructor(cluster: Cluster, placement: RayPlacement, generation: string) {
    this.#cluster = cluster
    this.#placement = placement
    this.#generation = generation
  }

  /** The application's name; empty before it is chosen. */
  get application(): string {
    return this.#config?.name ?? ''
  }

  get revision(): string {
    return revisionOf(this.#config) ?? ''
  }

  /** Resolves when Ray has accepted it, or has it already. @throws AxonError RAY_UNREACHABLE, RAY_REFUSED */
  async deploy(definition: AgentDefinition): Promise<void> {
    const provisions = this.#cluster.provisions.get(definition.name)
    if (provisions === undefined) throw new Error(`There is nothing of which ${definition.name} could be made.`)
    this.#provisions = provisions
    const configOf = (name: string) => applicationConfig(definition, this.#placement, provisions, name)
    // What has failed stays so where it is written as it was.
    await this.#cluster.change((set, details) => {
      for (const name of this.#leftOver(definition.name, set)) if (!isWell(details, name)) set.delete(name)
    })
    await this.#cluster.change((set) => {
      // It may be the second try.
      this.release()
      const leftOver = this.#leftOver(definition.name, set)
      const same = leftOver.find((name) => revisionOf(set.get(name)) === revisionOf(configOf(name)))
      const name = same ?? leftOver[0] ?? this.#freeName(definition.name, set)
      for (const other of leftOver) if (other !== name) set.delete(other)
      this.#hold(configOf(name))
      set.set(name, configOf(name))
    })
  }

  /** The definition has another scale. Nothing is asked where it has none. */
  async adjust(definition: AgentDefinition): Promise<void> {
    const { application } = this
    if (this.#provisions === undefined || application === '') return
    const config = applicationConfig(definition, this.#placement, this.#provisions, application)
    if (isDeepStrictEqual(config, this.#config)) return
    await this.#cluster.change((set) => {
      // Where it is gone or another's, it is lost, which is found out elsewhere.
      if (revisionOf(set.get(application)) === this.revision) set.set(application, config)
    })
    this.#config = config
  }

  async delete(): Promise<void> {
    const { application } = this
    if (application === '') return
    try {
      await this.#cluster.change((set) => {
        // What somebody else has written there since is theirs.
        if (revisionOf(set.get(application)) === this.revision) set.delete(application)
      })
    } finally {
      this.release()
    }
  }

  /** It goes on, and stands for nothing of this system any more. */
  release(): undefined {
    if (this.#isHeld(this.application)) this.#cluster.held.delete(this.application)
    return undefined
  }

  #isHeld(application: string): boolean {
    return this.#cluster.held.get(application) === this.#generation
  }

  #hold(config: ApplicationConfig): void {
    this.#config = config
    this.#cluster.held.set(config.name, this.#generation)
  }

  /** The agent's applications that stand for no other process of this system. */
  #leftOver(agent: string, set: ReadonlyMap<string, ApplicationConfig>): string[] {
    const { held } = this.#cluster
    return [...set.keys()].filter((name) => isApplicationOf(this.#placement, agent, name) && !held.has(name)).sort()
  }

  #freeName(agent: string, set: ReadonlyMap<string, ApplicationConfig>): string {
    const { held } = this.#cluster
    for (let index = 0; ; index += 1) {
      const name = applicationName(this.#placement, agent, index)
      if (!set.has(name) && !held.has(name)) return name
    }
  }
}

function isWell({ applications }: Details, name: string): boolean {
  return ['coming', 'running'].includes(kindOf(applications[name]))
}
