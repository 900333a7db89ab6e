/**
 * Owns one host: the Python process that starts, guards and reaps the agents of one environment. Which host an agent gets is
 * hosts.ts; what an agent's process means is the port's.
 *
 * 1. Every launch that resolved has exactly one exit, also where the host is lost.
 * 2. When `closed` resolves, no process of this host is left.
 */
import type { ChildProcess } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { execa } from 'execa'
import { AxonError } from '../../errors.ts'
import { protocolVersion } from '../../protocol/control.ts'
import {
  type AchievedLimits,
  type AgentLimits,
  type ExceededLimit,
  type HostFrame,
  type HostReadyFrame,
  hostFrame,
  type StartMode,
  type ToHostFrame,
} from '../../protocol/host.ts'
import type { Resources } from '../resources.ts'
import type { RecordContent } from '../state/record.ts'
import { hostVariables } from './environment-variables.ts'
import { FrameReader } from './frames.ts'
import { startTimeOf } from './identity.ts'
import { sweepMarked } from './marked.ts'
import { Output } from './output.ts'

export interface HostSpec {
  /** The environment's interpreter. */
  python: string
  /** The environment's directory. */
  root: string
  preload: readonly string[]
}

export interface LaunchSpec {
  generation: string
  nonce: string
  start: StartMode
  sandboxed: boolean
  limits: AgentLimits | undefined
}

export interface ProcessExit {
  code: number | null
  signal: string | null
  maxRssBytes?: number | undefined
  cpuMs?: number | undefined
  oom?: boolean | undefined
  exceeded?: ExceededLimit | undefined
  /** The host died, and the process with it. */
  isHostLost?: boolean | undefined
}

/** A process that a host started. */
export interface HostedProcess {
  pid: number
  startTime: string
  /** How each of its limits is held. */
  achieved: AchievedLimits
  exited: Promise<ProcessExit>
}

interface Launch {
  started: PromiseWithResolvers<HostedProcess>
  exited: PromiseWithResolvers<ProcessExit>
}

/** How long preloading may take. */
const readyMs = 30_000

export class Host {
  /** Resolves when the host can launch; rejects where it ended before. */
  readonly ready: Promise<HostReadyFrame>
  /** Resolves when the host and everything it started is gone. Never rejects. */
  readonly closed: Promise<void>
  /** For the system's record. */
  readonly recorded: RecordContent['hosts'][number]
  #resources: Resources
  #child: ChildProcess
  #launches = new Map<string, Launch>()
  #ready = Promise.withResolvers<HostReadyFrame>()
  #facts: (HostReadyFrame & { root: string }) | undefined
  #output: Output
  #isOpen = true
  /** Why Node ended it, where it did not do what it should. */
  #cause: string | undefined
  /** In the environment of all that this host starts, as `AXON_HOST`. */
  readonly mark = randomUUID()

  constructor(spec: HostSpec, resources: Resources) {
    this.#resources = resources
    const execution = execa(spec.python, ['-m', 'axon_agent.host', ...resources.nameRuntimeDirs()], {
      // `-m` puts the working directory on sys.path: the environment's own holds no modules.
      cwd: spec.root,
      env: {
        ...hostVariables(resources.env),
        AXON_SYSTEM: resources.id,
        AXON_HOST: this.mark,
        PYDANTIC_AI_NO_BANNER: '1',
      },
      extendEnv: false,
      detached: true,
      stdin: 'pipe',
      stdout: 'pipe',
      stderr: 'pipe',
      buffer: false,
      reject: false,
      cleanup: false,
    })
    this.#child = execution.nodeChildProcess
    this.#output = new Output((line) => resources.tell({ type: 'host.output', root: spec.root, ...line }))
    this.ready = this.#ready.promise
    // Whoever launches sees the failure; nobody else needs to.
    this.ready.catch(() => {})
    this.closed = this.#live(spec, execution)
    // A module that hangs while it is preloaded would hold up every start.
    const timer = resources.clock.setTimeout(() => {
      this.#cause = `it was not ready within ${readyMs} ms; look at what preload names`
      this.#child.stdin?.end()
    }, readyMs)
    void this.#ready.promise.finally(() => resources.clock.clearTimeout(timer)).catch(() => {})
    const pid = this.#child.pid ?? 0
    this.recorded = { root: spec.root, pid, startTime: startTimeOf(pid) ?? '' }
    this.#open(spec)
  }

  /** What it has told of itself; undefined until it is ready, and when it is gone. */
  get facts(): (HostReadyFrame & { root: string }) | undefined {
    return this.isOpen ? this.#facts : undefined
  }

  get isOpen(): boolean {
    return this.#isOpen
  }

  /**
   * Starts a process. Aborted before the host is ready, nothing is started.
   * @throws AxonError PROCESS_SPAWN_FAILED where the host cannot start it, or is lost before it did
   */
  async launch(spec: LaunchSpec, signal: AbortSignal): Promise<HostedProcess> {
    await unlessAborted(this.ready, signal)
    // It may have ended between its choice and this launch.
    if (!this.#isOpen) throw new AxonError('PROCESS_SPAWN_FAILED', 'the host of this environment has ended')
    const launch: Launch = { started: Promise.withResolvers(), exited: Promise.withResolvers() }
    this.#launches.set(spec.generation, launch)
    this.#send({ type: 'spawn', ...spec })
    return launch.started.promise
  }

  /** Signals a process's group, if it is still there. */
  signal(generation: string, signal: NodeJS.Signals): void {
    if (this.#launches.has(generation)) this.#send({ type: 'signal', generation, signal })
  }

  /** Ends the host and all it started. Resolves when nothing is left. */
  close(): Promise<void> {
    this.#isOpen = false
    this.#child.stdin?.end()
    return this.closed
  }

  #open({ preload }: HostSpec): void {
    if (this.#child.pid === undefined) return
    const { id: system } = this.#resources
    try {
      // Not before: the guard is there now, and knows where.
      this.#resources.makeRuntimeDir()
      const socket = this.#resources.socketPath
      this.#send({ protocol: protocolVersion, type: 'open', system, socket, preload, warm: true })
    } catch (error) {
      this.#ready.reject(error)
      void this.close()
    }
  }

  async #live(spec: HostSpec, execution: PromiseLike<{ cause?: unknown }>): Promise<void> {
    const child = this.#child
    const exited = new Promise<string | Error>((resolve) => {
      child.once('exit', (code, signal) => resolve(signal === null ? `exit code ${code}` : signal))
      child.once('error', resolve)
      // For want of descriptors there are no events, and an end all the same.
      if (child.pid === undefined) void execution.then(({ cause }) => resolve(cause as Error))
    })
    child.stdin?.on('error', () => {})
    if (child.stderr) this.#output.attach('stderr', child.stderr)
    const reader = new FrameReader()
    child.stdout?.on('data', (chunk: Buffer) => {
      try {
        for (const line of reader.lines(chunk)) this.#hear(hostFrame.parse(JSON.parse(line)), spec)
      } catch {
        // What a host says is Axon's own: one that cannot be understood is of no use.
        this.#cause ??= 'it wrote what is no frame'
        child.stdin?.end()
      }
    })
    const end = await exited
    const [status, cause] = end instanceof Error ? [end.message, end] : [end]
    const how = this.#cause ?? status
    const wasOpen = this.#isOpen
    this.#isOpen = false
    if (wasOpen) this.#resources.afterLoss()
    // The guard is gone, and with it all it guarded; unless it was itself killed.
    await sweepMarked(`AXON_HOST=${this.mark}`)
    this.#lose(how, cause)
    const { lastLines } = this.#output
    if (wasOpen) this.#resources.tell({ type: 'host.lost', root: spec.root, pid: this.#facts?.pid, how, lastLines })
  }

  #lose(how: string, cause?: Error): void {
    const tail = this.#output.lastLines.slice(-3).join(' | ')
    const message = `The host of this environment ended (${how}).${tail ? ` Its last output: ${tail}` : ''}`
    const error = new AxonError('PROCESS_SPAWN_FAILED', message, {
      cause,
      context: { lastLines: this.#output.lastLines },
    })
    this.#ready.reject(error)
    for (const { started, exited } of this.#launches.values()) {
      started.promise.catch(() => {})
      started.reject(error)
      exited.resolve({ code: null, signal: 'SIGKILL', isHostLost: true })
    }
    this.#launches.clear()
  }

  #hear(frame: HostFrame, spec: HostSpec): void {
    switch (frame.type) {
      case 'host.ready':
        this.#resources.tell({ ...frame, type: 'host.ready', root: spec.root })
        this.#facts = { ...frame, root: spec.root }
        return this.#ready.resolve(frame)
      case 'spawned': {
        const launch = this.#launches.get(frame.generation)
        const { pid, startTime, achieved } = frame
        return launch?.started.resolve({ pid, startTime, achieved, exited: launch.exited.promise })
      }
      case 'spawn.failed': {
        const launch = this.#launches.get(frame.generation)
        this.#launches.delete(frame.generation)
        return launch?.started.reject(new AxonError(frame.code, frame.message))
      }
      case 'exited': {
        const { code, signal, maxRssBytes, cpuMs, oom, exceeded } = frame
        const launch = this.#launches.get(frame.generation)
        this.#launches.delete(frame.generation)
        return launch?.exited.resolve({ code, signal, maxRssBytes, cpuMs, oom, exceeded: exceeded ?? undefined })
      }
      case 'host.warned':
        return this.#resources.tell({ ...frame, root: spec.root })
    }
  }

  #send(frame: ToHostFrame): void {
    const { stdin } = this.#child
    if (stdin?.writable) stdin.write(`${JSON.stringify(frame)}\n`)
  }
}

async function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  signal.throwIfAborted()
  const { promise: aborted, reject } = Promise.withResolvers<never>()
  const onAbort = () => reject(signal.reason)
  signal.addEventListener('abort', onAbort)
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
