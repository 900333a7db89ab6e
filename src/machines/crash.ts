/**
 * Owns the judgement of a lost process: its class and the error that callers see. Pure; what follows is the restart policy's.
 */
import { type AxonError, type ErrorCode, errorCodes, ProcessError } from '../errors.ts'
import type { CrashClass } from './restart-policy.ts'
import type { ExitRecord } from './slots.ts'

/** What is kept of a crash: in snapshots, in `agent.crashed`, and as the error that callers of a failed agent get. */
export interface Crash {
  class: CrashClass
  error: AxonError
  generation: string
  code: number | null
  signal: string | null
  lastLines: readonly string[]
}

/** Judges how a process was lost. `wasReady` tells an exit in the middle of work from one at start. */
export function judgeExit(agent: string, exit: ExitRecord, wasReady: boolean): Crash {
  const { generation, code, signal, lastLines } = exit
  return { class: classOf(exit), error: errorOf(agent, exit, wasReady), generation, code, signal, lastLines }
}

/** Judges an environment that could not be made: there was no process yet. */
export function judgeEnvironment(error: AxonError, generation: string): Crash {
  const output = error.context.output
  const lastLines = Array.isArray(output) ? output.map(String) : []
  return { class: 'environment', error, generation, code: null, signal: null, lastLines }
}

function classOf(exit: ExitRecord): CrashClass {
  if (exit.reason !== undefined && exit.reason !== 'stop') return exit.reason
  if (exit.oom || exit.failure?.kind === 'MemoryError') return 'oom'
  if (exit.failure?.phase === 'import' || exit.failure?.phase === 'launch') return 'import'
  return exit.signal === null ? 'exit' : 'signal'
}

function errorOf(agent: string, exit: ExitRecord, wasReady: boolean): AxonError {
  if (exit.cause) return exit.cause
  const { generation, pid, code, signal, lastLines, failure } = exit
  const context = { generation, pid, code, signal, lastLines }
  if (failure) {
    return new ProcessError(isErrorCode(failure.code) ? failure.code : 'PROCESS_EXITED', failure.message, {
      agent,
      context: { ...context, phase: failure.phase, kind: failure.kind, traceback: failure.traceback },
    })
  }
  const tail = lastLines.length > 0 ? ` Its last output: ${lastLines.slice(-3).join(' | ')}` : ''
  switch (exit.reason) {
    case 'start_timeout':
      return new ProcessError(
        'PROCESS_START_TIMEOUT',
        `${generation} was not ready in time and was ended. Raise startMs, or do less at import.${tail}`,
        { agent, context },
      )
    case 'hang':
      return new ProcessError(
        'PROCESS_HUNG',
        `${generation} sent no heartbeat and was ended. Look for a call that holds the interpreter in its last lines.${tail}`,
        { agent, context },
      )
    case 'host_lost':
      return new ProcessError(
        'PROCESS_HOST_LOST',
        `${generation} went with its host, which was ended. It is started again by a new one.`,
        { agent, context },
      )
    case 'protocol':
      return new ProcessError(
        'PROTOCOL_INVALID_FRAME',
        `${generation} wrote to its control connection what is no frame, and was ended. Leave that connection to axon_agent.${tail}`,
        { agent, context },
      )
    default: {
      const beyond = limitError(exit)
      if (beyond) return new ProcessError(beyond.code, `${generation} ${beyond.says}${tail}`, { agent, context })
      const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`
      const when = wasReady ? '' : ' before it was ready'
      return new ProcessError(
        'PROCESS_EXITED',
        `${generation} ${how}${when}. Look for the cause in its output.${tail}`,
        { agent, context },
      )
    }
  }
}

/** What to say of a process that was ended for what it used. */
function limitError({ oom, exceeded }: ExitRecord): { code: ErrorCode; says: string } | undefined {
  switch (exceeded?.limit) {
    case 'memoryMb':
      return {
        code: 'PROCESS_OUT_OF_MEMORY',
        says: `held more than its ${exceeded.value} MiB, with all that it had started, and was ended. Raise limits.memoryMb, or hold less at once.`,
      }
    case 'processes':
      return {
        code: 'PROCESS_LIMIT_EXCEEDED',
        says: `had more than its ${exceeded.value} processes and threads and was ended. Raise limits.processes, or start fewer at once.`,
      }
    case 'cpuSeconds':
      return {
        code: 'PROCESS_LIMIT_EXCEEDED',
        says: `used its ${exceeded.value} s of processor time and was ended. Raise limits.cpuSeconds, or leave it out for an agent that lives long.`,
      }
  }
  if (!oom) return undefined
  return {
    code: 'PROCESS_OUT_OF_MEMORY',
    says: 'was ended by the kernel, which had no memory left. Free some, or give agents a limits.memoryMb that leaves enough.',
  }
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(errorCodes, code)
}
