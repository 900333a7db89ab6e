/**
 * Owns the shape of what runs are sent over: a process of this machine, or an application on a cluster. How each is started and
 * ended belongs to its port.
 */
import type { Pool } from 'undici'
import type { AgentDefinition } from '../../machines/definition.ts'
import type { NodeFrame, ToolFrame } from '../../protocol/control.ts'

export interface LinkListener {
  /** The receipt: user code of this run begins. */
  onStarted(run: string): void
  /** The process was told to let go of this attempt: `onSettled` is to follow. */
  onCancelled(run: string, attempt: number): void
  /** The code of this attempt has ended, or is not there. */
  onSettled(run: string, attempt: number): void
  /** The code of a run asks for a tool or a person, or takes that back. */
  onTool(frame: ToolFrame): void
}

export interface Link {
  readonly generation: string
  readonly agent: string
  /** Bearer token of every request. */
  readonly token: string
  /** Stands before the path of every request. */
  readonly prefix: string
  /** What it was started with. */
  readonly definition: AgentDefinition
  /** Whether what it has not receipted never began. Else what became of a run whose connection broke is not known. */
  readonly hasReceipts: boolean
  /** Resolves when it has ended and everything it said has been read. */
  readonly gone: Promise<void>
  /**
   * After so many milliseconds the answer of a run begins that has not ended: the beginning is its receipt. Undefined where
   * receipts come another way.
   */
  readonly beginMs?: number
  listener: LinkListener | undefined
  /** The connections for one more request; undefined before it is ready and after its end. */
  readonly pool: Pool | undefined
  /** Where a run of this key is to go, and how it says so on the way: of several processes behind one link one is preferred. */
  favour?(affinity: string): { pool: Pool | undefined; headers: Record<string, string> }
  /** Whether runs may be sent here. */
  readonly takesRuns: boolean
  /** It drains by its own account: it takes no more runs. */
  refuseRuns(): void
  /** Tells the process something; false where there is no control connection. */
  send(frame: NodeFrame): boolean
  /** `send` of a frame that is written as JSON already. */
  sendLine(frame: string): boolean
  /** Tells the process to let go of an attempt, and of those before it. `isStarted`: its receipt or an answer has come. */
  cancel(run: string, attempt: number, isStarted: boolean): void
  /**
   * Takes an attempt back whose connection broke, as `cancel` does, and asks about it. Resolves `false` where it will not begin,
   * and has begun only if its receipt came before; `true` where the process has it. Never resolves where it does not answer.
   */
  revoke(run: string, attempt: number): Promise<boolean>
  /** What an answer means that came from something between Node and the agent; undefined where it is the agent's own. */
  judge?(answer: { status: number; text: string }, about: { run: string; attempt: number }): Error | undefined
}
