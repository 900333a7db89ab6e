/**
 * Owns the bench of a port: the real port on real resources, with a stand-in for Python, and what it tells its machine.
 */
import { chmodSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { onTestFinished } from 'vitest'
import { createActor, fromCallback } from 'xstate'
import type { AgentDefinition } from '../../../src/machines/definition.ts'
import type { PortCommand, PortEvent } from '../../../src/machines/slots.ts'
import type { Clock } from '../../../src/runtime/clock.ts'
import { portSpawn } from '../../../src/runtime/placement/port.ts'
import type { HostSpec } from '../../../src/runtime/process/host.ts'
import { attachResources, Resources } from '../../../src/runtime/resources.ts'
import type { RuntimeFact } from '../../../src/runtime/telemetry/catalogue.ts'
import { definitionOf, environment } from '../../machines/samples.ts'
import { scratch } from '../scratch.ts'
import { WatchedClock } from './watched-clock.ts'

type PortEventOf<Type extends PortEvent['type']> = Extract<PortEvent, { type: Type }>

export interface RigOptions {
  definition?: Partial<AgentDefinition>
  python?: string
  clock?: Clock
  env?: NodeJS.ProcessEnv
  /** Called within the telling of each event. */
  onEvent?: (event: PortEvent) => void
}

export class PortRig {
  readonly clock = new WatchedClock()
  readonly events: PortEvent[] = []
  readonly facts: RuntimeFact[] = []
  readonly generation = 'writer/0#1'
  readonly resources: Resources
  readonly port
  /** Of the port's host. */
  readonly host: HostSpec
  #wake: () => void = () => {}

  constructor(behaviour: string, { definition, python, clock, env, onEvent }: RigOptions = {}) {
    const root = scratch()
    this.resources = new Resources({
      clock: clock ?? this.clock,
      env: env ?? process.env,
      runtimeDir: root,
      stateDir: root,
      tell: (fact) => {
        this.facts.push(fact)
        this.#wake()
      },
    })
    const parent = createActor(
      fromCallback<PortEvent>(({ receive }) => {
        receive((event) => {
          this.events.push(event)
          onEvent?.(event)
          this.#wake()
        })
      }),
    ).start()
    this.host = { root, python: python ?? fakePython(root, behaviour), preload: definition?.preload ?? [] }
    attachResources(parent.system, this.resources)
    this.port = createActor(portSpawn, {
      parent,
      input: {
        generation: this.generation,
        definition: definitionOf('writer', definition),
        environment: { ...environment, root, python: this.host.python },
      },
    })
    onTestFinished(() => this.resources.close())
  }

  start(): this {
    this.port.start()
    return this
  }

  send(command: PortCommand): void {
    this.port.send(command)
  }

  terminate(graceMs: number): void {
    this.send({ type: 'process.terminate', reason: 'stop', graceMs })
  }

  get link() {
    const link = this.resources.links.get(this.generation)
    if (link === undefined) throw new Error('The port is gone.')
    return link
  }

  async until<Type extends PortEvent['type']>(type: Type): Promise<PortEventOf<Type>> {
    for (;;) {
      const event = this.events.find((told) => told.type === type)
      if (event) return event as PortEventOf<Type>
      await this.#news()
    }
  }

  /** Of the process that was made. */
  async pid(): Promise<number> {
    return (await this.until('process.spawned')).pid as number
  }

  async exit() {
    return (await this.until('process.exited')).exit
  }

  async fact<Type extends RuntimeFact['type']>(type: Type): Promise<Extract<RuntimeFact, { type: Type }>> {
    for (;;) {
      const fact = this.facts.find((told) => told.type === type)
      if (fact) return fact as Extract<RuntimeFact, { type: Type }>
      await this.#news()
    }
  }

  async line(pattern: RegExp): Promise<string> {
    for (;;) {
      for (const fact of this.facts) if (fact.type === 'process.output' && pattern.test(fact.line)) return fact.line
      await this.#news()
    }
  }

  count(type: PortEvent['type']): number {
    return this.events.filter((event) => event.type === type).length
  }

  #news(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve
    })
  }
}

/** Holds up the event loop until the process has died, so that Node hears of its exit before anything it said. */
export function blockUntilDead(pid: number): void {
  while (!hasDied(pid)) {}
}

/** Resolves when a process that is no child of ours has died. */
export async function died(pid: number): Promise<void> {
  while (!hasDied(pid)) await new Promise((resolve) => setImmediate(resolve))
}

function hasDied(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1').includes(') Z ')
  } catch {
    return true
  }
}

function fakePython(directory: string, behaviour: string): string {
  const path = join(directory, 'python')
  writeFileSync(
    path,
    `#!/bin/sh\nexport FAKE_AGENT='${behaviour}'\nexec '${process.execPath}' '${join(import.meta.dirname, 'fake-host.ts')}' "$@"\n`,
  )
  chmodSync(path, 0o755)
  return path
}
