/**
 * Owns what one running system holds outside its machines: the socket directory, the listener, the table of live processes and
 * the links to them. Opened with the root actor, closed with it: nothing of it is left afterwards.
 */
import { randomUUID } from 'node:crypto'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { AxonError } from '../errors.ts'
import type { Clock } from './clock.ts'
import { makeRuntimeDir } from './directories.ts'
import { Hosts } from './process/hosts.ts'
import type { Link } from './process/link.ts'
import { Listener } from './process/listener.ts'
import { LiveTable } from './process/live-table.ts'
import type { RuntimeFact } from './telemetry/catalogue.ts'

export interface ResourceOptions {
  clock: Clock
  env: NodeJS.ProcessEnv
  runtimeDir: string | undefined
  tell: (fact: RuntimeFact) => void
}

export class Resources {
  /** Marks every process of this system, as the environment variable `AXON_SYSTEM`. No secret. */
  readonly id = randomUUID()
  readonly clock: Clock
  readonly env: NodeJS.ProcessEnv
  readonly tell: (fact: RuntimeFact) => void
  readonly live = new LiveTable()
  readonly hosts: Hosts
  /** By generation. */
  readonly links = new Map<string, Link>()
  #runtimeBase: string | undefined
  #runtimeDir: string | undefined
  #listener: Listener | undefined
  #opening: Promise<void> | undefined
  #closing: Promise<void> | undefined
  #work = new Set<Promise<void>>()
  #sockets = 0

  constructor({ clock, env, runtimeDir, tell }: ResourceOptions) {
    this.clock = clock
    this.env = env
    this.tell = tell
    this.hosts = new Hosts(this)
    this.#runtimeBase = runtimeDir
  }

  /**
   * Made just before the first host, which removes it when Node is killed.
   * @throws AxonError CONFIG_INVALID where none can be made, SUPERVISOR_CLOSED afterwards
   */
  makeRuntimeDir(): string {
    this.demandOpen()
    this.#runtimeDir ??= makeRuntimeDir(this.#runtimeBase, this.env)
    return this.#runtimeDir
  }

  get runtimeDir(): string | undefined {
    return this.#runtimeDir
  }

  get socketPath(): string {
    return join(this.#runtimeDir ?? '', 'axon.sock')
  }

  newSocketPath(): string {
    this.#sockets += 1
    return join(this.#runtimeDir ?? '', `${this.#sockets}.sock`)
  }

  /** Only after `open()` has resolved. */
  get listener(): Listener {
    if (this.#listener === undefined) throw new Error('The listener is not open.')
    return this.#listener
  }

  /** @throws AxonError SUPERVISOR_CLOSED: an actor that outlived its root may start nothing more */
  demandOpen(): void {
    if (this.#closing) throw new AxonError('SUPERVISOR_CLOSED', 'The system is closed. Create another one.')
  }

  async open(): Promise<void> {
    this.makeRuntimeDir()
    this.#opening ??= Listener.open(this.socketPath, this.clock, (reason) =>
      this.tell({ type: 'connection.refused', reason }),
    ).then((listener) => {
      this.#listener = listener
    })
    await this.#opening
    // It may have been closed meanwhile.
    this.demandOpen()
  }

  /** Work that `close` waits for: it has been told to end. */
  track<T>(work: Promise<T>): Promise<T> {
    const forget = () => void this.#work.delete(ended)
    const ended: Promise<void> = work.then(forget, forget)
    this.#work.add(ended)
    return work
  }

  /** Ends every process at once, waits for what has been told to end, and removes the sockets. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  async #close(): Promise<void> {
    this.live.sweep()
    await this.hosts.close()
    while (this.#work.size > 0) await Promise.all(this.#work)
    await this.#opening?.catch(() => {})
    await this.#listener?.close()
    if (this.#runtimeDir !== undefined) await rm(this.#runtimeDir, { recursive: true, force: true })
  }
}

const bySystem = new WeakMap<object, Resources>()

/** The resources of an actor system. They are there from the start of its root until its end. */
export function resourcesOf(system: object): Resources {
  const resources = bySystem.get(system)
  if (resources === undefined) throw new Error('This system was not made with provideRuntime().')
  return resources
}

export function attachResources(system: object, resources: Resources): void {
  bySystem.set(system, resources)
}
