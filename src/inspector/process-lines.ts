/**
 * Owns the lines of processes: the last of each replica are kept, those of its dead processes too, and told to who watches them.
 *
 * 1. At most 2 000 lines and 1 MiB of each replica are kept; those of a replica that was removed go last of all.
 * 2. A flood is cut where it is told: the next line says how many were left out. What is kept has them.
 */

import { replicaOf } from '../machines/agent-context.ts'
import type { AxonEvent, AxonEventOf } from '../runtime/telemetry/catalogue.ts'
import type { LogFrame } from './frames.ts'
import { cutText } from './redaction.ts'

const keptLines = 2_000
const keptChars = 1_024 * 1_024
/** Replicas whose lines are kept; the one that was silent longest goes first. */
const keptReplicas = 2_000
/** Lines of one replica that are told at once. */
const toldAtOnce = 400

export interface Line {
  at: number
  generation: string
  n: number
  stream: LogFrame['stream']
  text: string
}

class Lines {
  #kept: Line[] = []
  #head = 0
  #chars = 0
  #count = 0
  /** The number of the last that was told. */
  told = 0

  add(line: Omit<Line, 'n'>): void {
    this.#count += 1
    this.#kept.push({ ...line, n: this.#count })
    this.#chars += line.text.length
    while (this.#kept.length - this.#head > keptLines || this.#chars > keptChars) {
      this.#chars -= this.#kept[this.#head]?.text.length ?? 0
      this.#head += 1
    }
    if (this.#head < keptLines) return
    this.#kept.splice(0, this.#head)
    this.#head = 0
  }

  get last(): number {
    return this.#count
  }

  all(): Line[] {
    return this.#kept.slice(this.#head)
  }

  after(n: number): Line[] {
    const first = this.#kept[this.#head]?.n ?? 0
    return this.#kept.slice(this.#head + Math.max(0, n + 1 - first))
  }
}

export class ProcessLines {
  /** By replica: `writer/0`. The one that spoke last is the last. */
  readonly #lines = new Map<string, Lines>()
  readonly #now: () => number
  readonly #spoken = new Set<string>()

  constructor(now: () => number) {
    this.#now = now
  }

  hear(event: AxonEvent): void {
    switch (event.type) {
      case 'process.output':
        return this.#add(event.generation, event.stream === 'stdout' ? 'out' : 'err', textOf(event))
      case 'process.spawned':
        return this.#add(event.generation, 'axon', `process.spawned pid=${event.pid ?? '-'}`)
      case 'process.exited': {
        const { code, signal, maxRssBytes, cpuMs } = event.exit
        const facts = [
          signal === null ? `code=${code}` : `signal=${signal}`,
          maxRssBytes === undefined ? '' : `maxRss=${(maxRssBytes / 1e6).toFixed(1)} MB`,
          cpuMs === undefined ? '' : `cpu=${(cpuMs / 1e3).toFixed(2)} s`,
        ]
        return this.#add(event.generation, 'axon', ['process.exited', ...facts.filter(Boolean)].join(' '))
      }
      case 'agent.ready':
      case 'agent.suspect':
      case 'agent.recovered':
      case 'agent.draining':
      case 'agent.stopping':
      case 'agent.stopped':
        return this.#add(event.generation, 'axon', event.type)
      case 'agent.crashed':
        return this.#add(event.generation, 'axon', `agent.crashed class=${event.crash.class}`)
      case 'agent.failed':
        return this.#add(event.generation, 'axon', `agent.failed why=${event.why}`)
    }
  }

  /** Those of one process, oldest first. */
  of(generation: string): Line[] {
    return (
      this.#lines
        .get(replicaOf(generation))
        ?.all()
        .filter((line) => line.generation === generation) ?? []
    )
  }

  /** All that is kept of a replica, for one who begins to watch it. */
  frames(replica: string, sessionId: string): LogFrame[] {
    return (
      this.#lines
        .get(replica)
        ?.all()
        .map((line) => frameOf(line, sessionId)) ?? []
    )
  }

  /** What was not told yet, of those that are watched. */
  news(watched: (replica: string) => string | undefined): LogFrame[] {
    const frames: LogFrame[] = []
    for (const replica of this.#spoken) {
      const lines = this.#lines.get(replica)
      if (lines === undefined) continue
      const sessionId = watched(replica)
      const news = sessionId === undefined ? [] : lines.after(lines.told)
      const told = news.slice(-toldAtOnce)
      const dropped = sessionId === undefined ? 0 : lines.last - lines.told - told.length
      lines.told = lines.last
      if (sessionId === undefined) continue
      frames.push(...told.map((line, at) => frameOf(line, sessionId, at === 0 ? dropped : 0)))
    }
    this.#spoken.clear()
    return frames
  }

  #add(generation: string, stream: LogFrame['stream'], text: string): void {
    const replica = replicaOf(generation)
    const lines = this.#lines.get(replica) ?? new Lines()
    this.#lines.delete(replica)
    this.#lines.set(replica, lines)
    if (this.#lines.size > keptReplicas) {
      const [silent] = this.#lines.keys()
      this.#lines.delete(silent as string)
    }
    lines.add({ at: this.#now(), generation, stream, text })
    this.#spoken.add(replica)
  }
}

function frameOf({ at, generation, n, stream, text }: Line, sessionId: string, dropped = 0): LogFrame {
  const level = levelOf(text)
  return {
    type: 'log',
    at,
    sessionId,
    generation,
    n,
    stream,
    text: cutText(text),
    ...(level !== undefined && { level }),
    ...(dropped > 0 && { dropped }),
  }
}

/** Of a structured line: one that is a JSON object. */
function levelOf(text: string): string | undefined {
  if (!text.startsWith('{')) return undefined
  try {
    const { level, levelname, severity } = JSON.parse(text) as Record<string, unknown>
    const found = level ?? levelname ?? severity
    return typeof found === 'string' ? found.toLowerCase() : undefined
  } catch {
    return undefined
  }
}

/** Of Ray's replicas many speak for one process. */
function textOf({ replica, line }: AxonEventOf<'process.output'>): string {
  return replica === undefined ? line : `${replica} ${line}`
}
