/**
 * Owns one process from launch to reaping: it fills the slot `portSpawn` for agents of this machine. It tells the machine what happens and does what the
 * machine asks; it decides nothing.
 *
 * 1. It tells exactly one `process.exited`, and then nothing.
 * 2. `process.exited` is told when the process is reaped and its control connection has ended, or 250 ms after the exit.
 * 3. After that no member of its process group is left.
 */
import { randomBytes } from 'node:crypto'
import { rmSync } from 'node:fs'
import type { Socket } from 'node:net'
import { setImmediate } from 'node:timers/promises'
import { AxonError, ProcessError } from '../../errors.ts'
import type { ExitRecord, PortCommand, PortEvent, PortInput } from '../../machines/slots.ts'
import {
  type AgentFrame,
  agentFrame,
  type Endpoint,
  type EnvironmentFrame,
  type FailedFrame,
  type LaunchFrame,
  maxFrameBytes,
  streams,
} from '../../protocol/control.ts'
import type { AchievedSandbox } from '../../protocol/sandbox.ts'
import type { Resources } from '../resources.ts'
import { makeTemporary, removeTemporary } from './confinement.ts'
import { agentVariables } from './environment-variables.ts'
import { FrameReader } from './frames.ts'
import type { Host } from './host.ts'
import { isAsTold, launchFrame } from './launch-frame.ts'
import { ProcessLink } from './link.ts'
import { acceptTurns } from './listener.ts'
import { Output } from './output.ts'
import { spawnError } from './spawn-error.ts'

/** How far apart the exit and the end of the control connection may come, whichever is first. */
const lingerMs = 250

type Ended = Pick<ExitRecord, 'code' | 'signal' | 'maxRssBytes' | 'cpuMs' | 'oom' | 'exceeded' | 'cause'>

export class Port {
  #input: PortInput
  #resources: Resources
  #tell: (event: PortEvent) => void
  #link: ProcessLink
  #output: Output
  #pid: number | undefined
  #control: Socket | undefined
  #connections = 0
  #controlEnded = Promise.withResolvers<void>()
  #spawned = Promise.withResolvers<void>()
  #failure: FailedFrame | undefined
  #reason: ExitRecord['reason']
  #violation: ProcessError | undefined
  /** Told on the connection of standard output. */
  #environment = ''
  /** While the process is alive. */
  #host: Host | undefined
  #isServing = false
  /** What the process has said before anything of its agent's had run. */
  #sandboxed: AchievedSandbox | undefined
  #isAbandoned = false
  /** Aborted where the process is not wanted any more before it was asked for. */
  #unlaunched = new AbortController()
  #timers = new Set<unknown>()

  constructor(input: PortInput, resources: Resources, tell: (event: PortEvent) => void) {
    this.#input = input
    this.#resources = resources
    this.#tell = tell
    this.#link = new ProcessLink(input.definition, input.generation)
    const { generation, definition } = input
    this.#output = new Output(({ stream, line, droppedBytes }) =>
      resources.tell({ type: 'process.output', agent: definition.name, generation, stream, line, droppedBytes }),
    )
  }

  /** Ends when the process is gone and its exit is told. Never rejects. */
  async run(): Promise<void> {
    const { generation } = this.#input
    const { links } = this.#resources
    links.set(generation, this.#link)
    try {
      await this.#resources.swept
      this.#finish(await this.#live())
    } catch (error) {
      const cause = this.#unlaunched.signal.aborted ? undefined : spawnError(this.#input, error)
      this.#finish({ code: null, signal: null, cause })
    } finally {
      links.delete(generation)
    }
  }

  take(command: PortCommand): void {
    if (command.type === 'process.adjust') return
    if (command.type === 'process.drain') {
      if (!this.#link.send({ type: 'drain' })) this.#signal('SIGTERM')
      return
    }
    const { reason, graceMs } = command
    this.#reason ??= reason
    this.#unlaunched.abort()
    // A process that says nothing any more is asked for its stack; faulthandler writes it to its standard error.
    this.#signal(reason === 'hang' || reason === 'start_timeout' ? 'SIGABRT' : 'SIGTERM')
    this.#after(graceMs, () => this.#signal('SIGKILL'))
  }

  /** The machine let go of this port: whatever still lives is ended at once. */
  abandon(): void {
    this.#isAbandoned = true
    this.#unlaunched.abort()
    this.#signal('SIGKILL')
  }

  async #live(): Promise<Ended> {
    const { generation } = this.#input
    // It was terminated or abandoned before there was anything to end.
    if (this.#isAbandoned || this.#reason !== undefined) return { code: null, signal: null }
    const nonce = randomBytes(32).toString('hex')
    const { live, hosts } = this.#resources
    const { environment, definition } = this.#input
    const { python, root } = environment
    const host = hosts.get({ python, root, preload: definition.preload })
    const listener = await this.#resources.open()
    const endpoint: Endpoint =
      definition.port === undefined
        ? { kind: 'unix', path: this.#resources.newSocketPath() }
        : { kind: 'tcp', host: '127.0.0.1', port: definition.port }
    const temporary = makeTemporary(definition, this.#resources)
    const unexpect = listener.expect({
      generation,
      nonce,
      onConnection: (stream, socket) =>
        this.#connect(stream, socket, launchFrame(definition, this.#link.token, endpoint, temporary)),
    })
    try {
      this.#environment = environmentLine(agentVariables(definition, this.#resources, host.mark, temporary))
      const { start, limits } = definition
      const sandboxed = temporary !== undefined
      const hosted = await host.launch({ generation, nonce, start, sandboxed, limits }, this.#unlaunched.signal)
      this.#host = host
      this.#pid = hosted.pid
      live.add({ generation, pid: hosted.pid, startTime: hosted.startTime })
      this.#tell({ type: 'process.spawned', generation, pid: hosted.pid, achieved: hosted.achieved })
      this.#spawned.resolve()
      // It was terminated or abandoned while it was being made.
      if (this.#isAbandoned || this.#reason !== undefined) this.#signal('SIGKILL')
      const { isHostLost, ...exit } = await hosted.exited
      if (isHostLost) this.#reason ??= 'host_lost'
      this.#host = undefined
      live.remove(generation)
      await this.#drain()
      return exit
    } finally {
      unexpect()
      // SIGKILL leaves it behind.
      if (endpoint.kind === 'unix') rmSync(endpoint.path, { force: true })
      await removeTemporary(temporary)
    }
  }

  /** Waits for the last words: what was said before the exit may be read after it. */
  async #drain(): Promise<void> {
    const answers = this.#link.exit()
    const { promise: cap, resolve } = Promise.withResolvers<void>()
    this.#after(lingerMs, resolve)
    for (let turn = 0; turn < acceptTurns && this.#connections < streams.length; turn += 1) await setImmediate()
    const words = Promise.all([this.#control ? this.#controlEnded.promise : undefined, this.#output.ended, answers])
    await Promise.race([words, cap])
  }

  #finish(exit: Ended): void {
    for (const timer of this.#timers) this.#resources.clock.clearTimeout(timer)
    this.#output.close()
    this.#link.bury()
    const { generation } = this.#input
    const failure = this.#failure
    const record: ExitRecord = {
      generation,
      pid: this.#pid,
      ...exit,
      cause: exit.cause ?? this.#violation,
      failure,
      reason: this.#reason,
      lastLines: this.#output.lastLines,
    }
    if (!this.#isAbandoned) this.#tell({ type: 'process.exited', generation, exit: record })
  }

  #connect(stream: (typeof streams)[number], socket: Socket, launch: LaunchFrame): void {
    this.#connections += 1
    if (stream === 'stdout') socket.write(this.#environment)
    if (stream !== 'control') {
      this.#output.attach(stream, socket)
      socket.resume()
      return
    }
    this.#control = socket
    this.#link.open(socket)
    const reader = new FrameReader()
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const line of reader.lines(chunk)) this.#hear(agentFrame.parse(JSON.parse(line)), launch)
      } catch (error) {
        this.#link.spoil()
        this.#violate(error instanceof Error ? error.message : String(error))
      }
    })
    socket.once('close', () => {
      this.#controlEnded.resolve()
      if (this.#host) this.#after(lingerMs, () => this.#demandExit())
    })
    // The process may be faster than its host, which tells of it.
    void this.#spawned.promise.then(() => {
      this.#link.send(launch)
      socket.resume()
    })
  }

  #hear(frame: AgentFrame, launch: LaunchFrame): void {
    const { generation } = this.#input
    switch (frame.type) {
      case 'ready':
        if (this.#isServing) throw new TypeError('A process is ready once.')
        if (this.#input.definition.permissions && !this.#sandboxed) throw new TypeError('It has entered no sandbox.')
        if (!isAsTold(frame.endpoint, launch)) throw new TypeError('It serves elsewhere than it was told to.')
        this.#isServing = true
        this.#link.serve(frame.endpoint)
        return this.#tell({
          type: 'agent.ready',
          generation,
          endpoint: frame.endpoint,
          facts: frame.agent,
          sandboxed: this.#sandboxed,
        })
      case 'sandboxed':
        this.#sandboxed ??= frame.achieved
        return
      case 'heartbeat':
        return this.#tell({ type: 'process.heartbeat', generation, heartbeat: frame })
      case 'started':
        return this.#link.listener?.onStarted(frame.run)
      case 'revoked':
        return this.#link.revoked(frame)
      case 'tool.invoke':
      case 'tool.approval':
      case 'tool.cancel':
        return this.#link.listener?.onTool(frame)
      case 'failed':
        this.#failure ??= frame
        return
      case 'settled':
        return this.#link.listener?.onSettled(frame.run, frame.attempt)
    }
  }

  /** A process that lives on without its control connection can neither be heard nor told anything. */
  #demandExit(): void {
    // Where its end was asked for, or has come and is not told yet, there is nothing to say.
    const { generation, definition } = this.#input
    if (this.#host === undefined || this.#reason !== undefined || !this.#resources.live.isAlive(generation)) return
    const message = `${generation} closed its control connection and lived on, so it was ended. Close no descriptor that is not yours, and run other programs (exec) in a child.`
    this.#violation = new ProcessError('PROTOCOL_CONNECTION_CLOSED', message, {
      agent: definition.name,
      context: { generation, pid: this.#pid },
    })
    this.#violate(message)
  }

  #violate(message: string): void {
    this.#control?.destroy()
    this.#tell({ type: 'process.violated', generation: this.#input.generation, message })
  }

  #signal(signal: NodeJS.Signals): void {
    this.#host?.signal(this.#input.generation, signal)
  }

  #after(ms: number, act: () => void): void {
    this.#timers.add(this.#resources.clock.setTimeout(act, ms))
  }
}

function environmentLine(variables: Record<string, string>): string {
  const frame: EnvironmentFrame = { type: 'environment', variables }
  const line = `${JSON.stringify(frame)}\n`
  if (Buffer.byteLength(line) <= maxFrameBytes) return line
  throw new AxonError('PROCESS_SPAWN_FAILED', 'its environment variables are too large to be handed over')
}
