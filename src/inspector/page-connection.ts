/**
 * Owns one page that is connected: it says who it is, gets the present and what happens, and has its commands answered. What the
 * commands of others than watching do is page-commands.ts and page-runs.ts.
 */
import type { RawData, WebSocket } from 'ws'
import * as z from 'zod'
import { AxonError, isAxonError, toAxonError } from '../errors.ts'
import { parseBody } from '../runtime/serving/bodies.ts'
import type { PageCaller } from '../runtime/serving/page.ts'
import { type AckFrame, closeCodes, type LiveFrame } from './frames.ts'
import { capsOf, maySee, roleOf } from './page-caller.ts'
import { type ReadCommand, readCommand, refOf, sendEvent } from './page-commands.ts'
import type { PageRuns } from './page-runs.ts'
import { PageSocket } from './page-socket.ts'
import type { Recorder, Watches } from './recorder.ts'

const greetingMs = 2_000
const maxGreetingBytes = 4_096
const maxDepth = 64
const maxWatches = 500
const commandsPerSecond = 50
const maxCommandsAtOnce = 100
const bounds = { slowBytes: 2 ** 20, slowMs: 2_000, mostBytes: 16 * 2 ** 20 }

const greeting = z.object({ token: z.string().max(1_024) })

export interface Surroundings {
  recorder: Recorder
  runs: PageRuns
  callerOf: (token: string) => PageCaller | undefined
  /** Called when it is known who it is, or that it is nobody. */
  onGreeted: () => void
}

export class PageConnection {
  readonly #socket: PageSocket
  readonly #around: Surroundings
  readonly #watches = { actors: new Set<string>(), logs: new Set<string>(), runs: new Set<string>() }
  readonly #timer: NodeJS.Timeout
  #caller: PageCaller | undefined
  #leave: (() => void) | undefined
  #isTellingHistory = false
  #budget = { left: maxCommandsAtOnce, at: performance.now() }

  constructor(socket: WebSocket, around: Surroundings) {
    this.#around = around
    this.#socket = new PageSocket(socket, bounds)
    this.#timer = setTimeout(() => this.#refuse('no token came in time'), greetingMs)
    socket.on('message', (data, isBinary) => {
      if (isBinary) this.#socket.close(1003, 'text is expected')
      else this.#hear(data)
    })
    socket.on('close', () => this.#end())
  }

  /** The last word: nothing comes after it. */
  close(code: number, ...last: LiveFrame[]): void {
    if (this.#caller !== undefined && last.length > 0) this.#tell(...last)
    this.#socket.close(code)
  }

  #hear(data: RawData): void {
    // Text arrives whole, as one buffer.
    const bytes = data as Buffer
    if (!this.#socket.isOpen) return
    if (this.#caller === undefined) this.#greet(bytes)
    else this.#command(bytes)
  }

  #greet(bytes: Buffer): void {
    const token = bytes.length <= maxGreetingBytes ? greeting.safeParse(jsonOf(bytes)).data?.token : undefined
    const caller = token === undefined ? undefined : this.#around.callerOf(token)
    if (caller === undefined) return this.#refuse('the token is wrong')
    if (!maySee(caller)) return this.#refuse('this token may not see the page')
    this.#accepted(caller)
  }

  #accepted(caller: PageCaller): void {
    const { recorder, onGreeted } = this.#around
    clearTimeout(this.#timer)
    this.#caller = caller
    onGreeted()
    try {
      this.#tell(recorder.hello(roleOf(caller), capsOf(caller)), ...recorder.present(this.#watches))
    } catch (error) {
      // One odd actor costs a page, not the process.
      process.emitWarning(`The live page cannot show the system: ${error instanceof Error ? error.stack : error}`)
      return this.#socket.close(1011, 'the system cannot be shown')
    }
    this.#leave = recorder.add({ watches: this.#watches, receive: (batch) => this.#socket.send(batch) })
  }

  #refuse(why: string): void {
    this.#socket.close(closeCodes.unauthorized, why)
  }

  #command(bytes: Buffer): void {
    const given = jsonOf(bytes)
    const ref = refOf(given)
    if (ref === undefined) return this.#socket.close(1008, 'a message is no command')
    const answer = (more: Partial<AckFrame>) => this.#tell({ type: 'ack', ref, ok: true, ...more })
    const fail = (error: unknown) => {
      const { code, message } = isAxonError(error) ? error : toAxonError(error)
      answer({ ok: false, error: { code, message } })
    }
    try {
      this.#demandBudget()
      const more = this.#obey(readCommand(given, bytes.length))
      if (more instanceof Promise) void more.then(answer, fail)
      else answer(more)
    } catch (error) {
      fail(error)
    }
  }

  /** @throws AxonError GATEWAY_FORBIDDEN, and what the command throws */
  #obey(command: ReadCommand): Partial<AckFrame> | Promise<Partial<AckFrame>> {
    const { recorder, runs } = this.#around
    const caller = this.#caller as PageCaller
    if (!capsOf(caller).includes(command.type))
      throw new AxonError('GATEWAY_FORBIDDEN', `This token has not the role for ${command.type}. Use one that has.`)
    switch (command.type) {
      case 'watch':
        this.#watch(command)
        return {}
      case 'unwatch':
        this.#unwatch(command)
        return {}
      case 'history':
        return this.#tellHistory(command.fromSeq, command.toSeq)
      case 'send':
        sendEvent(recorder, command)
        return {}
      case 'run.start': {
        const run = runs.start(caller, command)
        recorder.want(run, command.agent)
        return { run }
      }
      case 'run.cancel':
        runs.cancel(caller, command.run)
        return {}
      case 'tool.approve':
        runs.answerTool(caller, command.run, command.id, command.approved)
        return {}
    }
  }

  #watch(asked: Asked): void {
    const more = {
      actors: newOf(asked.actors, this.#watches.actors),
      logs: newOf(asked.logs, this.#watches.logs),
      runs: newOf(asked.runs, this.#watches.runs),
    }
    this.#demandRoom(more)
    this.#tell(...this.#around.recorder.watched(more))
    for (const kind of kinds) for (const id of more[kind]) this.#watches[kind].add(id)
  }

  #unwatch(asked: Asked): void {
    for (const kind of kinds) for (const id of asked[kind] ?? []) this.#watches[kind].delete(id)
  }

  /** As fast as the page takes it, and no faster: what happens meanwhile comes between. */
  async #tellHistory(fromSeq: number, toSeq: number | undefined): Promise<Partial<AckFrame>> {
    if (this.#isTellingHistory)
      throw new AxonError('INSPECTOR_BUSY', 'Another part of the history is on its way. Ask when it is there.')
    this.#isTellingHistory = true
    try {
      for (const batch of this.#around.recorder.history(fromSeq, toSeq)) await this.#socket.sent(batch)
    } finally {
      this.#isTellingHistory = false
    }
    return {}
  }

  #demandRoom(more: Watches): void {
    for (const kind of kinds)
      if (this.#watches[kind].size + more[kind].size > maxWatches)
        throw new AxonError('INSPECTOR_BUSY', `This page watches ${maxWatches} ${kind} already. Leave some.`)
  }

  #demandBudget(): void {
    const now = performance.now()
    const { left, at } = this.#budget
    const filled = Math.min(maxCommandsAtOnce, left + ((now - at) / 1_000) * commandsPerSecond)
    this.#budget = { left: Math.max(0, filled - 1), at: now }
    if (filled < 1) throw new AxonError('INSPECTOR_BUSY', 'The page asks too often. Ask more slowly.')
  }

  #tell(...frames: LiveFrame[]): void {
    if (frames.length > 0) this.#socket.send(JSON.stringify(frames))
  }

  #end(): void {
    clearTimeout(this.#timer)
    if (this.#caller === undefined) this.#around.onGreeted()
    this.#leave?.()
  }
}

type Asked = Extract<ReadCommand, { type: 'watch' | 'unwatch' }>
const kinds = ['actors', 'logs', 'runs'] as const

function newOf(asked: readonly string[] | undefined, known: ReadonlySet<string>): Set<string> {
  return new Set((asked ?? []).filter((id) => !known.has(id)))
}

/** Undefined where it is none, is nested too deep, or has `__proto__`. */
function jsonOf(bytes: Buffer): unknown {
  try {
    return parseBody(bytes, maxDepth)
  } catch {
    return undefined
  }
}
