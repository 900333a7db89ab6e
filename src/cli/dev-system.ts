/**
 * Owns the system of `axon dev`: it is kept as the configuration and the source files are now. What a person sees of it, and the
 * keys, are dev.ts's.
 *
 * 1. An agent that cannot start stays, failed, until its files are saved again; the others work.
 * 2. A process is replaced only by one that is ready: what cannot be imported keeps the old one at work.
 */
import { readdirSync, rmSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { type Axon, createAxon } from '../runtime/axon.ts'
import { type AgentsOptions, parseAgents } from '../runtime/config/agents.ts'
import { type LoadedConfig, readConfig } from '../runtime/config/load.ts'
import { parseSystem } from '../runtime/config/system.ts'
import { type ConfigEvent, ConfigReload } from './config-reload.ts'
import { SourceWatch } from './source-watch.ts'

/** What it does by itself. */
export type DevEvent =
  /** `agents` are replaced because of `paths`; `at` is when the first was noticed, as `performance.now()`. */
  | { type: 'files.changed'; paths: readonly string[]; agents: readonly string[]; at: number }
  | ConfigEvent
  | { type: 'watch.failed'; error: Error }

export interface DevOptions {
  /** The configuration. Default: looked for here and above. */
  file?: string | undefined
  onEvent: (event: DevEvent) => void
  /** Called with the system before it starts, so that nothing of it is missed. */
  onSystem?: (axon: Axon) => void
}

/** Starts the system of a configuration. @throws AxonError CONFIG_NOT_FOUND, CONFIG_INVALID */
export async function startDev(options: DevOptions): Promise<DevSystem> {
  const config = await readConfig({ file: options.file })
  const { agents, ...rest } = config.options
  parseSystem({ ...rest, agents })
  const axon = createAxon({ operator: true, ...rest })
  options.onSystem?.(axon)
  await axon.start()
  return new DevSystem(axon, config, options)
}

export class DevSystem {
  readonly axon: Axon
  readonly path: string
  #onEvent: DevOptions['onEvent']
  #agents: AgentsOptions
  #watch: SourceWatch
  #config: ConfigReload

  /** Use `startDev`. */
  constructor(axon: Axon, config: LoadedConfig, { onEvent }: DevOptions) {
    this.axon = axon
    this.path = config.path
    this.#onEvent = onEvent
    this.#config = new ConfigReload(config, { apply: (options) => this.#apply(options), onEvent })
    this.#agents = forDevelopment(config.options.agents)
    this.#watch = new SourceWatch({
      onChange: ({ paths, at }) => this.#follow(paths, at),
      onError: (error) => onEvent({ type: 'watch.failed', error }),
    })
    this.#observe()
    this.#spawn(Object.keys(this.#agents))
  }

  /** Replaces the processes of all agents, and starts those that have none. */
  restartAll(): void {
    this.#restart(this.axon.agents)
  }

  async close(): Promise<void> {
    this.#watch.close()
    await this.axon.close()
  }

  #follow(paths: readonly string[], at: number): void {
    for (const path of paths) forgetBytecode(path)
    const agents = this.axon.agents.filter((name) => paths.some((path) => this.#isOf(name, path)))
    if (agents.length > 0) {
      this.#restart(agents)
      this.#onEvent({ type: 'files.changed', paths, agents, at })
    }
    if (paths.includes(this.path)) this.#config.reload()
  }

  /** A file in the agent's directory may be imported by it: which ones are, only Python knows. */
  #isOf(name: string, path: string): boolean {
    const agent = this.#agents[name]
    if (agent === undefined || path === this.path) return false
    return path.startsWith(`${agent.cwd}/`) || moduleFile(agent) === path
  }

  #restart(agents: readonly string[]): void {
    for (const agent of agents) {
      const state = this.axon.agent(agent).snapshot()?.state
      const isOut = state === 'failed' || state === 'stopped'
      this.axon.agent(agent).send({ type: isOut ? 'agent.start' : 'agent.restart' })
    }
  }

  /** As `axon.apply`, but that a new agent that fails stays. */
  async #apply({ agents }: LoadedConfig['options']): Promise<void> {
    this.#agents = forDevelopment(agents)
    this.#observe()
    this.#spawn(Object.keys(this.#agents).filter((name) => !this.axon.agents.includes(name)))
    await this.axon.apply({ agents: this.#agents })
  }

  #spawn(names: readonly string[]): void {
    const chosen = Object.entries(this.#agents).filter(([name]) => names.includes(name))
    for (const definition of parseAgents(Object.fromEntries(chosen)))
      this.axon.actor.send({ type: 'agent.spawn', definition })
  }

  #observe(): void {
    const agents = Object.values(this.#agents)
    this.#watch.set(
      agents.map(({ cwd = '.' }) => resolve(cwd)),
      [this.path, ...agents.map(moduleFile).filter((path) => path !== undefined)],
    )
  }
}

/**
 * On this machine, where their files are: on a cluster, each save would replace what serves others there. Agents write no bytecode:
 * Python tells it from its source by seconds and length alone, and two saves may have both in common.
 */
function forDevelopment(agents: AgentsOptions): AgentsOptions {
  const changed = Object.entries(agents).map(([name, agent]) => {
    return [
      name,
      { ...agent, placement: 'local' as const, env: { PYTHONDONTWRITEBYTECODE: '1', ...agent.env } },
    ] as const
  })
  return Object.fromEntries(changed)
}

/** What was compiled before from a file that has changed. */
function forgetBytecode(path: string): void {
  const directory = join(dirname(path), '__pycache__')
  const stem = `${basename(path, '.py')}.`
  try {
    for (const name of readdirSync(directory))
      if (name.startsWith(stem) && name.endsWith('.pyc')) rmSync(join(directory, name), { force: true })
  } catch {
    // There is none, or it is not ours to remove.
  }
}

/** The agent's file, where it is given as one: it may be a specification, or outside of `cwd`. */
function moduleFile({ module, cwd = '.' }: AgentsOptions[string]): string | undefined {
  const file = /^(.*\.(?:py|ya?ml|json))(?::\w+)?$/.exec(module)?.[1]
  return file === undefined ? undefined : resolve(cwd, file)
}
