/**
 * Owns `axon run`: one run of one agent, from the command line to the answer. The run itself is the runtime's.
 */
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { text } from 'node:stream/consumers'
import { AxonError } from '../errors.ts'
import type { RunRequest, RunResponse, RunStreamEvent } from '../protocol/run.ts'
import type { AgentHandle } from '../runtime/agent-handle.ts'
import { type Axon, type AxonOptions, createAxon } from '../runtime/axon.ts'
import type { AgentOptions } from '../runtime/config/agents.ts'
import { findConfig, readConfig, withoutConfig } from '../runtime/config/load.ts'
import { onInterrupt } from './interrupt.ts'
import { clearStatus, paint, print, printJson, printLine, report, say, status } from './terminal.ts'
import { writeWhole } from './write-whole.ts'

export interface RunFlags {
  prompt: string
  model?: string
  dependencies?: string[]
  python?: string
  history?: string
  save?: string
  stream: boolean
  config?: string
  json?: boolean
}

/** Runs it and resolves with the exit code. */
export async function run(target: string, flags: RunFlags): Promise<number> {
  const { name, agent, options } = await resolveAgent(target, flags)
  const request: RunRequest = {
    prompt: flags.prompt === '-' ? await text(process.stdin) : flags.prompt,
    ...(flags.history !== undefined && { message_history: readHistory(flags.history, flags.save) }),
  }
  // One that cannot start is told at once.
  const axon = createAxon({ operator: true, ...options, agents: { [name]: { ...agent, restart: { maxRestarts: 0 } } } })
  tellProgress(axon)
  const controller = new AbortController()
  let isStarted = false
  const interrupt = onInterrupt(() => {
    controller.abort()
    if (!isStarted) void axon.destroy()
  })
  try {
    await axon.start()
    isStarted = true
    clearStatus()
    const response = await answer(axon.agent(name), request, flags, controller.signal)
    // A conversation may be private.
    if (flags.save !== undefined) writeWhole(flags.save, `${JSON.stringify(response.messages, null, 2)}\n`, 0o600)
    return 0
  } catch (error) {
    return interrupt.code ?? report(error, { json: flags.json })
  } finally {
    await axon.close()
    interrupt.off()
  }
}

interface Resolved {
  name: string
  agent: AgentOptions
  options: AxonOptions
}

/** An agent of the configuration where it has one of that name, else a module. */
async function resolveAgent(target: string, flags: RunFlags): Promise<Resolved> {
  const changes = {
    ...(flags.model !== undefined && { model: flags.model }),
    ...(flags.dependencies !== undefined && { dependencies: flags.dependencies }),
    ...(flags.python !== undefined && { python: flags.python }),
  }
  const isName = /^[a-z0-9][a-z0-9_-]*$/.test(target)
  const file = flags.config ?? (isName ? findConfig(process.cwd()) : undefined)
  const { options } = file === undefined ? withoutConfig() : await readConfig({ file })
  const { agents = {}, supervisors: _supervisors, journal: _journal, ...rest } = options
  const defined = Object.hasOwn(agents, target) ? agents[target] : undefined
  if (defined !== undefined) {
    // Alone: nobody that it comes after is there, its number is one, and what serves others on a cluster is not touched.
    const alone = {
      ...defined,
      after: [],
      replicas: 1,
      idleAfterMs: undefined,
      placement: 'local' as const,
      ...changes,
    }
    return { name: target, agent: alone, options: rest }
  }
  if (isName && target.includes('-')) throw unknown(target, file, Object.keys(agents))
  return { name: nameOf(target), agent: { module: target, ...changes }, options: rest }
}

function unknown(target: string, file: string | undefined, names: readonly string[]): AxonError {
  const known = file === undefined ? 'There is no axon.config.ts here or above.' : `${file} has ${names.join(', ')}.`
  return new AxonError('AGENT_UNKNOWN', `There is no agent ${target}, and it is no module's name. ${known}`)
}

/** `agents.support:writer` and `agents/support.py` are called support. */
function nameOf(module: string): string {
  const last = /([^./\\]+?)(\.py)?(:\w+)?$/.exec(module)?.[1] ?? ''
  const name = last
    .toLowerCase()
    .replaceAll(/[^a-z0-9_-]/g, '-')
    .replace(/^[_-]+/, '')
  return name.slice(0, 63) || 'agent'
}

async function answer(
  agent: AgentHandle,
  request: RunRequest,
  { stream, json }: RunFlags,
  signal: AbortSignal,
): Promise<RunResponse> {
  if (!stream) {
    const response = await agent.run(request, { signal })
    if (json) printJson(response)
    else printLine(textOf(response.result))
    return response
  }
  let streamed = ''
  for await (const event of agent.stream(request, { signal })) {
    if (json) printJson(event)
    else streamed += show(event)
    if (event.event !== 'run.result') continue
    if (!json) finish(streamed, event.data.result)
    return event.data
  }
  throw new AxonError('INTERNAL_ERROR', 'The stream ended without a result. Please report it.')
}

/** Prints what is text, and says what is not; returns the text. */
function show({ event, data }: RunStreamEvent): string {
  if (event === 'text.delta') print(data.text)
  if (event === 'tool.call') say(dim(`→ ${data.name} ${JSON.stringify(data.arguments)}`))
  if (event === 'tool.result') say(dim(`← ${data.error ?? JSON.stringify(data.result)}`))
  return event === 'text.delta' ? data.text : ''
}

/** The result, where the text has not told it already. */
function finish(streamed: string, result: unknown): void {
  const told = typeof result === 'string' && streamed.endsWith(result)
  if (streamed !== '' && !streamed.endsWith('\n')) print('\n')
  if (!told || streamed === '') printLine(textOf(result))
}

function textOf(result: unknown): string {
  return typeof result === 'string' ? result : JSON.stringify(result, null, 2)
}

function tellProgress(axon: Axon): void {
  axon.on('environment.progress', ({ progress: { message, completed, total } }) => {
    status(`${String(Math.round((completed / total) * 100)).padStart(3)} % ${message}`)
  })
  axon.on('agent.starting', () => status('Starting'))
  axon.on('process.output', ({ line }) => say(dim(`│ ${line}`)))
}

function dim(text: string): string {
  return paint('dim', text, process.stderr)
}

/** Messages, or an answer that has them. A conversation begins with a file that is not there yet, where it is saved to the same. */
function readHistory(file: string, save: string | undefined): unknown[] {
  if (!existsSync(file) && save !== undefined && resolve(save) === resolve(file)) return []
  let content: unknown
  try {
    content = JSON.parse(readFileSync(file, 'utf8'))
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause)
    throw new AxonError('RUN_REQUEST_INVALID', `The history ${file} cannot be read: ${why}.`, { cause })
  }
  const messages = Array.isArray(content) ? content : (content as { messages?: unknown } | null)?.messages
  if (Array.isArray(messages)) return messages
  throw new AxonError('RUN_REQUEST_INVALID', `The history ${file} has no messages: give what --save has written.`)
}
