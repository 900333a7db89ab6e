/**
 * Owns `axon events`: the events of a running system, one a line, until it ends.
 */
import { findSystem, followEvents } from '../runtime/operator/client.ts'
import { type AxonEventName, catalogue } from '../runtime/telemetry/catalogue.ts'
import { onInterrupt } from './interrupt.ts'
import { type ConfigFlag, stateDirOf } from './settings.ts'
import { drained, paint, printJson, printLine } from './terminal.ts'

export interface EventsFlags extends ConfigFlag {
  agent?: string
  type?: string
  system?: string
  json?: boolean
}

const colours = { trace: 'dim', debug: 'dim', info: 'reset', warn: 'yellow', error: 'red' } as const

/** Resolves with the exit code when the system has ended, or with that of the signal. */
export async function events({ agent, type, json, ...flags }: EventsFlags): Promise<number> {
  const stateDir = await stateDirOf(flags)
  const system = findSystem(stateDir, flags.system)
  const controller = new AbortController()
  const interrupt = onInterrupt(() => controller.abort())
  const filter = { ...(agent !== undefined && { agent }), ...(type !== undefined && { name: type }) }
  try {
    for await (const { time, event } of followEvents(stateDir, system, { ...filter, signal: controller.signal })) {
      if (json) printJson({ time, ...event })
      else printLine(lineOf(time, event))
      await drained()
    }
  } finally {
    interrupt.off()
  }
  return interrupt.code ?? 0
}

/** `12:00:00.000 agent.ready writer/0#3 pid=7`. */
function lineOf(time: number, { type, agent, generation, ...fields }: Record<string, unknown>): string {
  const at = new Date(time).toTimeString().slice(0, 8)
  const told = Object.entries(fields).map(([name, value]) => `${name}=${textOf(value)}`)
  const { level = 'info' } = catalogue[type as AxonEventName] ?? {}
  const words = [String(type).padEnd(20), generation ?? agent, ...told].filter((word) => word !== undefined)
  return `${at}.${String(time % 1_000).padStart(3, '0')} ${paint(colours[level], words.join(' ').trimEnd())}`
}

const maxText = 300

/** An error as its code and message; other things as JSON, on one line and not too long. */
function textOf(value: unknown): string {
  const { code, message } = (value ?? {}) as { code?: unknown; message?: unknown }
  const isError = typeof code === 'string' && typeof message === 'string'
  const isWord = typeof value === 'string' && /^[\w./#:@-]+$/.test(value)
  const text = isError ? `${code} ${JSON.stringify(message)}` : isWord ? value : (JSON.stringify(value) ?? '')
  return text.length > maxText ? `${text.slice(0, maxText)}…` : text
}
