/**
 * Owns the questions of one process: calls of tools that Node has, and calls of its own that a person is to approve.
 *
 * 1. Each is answered once, unless the process took it back.
 * 2. Only an attempt of a run that is under way on this process is listened to; whatever else is named is answered by an error.
 * 3. A process has at most `maxCalls` under way, those counted whose functions go on though nobody waits for them.
 * 4. When the attempt, its run or the process ends, the signals of its calls are aborted, and nothing of them is left.
 */
import * as z from 'zod'
import { AxonError, isAxonError } from '../../errors.ts'
import type { AgentDefinition } from '../../machines/definition.ts'
import type { ToolFact } from '../../machines/facts.ts'
import type { ApprovalFrame, InvokeFrame, NodeFrame, ToolFrame } from '../../protocol/control.ts'
import type { Clock } from '../clock.ts'
import type { Link } from '../placement/link.ts'
import { RunParent } from '../runs/parent.ts'
import type { Run } from '../runs/run.ts'
import type { Traces } from '../telemetry/traces.ts'
import { AgentCalls, type RunMaker } from './agent-calls.ts'
import type { Approvals } from './approvals.ts'
import { returnedLine } from './returned.ts'
import { type Tool, toolFor } from './tool.ts'

export interface ToolSurroundings {
  clock: Clock
  tell: (fact: ToolFact) => void
  approvals: Approvals
  /** The definition as it is now. */
  definitionOf: (agent: string) => AgentDefinition | undefined
  runs: RunMaker
  /** Undefined: nothing is traced. */
  traces?: Traces | undefined
}

type Asked = InvokeFrame | ApprovalFrame

/** Each costs memory until its function returns, and frames are cheaper than calls. */
export const maxCalls = 1_000

export class ProcessCalls {
  readonly #link: Link
  readonly #around: ToolSurroundings
  /** A run that was sent to this process and has not settled. */
  readonly #runOf: (id: string) => Run | undefined
  /** By attempt and id. */
  readonly #calls = new Map<string, { frame: Asked; controller: AbortController }>()
  /** Functions that have been called and have not returned. */
  #executing = 0
  /** Those whose end is waited for. */
  readonly #watched = new WeakSet<Run>()

  constructor(link: Link, runOf: (id: string) => Run | undefined, around: ToolSurroundings) {
    this.#link = link
    this.#runOf = runOf
    this.#around = around
  }

  hear(frame: ToolFrame): void {
    const key = keyOf(frame)
    if (frame.type === 'tool.cancel') {
      this.#calls.get(key)?.controller.abort(cancelled('the agent took it back'))
      return
    }
    const run = this.#runOf(frame.run)
    if (run === undefined || !run.isAt(this.#link, frame.attempt))
      return this.#refuse(frame, cancelled(`run ${frame.run} is not under way here`))
    if (this.#calls.has(key)) return this.#refuse(frame, cancelled(`its id ${frame.id} is taken`))
    if (Math.max(this.#calls.size, this.#executing) >= maxCalls) return this.#refuse(frame, rejected(frame.tool))
    this.#watch(run)
    const controller = new AbortController()
    this.#calls.set(key, { frame, controller })
    const { signal } = controller
    const ended = new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))
    ended.catch(() => {})
    const work =
      frame.type === 'tool.invoke' ? this.#invoke(frame, run, controller, ended) : this.#approve(frame, run, signal)
    void work.finally(() => this.#calls.delete(key))
  }

  /** The attempt's code has ended: nobody waits for its calls any more. */
  settle(run: string, attempt: number): void {
    this.#end((frame) => frame.run === run && frame.attempt === attempt, 'its code has ended')
  }

  /** The process is gone. */
  close(): void {
    this.#end(() => true, 'its process is gone')
  }

  #end(matches: (frame: Asked) => boolean, why: string): void {
    for (const { frame, controller } of this.#calls.values()) if (matches(frame)) controller.abort(cancelled(why))
  }

  #watch(run: Run): void {
    if (this.#watched.has(run)) return
    this.#watched.add(run)
    void run.settled.then(() => this.#end((frame) => frame.run === run.id, 'its run is over'))
  }

  /** Never rejects. */
  async #invoke(frame: InvokeFrame, run: Run, controller: AbortController, ended: Promise<never>): Promise<void> {
    const { tell, traces } = this.#around
    const about = this.#about(frame)
    const trace = traces?.tool(frame, this.#link.agent)
    const begunAt = performance.now()
    tell({ type: 'tool.called', ...about })
    try {
      const work = () => this.#result(frame, run, controller)
      const result = await Promise.race([trace ? trace.within(work) : work(), ended])
      const line = returnedLine(frame, result)
      this.#link.sendLine(line)
      trace?.returned(result)
      tell({ type: 'tool.returned', ...about, durationMs: performance.now() - begunAt })
    } catch (thrown) {
      const error = isAxonError(thrown) ? thrown : raised(frame.tool, thrown)
      this.#refuse(frame, error)
      trace?.failed(error.code)
      tell({ type: 'tool.failed', ...about, durationMs: performance.now() - begunAt, error })
    }
  }

  async #result(frame: InvokeFrame, run: Run, controller: AbortController): Promise<unknown> {
    const { signal } = controller
    const tool = this.#tool(frame.tool)
    const input = await checked(frame, tool)
    if (await isToBeApproved(frame.tool, tool, input)) {
      const { approved, message } = await this.#ask(frame, run, signal)
      if (!approved) throw new AxonError('TOOL_DENIED', message)
    }
    signal.throwIfAborted()
    const { clock, runs } = this.#around
    const timer = clock.setTimeout(() => controller.abort(late(frame.tool, tool.timeoutMs)), tool.timeoutMs)
    // The runs that the tool makes end with the call, also where it returns; `signal` tells of what ends the call itself.
    const children = new AbortController()
    const parent = new RunParent(run, children.signal)
    const end = () => {
      clock.clearTimeout(timer)
      children.abort(signal.aborted ? signal.reason : cancelled(`the call of ${frame.tool} is over`))
    }
    signal.addEventListener('abort', end, { once: true })
    this.#executing += 1
    try {
      return await tool.execute(input, { run: parent, id: frame.id, signal, axon: new AgentCalls(runs, parent) })
    } catch (error) {
      throw raised(frame.tool, error)
    } finally {
      this.#executing -= 1
      signal.removeEventListener('abort', end)
      end()
    }
  }

  /** Never rejects. */
  async #approve(frame: ApprovalFrame, run: Run, signal: AbortSignal): Promise<void> {
    try {
      this.#answer(frame, { type: 'tool.approved', ...(await this.#ask(frame, run, signal)) })
    } catch (error) {
      this.#refuse(frame, error as AxonError)
    }
  }

  #ask(frame: Asked, run: Run, signal: AbortSignal) {
    const { approvals, definitionOf } = this.#around
    const { approvalMs } = definitionOf(this.#link.agent) ?? this.#link.definition
    const waitMs = Math.max(1, Math.min(approvalMs, run.leftMs))
    const question = { ...this.#about(frame), arguments: frame.arguments, waitMs, signal }
    return approvals.ask(question, (dueAt) => this.#answer(frame, { type: 'tool.pending', dueAt }))
  }

  #about({ run, id, tool }: Asked) {
    const { agent, generation } = this.#link
    return { agent, run, generation, id, tool }
  }

  /** As the definition has it now, where the process was told the same of it; else as it was when the process began. */
  #tool(name: string): Tool {
    const { agent, definition } = this.#link
    const tool = toolFor(name, definition, this.#around.definitionOf(agent))
    if (tool) return tool
    const known = Object.keys(definition.tools ?? {}).join(', ') || 'none'
    throw new AxonError('TOOL_UNKNOWN', `Agent ${agent} has no tool ${JSON.stringify(name)}. It has: ${known}.`)
  }

  #refuse(frame: Asked, { code, message, cause }: AxonError): void {
    const kind = cause instanceof Error ? cause.name : undefined
    const error = { code, message: message.slice(0, maxMessageChars), ...(kind !== undefined && { kind }) }
    this.#answer(frame, { type: frame.type === 'tool.invoke' ? 'tool.returned' : 'tool.approved', error })
  }

  #answer({ run, attempt, id }: Asked, told: Told): void {
    this.#link.send({ ...told, run, attempt, id } as NodeFrame)
  }
}

type Told =
  | { type: 'tool.pending'; dueAt: number }
  | { type: 'tool.approved'; approved: boolean; message: string }
  | { type: 'tool.returned' | 'tool.approved'; error: { code: string; message: string; kind?: string } }

const maxMessageChars = 16 * 1024

function keyOf({ run, attempt, id }: ToolFrame): string {
  return JSON.stringify([run, attempt, id])
}

/** What the model sent, as the tool takes it. @throws AxonError TOOL_ARGUMENTS_INVALID */
async function checked({ tool: name, arguments: given }: InvokeFrame, { input }: Tool): Promise<unknown> {
  const parsed = await z.safeParseAsync(input, given)
  if (parsed.success) return parsed.data
  const message = `The arguments of ${name} are not valid: ${z.prettifyError(parsed.error)}`
  throw new AxonError('TOOL_ARGUMENTS_INVALID', message, { cause: parsed.error })
}

async function isToBeApproved(name: string, { needsApproval }: Tool, input: unknown): Promise<boolean> {
  if (typeof needsApproval === 'boolean') return needsApproval
  try {
    return await needsApproval(input)
  } catch (error) {
    throw raised(name, error)
  }
}

/** What a tool threw is a cause, also where it is an error of Axon's. */
function raised(tool: string, cause: unknown): AxonError {
  const message = cause instanceof Error ? cause.message : String(cause)
  return new AxonError('TOOL_RAISED', `${tool} failed: ${message}`, { cause })
}

function late(tool: string, timeoutMs: number): AxonError {
  const message = `${tool} did not return within its timeoutMs (${timeoutMs} ms). Raise it in tool(), or do less.`
  return new AxonError('TOOL_TIMEOUT', message)
}

function rejected(tool: string): AxonError {
  const message = `The call of ${tool} was refused: ${maxCalls} calls of its process are under way. Wait for some of them.`
  return new AxonError('TOOL_REJECTED', message)
}

function cancelled(why: string): AxonError {
  return new AxonError('TOOL_CANCELLED', `The call of a tool was cancelled: ${why}.`)
}
