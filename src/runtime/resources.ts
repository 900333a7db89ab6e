/**
 * Owns what one running system holds outside its machines: the socket directory, the listener, the table of live processes and
 * the links to them. Opened with the root actor, closed with it: nothing of it is left afterwards.
 */
import { randomUUID } from 'node:crypto'
import { join, resolve } from 'node:path'
import { AxonError, isAxonError } from '../errors.ts'
import { operatorSocket } from '../protocol/operator.ts'
import type { Clock } from './clock.ts'
import { makeRuntimeDir, nameRuntimeDirs, removeRuntimeDir } from './directories.ts'
import type { OperatorServer } from './operator/server.ts'
import type { Link } from './placement/link.ts'
import { Clusters } from './placement/ray/cluster.ts'
import { Hosts } from './process/hosts.ts'
import { Listener } from './process/listener.ts'
import { LiveTable } from './process/live-table.ts'
import { SystemRecord } from './state/record.ts'
import { sweepDead } from './state/sweep.ts'
import type { RuntimeFact } from './telemetry/catalogue.ts'

export interface ResourceOptions {
  clock: Clock
  env: NodeJS.ProcessEnv
  runtimeDir: string | undefined
  stateDir: string
  tell: (fact: RuntimeFact) => void
  /** Opens the operator's socket at this path. Undefined: there is none. */
  operator?: ((path: string) => OperatorServer) | undefined
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
  readonly clusters = new Clusters()
  /** The system was asked to close: whatever stops now is not to come again. */
  isClosing = false
  /** Nothing is started before what dead systems left is gone: it may hold a port. Never rejects. */
  readonly swept: Promise<void>
  #record: SystemRecord
  #isRecorded = true
  /** Something of it lives without a host. */
  #isAlone = false
  #runtimeBase: string | undefined
  /** Where the sockets may be; the first that can be made is theirs. */
  #runtimeDirs: string[] | undefined
  #runtimeDir: string | undefined
  #opening: Promise<Listener> | undefined
  #openOperator: ResourceOptions['operator']
  #operator: OperatorServer | undefined
  #closing: Promise<void> | undefined
  #work = new Set<Promise<void>>()
  #sockets = 0

  constructor({ clock, env, runtimeDir, stateDir, tell, operator }: ResourceOptions) {
    this.clock = clock
    this.env = env
    this.tell = tell
    this.hosts = new Hosts(this)
    this.#runtimeBase = runtimeDir
    this.#openOperator = operator
    // The working directory may change.
    const state = resolve(stateDir)
    this.#record = new SystemRecord(state, this.id)
    this.swept = this.track(sweepDead(state, (swept) => tell({ type: 'system.swept', ...swept })))
  }

  /**
   * Where the sockets' directory may be made: every host is told before it is, and its guard removes it when Node is killed.
   * @throws AxonError CONFIG_INVALID where it can be nowhere, SUPERVISOR_CLOSED afterwards
   */
  nameRuntimeDirs(): readonly string[] {
    this.demandOpen()
    this.#runtimeDirs ??= nameRuntimeDirs(this.#runtimeBase, this.env)
    return this.#runtimeDirs
  }

  /**
   * Makes the sockets' directory, once there is a host.
   * @throws AxonError CONFIG_INVALID where it cannot be made
   */
  makeRuntimeDir(): void {
    try {
      this.#runtimeDir ??= makeRuntimeDir(this.nameRuntimeDirs())
      this.#operator ??= this.#openOperator?.(this.#inRuntimeDir(operatorSocket))
    } catch (error) {
      // Another time there may be another place.
      this.#runtimeDirs = undefined
      throw error
    }
  }

  /** Writes down what there is, for the boot after a kill: before a host is started, and when hosts have come or gone. */
  record(): void {
    const runtimeDirs = [...this.nameRuntimeDirs()]
    try {
      this.#record.write({ runtimeDirs, hosts: this.hosts.recorded })
    } catch (error) {
      // Without its record a system is no worse while it lives.
      if (this.#isRecorded && isAxonError(error)) this.tell({ type: 'system.unrecorded', error })
      this.#isRecorded = false
    }
  }

  /**
   * There may be no host ever, and those who look at the system are to find it and its socket all the same. Nobody removes them when
   * Node is killed; the next boot does.
   */
  standAlone(): void {
    this.#isAlone = true
    if (this.#openOperator === undefined) return
    try {
      this.record()
      this.makeRuntimeDir()
    } catch (error) {
      // Without its socket a system is no worse while it lives.
      if (!isAxonError(error)) throw error
    }
  }

  /**
   * A host was lost. Where no other is left, nobody would remove the sockets if Node were killed now: they go, and the next host
   * gets new ones.
   */
  afterLoss(): void {
    if (this.#closing) return
    if (this.hosts.recorded.length > 0) return this.record()
    this.#closeOperator()
    if (this.#runtimeDir !== undefined) removeRuntimeDir(this.#runtimeDir)
    this.#runtimeDir = undefined
    this.#runtimeDirs = undefined
    void this.#opening?.then((listener) => listener.retire()).catch(() => {})
    this.#opening = undefined
    if (this.#isAlone) this.standAlone()
  }

  get runtimeDir(): string | undefined {
    return this.#runtimeDir
  }

  get socketPath(): string {
    return this.#inRuntimeDir('axon.sock')
  }

  newSocketPath(): string {
    this.#sockets += 1
    return this.#inRuntimeDir(`${this.#sockets}.sock`)
  }

  /** For the directory of its own that a process in a sandbox has. */
  newTemporaryPath(): string {
    this.#sockets += 1
    return this.#inRuntimeDir(`${this.#sockets}.tmp`)
  }

  /** @throws AxonError SUPERVISOR_CLOSED: an actor that outlived its root may start nothing more */
  demandOpen(): void {
    if (this.#closing) throw new AxonError('SUPERVISOR_CLOSED', 'The system is closed. Create another one.')
  }

  /** Listens, once the sockets' directory is made. */
  async open(): Promise<Listener> {
    this.#opening ??= Listener.open(this.socketPath, this.clock, (reason) =>
      this.tell({ type: 'connection.refused', reason }),
    )
    const listener = await this.#opening
    // It may have been closed meanwhile.
    this.demandOpen()
    return listener
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
    this.isClosing = true
    this.#closing ??= this.#close()
    return this.#closing
  }

  #inRuntimeDir(name: string): string {
    if (this.#runtimeDir === undefined) throw new Error('The last host was lost, and the sockets with it.')
    return join(this.#runtimeDir, name)
  }

  #closeOperator(): void {
    this.#operator?.close()
    this.#operator = undefined
  }

  async #close(): Promise<void> {
    this.live.sweep()
    await this.hosts.close()
    while (this.#work.size > 0) await Promise.all(this.#work)
    await this.clusters.close()
    const listener = await this.#opening?.catch(() => undefined)
    await listener?.close()
    this.#closeOperator()
    if (this.#runtimeDir !== undefined) removeRuntimeDir(this.#runtimeDir)
    this.#record.remove()
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
