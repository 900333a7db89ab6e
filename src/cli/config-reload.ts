/**
 * Owns the configuration of a running system as its file is now: read again when it is asked to, one time after the other, and
 * checked whole before anything is done.
 */
import { isDeepStrictEqual } from 'node:util'
import { isAxonError } from '../errors.ts'
import type { AxonOptions } from '../runtime/axon.ts'
import { type LoadedConfig, readConfig } from '../runtime/config/load.ts'
import { parseSystem } from '../runtime/config/system.ts'

export type ConfigEvent =
  /** The system becomes as the file says. `unapplied` names options that are read at the start alone. */
  | { type: 'config.applied'; path: string; unapplied: readonly string[] }
  /** The system stays as it was. */
  | { type: 'config.refused'; path: string; error: unknown }

export interface ConfigReloadOptions {
  /** Makes the system as these options say; an agent that does not become ready is told by the system's own events. */
  apply: (options: LoadedConfig['options']) => Promise<void>
  onEvent: (event: ConfigEvent) => void
}

export class ConfigReload {
  #path: string
  #options: LoadedConfig['options']
  #apply: ConfigReloadOptions['apply']
  #onEvent: ConfigReloadOptions['onEvent']
  #reloading: Promise<void> = Promise.resolve()

  constructor(config: LoadedConfig, { apply, onEvent }: ConfigReloadOptions) {
    this.#path = config.path
    this.#options = config.options
    this.#apply = apply
    this.#onEvent = onEvent
  }

  reload(): void {
    this.#reloading = this.#reloading.then(() => this.#reload())
  }

  async #reload(): Promise<void> {
    const path = this.#path
    try {
      const { options } = await readConfig({ file: path })
      parseSystem({ ...options })
      const unapplied = differing(this.#options, options)
      this.#options = options
      this.#onEvent({ type: 'config.applied', path, unapplied })
      await this.#apply(options)
    } catch (error) {
      if (!isAxonError(error) || error.agent === undefined) this.#onEvent({ type: 'config.refused', path, error })
    }
  }
}

/** The options beside `agents` that are others than before. */
function differing(before: AxonOptions, after: AxonOptions): string[] {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]) as Set<keyof AxonOptions>
  names.delete('agents')
  return [...names].filter((name) => {
    // An object of code is another at each load.
    const isText = !['inspect', 'logger', 'conversations'].includes(name)
    return isText && !isDeepStrictEqual(before[name], after[name])
  })
}
