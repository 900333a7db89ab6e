/**
 * Owns the shapes of what a run is made from.
 */
import type { AnyActorRef } from 'xstate'
import type { AgentDefinition } from '../../machines/definition.ts'
import type { RunFact } from '../../machines/facts.ts'
import type { HttpCall } from '../../machines/slots.ts'
import type { RunResponse } from '../../protocol/run.ts'
import type { Clock } from '../clock.ts'
import type { JournalRecord } from '../journal/record.ts'
import type { RunTrace, TracedRun } from '../telemetry/traces.ts'
import type { ToolSurroundings } from '../tools/process-calls.ts'
import type { RunParent } from './parent.ts'

/** Makes the HTTP call of one attempt. */
export type Execute = (call: HttpCall, signal: AbortSignal) => Promise<RunResponse>

export interface RunSpec {
  run: string
  mode: 'sync' | 'stream'
  definition: AgentDefinition
  /** The request as JSON. */
  body: string
  execute: Execute
  /** Whole run, in milliseconds; default of the definition. */
  runMs: number
  signal: AbortSignal | undefined
  /** Runs of one key prefer one process. */
  affinity: string | undefined
  /** On whose behalf it is. */
  parent?: RunParent | undefined
  /** What the journal keeps of it. */
  record?: JournalRecord | undefined
  /** Its span. */
  trace?: RunTrace | undefined
  /** What its caller said for its trace. */
  given?: TracedRun['given']
  /** Of a run that an earlier system had accepted: the number of this attempt. */
  resumedAt?: number | undefined
  /** That system had sent it. */
  mayHaveBegun?: boolean | undefined
}

export interface RunSurroundings {
  parent: AnyActorRef
  clock: Clock
  tell: (fact: RunFact) => void
  /** Where its code finds tools, and people to ask. Undefined: nowhere. */
  tools?: ToolSurroundings | undefined
  /** Takes one of the retries that the agent has left; false where there is none. */
  mayRetry: () => boolean
}
