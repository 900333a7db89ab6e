import { describe, expect, it } from 'vitest'
import { AxonError, type ErrorCode, ProcessError, PythonEnvError } from '../../src/errors.ts'
import { judgeEnvironment, judgeExit } from '../../src/machines/crash.ts'
import type { CrashClass } from '../../src/machines/restart-policy.ts'
import type { ExitRecord } from '../../src/machines/slots.ts'
import { bindFailure, exitOf, importFailure } from './samples.ts'

const generation = 'writer/0#3'
const spawnFailed = new ProcessError('PROCESS_SPAWN_FAILED', 'writer: /srv/python cannot be executed. Check its mode.')

interface Row {
  title: string
  exit: Partial<ExitRecord>
  wasReady?: boolean
  class: CrashClass
  code: ErrorCode
  /** What happened, and what to try. */
  says: RegExp[]
}

const rows: Row[] = [
  {
    title: 'an exit with a code at work',
    exit: { code: 3 },
    wasReady: true,
    class: 'exit',
    code: 'PROCESS_EXITED',
    says: [/ended with exit code 3\./, /Look for the cause/],
  },
  {
    title: 'an exit with code 0 before it was ready',
    exit: { code: 0 },
    class: 'exit',
    code: 'PROCESS_EXITED',
    says: [/ended with exit code 0 before it was ready\./, /Look for the cause/],
  },
  {
    title: 'an exit with code 0 at work, which no agent is asked for',
    exit: { code: 0 },
    wasReady: true,
    class: 'exit',
    code: 'PROCESS_EXITED',
    says: [/ended with exit code 0\./, /Look for the cause/],
  },
  {
    title: 'a signal',
    exit: { code: null, signal: 'SIGSEGV' },
    wasReady: true,
    class: 'signal',
    code: 'PROCESS_EXITED',
    says: [/was ended by SIGSEGV\./, /Look for the cause/],
  },
  {
    title: 'memory beyond its limit',
    exit: { code: null, signal: 'SIGKILL', oom: true, exceeded: { limit: 'memoryMb', value: 256 } },
    wasReady: true,
    class: 'oom',
    code: 'PROCESS_OUT_OF_MEMORY',
    says: [/held more than its 256 MiB/, /Raise limits\.memoryMb/],
  },
  {
    title: 'memory that the machine had not',
    exit: { code: null, signal: 'SIGKILL', oom: true },
    wasReady: true,
    class: 'oom',
    code: 'PROCESS_OUT_OF_MEMORY',
    says: [/ended by the kernel, which had no memory left/, /limits\.memoryMb/],
  },
  {
    title: 'too many processes',
    exit: { code: null, signal: 'SIGKILL', oom: false, exceeded: { limit: 'processes', value: 64 } },
    wasReady: true,
    class: 'signal',
    code: 'PROCESS_LIMIT_EXCEEDED',
    says: [/more than its 64 processes and threads/, /Raise limits\.processes/],
  },
  {
    title: 'processor time that is used up',
    exit: { code: null, signal: 'SIGXCPU', oom: false, exceeded: { limit: 'cpuSeconds', value: 600 } },
    wasReady: true,
    class: 'signal',
    code: 'PROCESS_LIMIT_EXCEEDED',
    says: [/used its 600 s of processor time/, /Raise limits\.cpuSeconds/],
  },
  {
    title: 'a start that took too long',
    exit: { code: null, signal: 'SIGKILL', reason: 'start_timeout' },
    class: 'start_timeout',
    code: 'PROCESS_START_TIMEOUT',
    says: [/was not ready in time/, /Raise startMs/],
  },
  {
    title: 'a hang',
    exit: { code: null, signal: 'SIGABRT', reason: 'hang' },
    wasReady: true,
    class: 'hang',
    code: 'PROCESS_HUNG',
    says: [/sent no heartbeat/, /Look for a call that holds the interpreter/],
  },
  {
    title: 'a broken control connection',
    exit: { code: null, signal: 'SIGKILL', reason: 'protocol' },
    wasReady: true,
    class: 'protocol',
    code: 'PROTOCOL_INVALID_FRAME',
    says: [/control connection what is no frame/, /Leave that connection to axon_agent/],
  },
]

describe('an exit record is judged', () => {
  it.each(rows)('$title', (row) => {
    const exit = exitOf(generation, row.exit)
    const crash = judgeExit('writer', exit, row.wasReady ?? false)
    expect(crash).toMatchObject({ class: row.class, generation, code: exit.code, signal: exit.signal })
    expect(crash.error).toBeInstanceOf(ProcessError)
    expect(crash.error).toMatchObject({ code: row.code, agent: 'writer' })
    expect(crash.error.message).toMatch(/^writer\/0#3 /)
    for (const part of row.says) expect(crash.error.message).toMatch(part)
    expect(crash.error.message).not.toMatch(/null|undefined/)
  })

  it.each(rows)('$title, with the last three lines of its output in the message', (row) => {
    const lastLines = ['one', 'two', 'three', 'four']
    const crash = judgeExit('writer', exitOf(generation, { ...row.exit, lastLines }), row.wasReady ?? false)
    expect(crash.lastLines).toEqual(lastLines)
    expect(crash.error.message).toMatch(/Its last output: two \| three \| four$/)
    expect(crash.error.context).toMatchObject({ generation, pid: 4242, lastLines })
  })
})

describe('what the process said of its own failure', () => {
  it('is the message, with its code, phase, kind and traceback', () => {
    const crash = judgeExit('writer', exitOf(generation, { failure: importFailure }), false)
    expect(crash).toMatchObject({ class: 'import', code: 1 })
    expect(crash.error).toMatchObject({ code: 'AGENT_IMPORT_FAILED', agent: 'writer', retryable: false })
    expect(crash.error.message).toBe(importFailure.message)
    expect(crash.error.context).toMatchObject({ phase: 'import', kind: 'ModuleNotFoundError', generation })
  })

  it.each([
    ['launch', 'AGENT_MODEL_INVALID', 'ValueError', 'import'],
    ['import', 'AGENT_MODULE_NOT_FOUND', 'ModuleNotFoundError', 'import'],
    ['import', 'AGENT_IMPORT_FAILED', 'MemoryError', 'oom'],
    ['bind', 'PORT_IN_USE', 'OSError', 'exit'],
    ['serve', 'INTERNAL_ERROR', 'RuntimeError', 'exit'],
  ] as const)('in the phase %s with %s by a %s is of the class %s', (phase, code, kind, expected) => {
    const failure = { ...importFailure, phase, code, kind }
    expect(judgeExit('writer', exitOf(generation, { failure }), false)).toMatchObject({
      class: expected,
      error: { code },
    })
  })

  it('keeps its message where the code is none of ours', () => {
    const failure = { ...bindFailure, code: 'toString' }
    const { error } = judgeExit('writer', exitOf(generation, { failure }), false)
    expect(error).toMatchObject({ code: 'PROCESS_EXITED', message: bindFailure.message })
  })

  it('does not hide that Node ended it for a start that took too long', () => {
    const exit = exitOf(generation, { failure: importFailure, reason: 'start_timeout' })
    expect(judgeExit('writer', exit, false).class).toBe('start_timeout')
  })
})

describe('where there was no process', () => {
  it('the reason why it could not be made is the error, unchanged', () => {
    const exit = exitOf(generation, { pid: undefined, code: null, signal: null, cause: spawnFailed })
    const crash = judgeExit('writer', exit, false)
    expect(crash.error).toBe(spawnFailed)
    expect(crash).toMatchObject({ class: 'exit', code: null, signal: null })
  })

  it('an environment that could not be made is the error, with the last lines of the installer', () => {
    const error = new PythonEnvError('ENV_CONFLICT', 'writer: a and b want different c. Loosen one.', {
      context: { output: ['a wants c 1', 'b wants c 2'] },
    })
    expect(judgeEnvironment(error, generation)).toEqual({
      class: 'environment',
      error,
      generation,
      code: null,
      signal: null,
      lastLines: ['a wants c 1', 'b wants c 2'],
    })
  })

  it('an environment error without output has no last lines', () => {
    const error = new AxonError('INTERNAL_ERROR', 'Axon met an unexpected error.', { context: { output: 'text' } })
    expect(judgeEnvironment(error, generation).lastLines).toEqual([])
  })
})
