/**
 * Owns the processes of replicas as frames: which there is, where it runs, what bounds it, and what it uses.
 */
import type { AnyMachineSnapshot } from 'xstate'
import { type AgentContext, generationOf, replicaOf } from '../machines/agent-context.ts'
import type { AxonEvent } from '../runtime/telemetry/catalogue.ts'
import { usageOf } from '../runtime/telemetry/table.ts'
import type { Actors, Known } from './actors.ts'
import type { BeatsFrame, ProcessFrame } from './frames.ts'
import type { Timeline } from './timeline.ts'

interface Beat {
  at: number
  rssBytes: number
  cpuSeconds: number
  /** Undefined until the second heartbeat. */
  cpu: number | undefined
  /** Null where nobody tells it. */
  loopLagMs: number | null
  inFlight: number
}

export class ProcessFrames {
  readonly #timeline: Timeline
  readonly #actors: Actors
  /** By generation. */
  readonly #beats = new Map<string, Beat>()
  readonly #startTimes = new Map<string, number>()
  #ownBefore: { at: number; micros: number } | undefined
  /** What was told last, by session id of the replica. */
  readonly #told = new Map<string, string>()

  constructor(timeline: Timeline, actors: Actors) {
    this.#timeline = timeline
    this.#actors = actors
  }

  hear(event: AxonEvent): void {
    switch (event.type) {
      case 'process.heartbeat':
        return this.#beat(event.generation, event.heartbeat)
      case 'process.replicas': {
        const { rss, cpu } = usageOf(event.application)
        const inFlight = event.application.replicas.reduce((total, replica) => total + (replica.inFlight ?? 0), 0)
        if (rss !== null && cpu !== null) this.#beat(event.generation, { rss, cpu, loopLagMs: null, inFlight })
        break
      }
      case 'process.spawned':
        this.#startTimes.set(event.generation, this.#timeline.now())
        break
      case 'process.exited':
        this.#beats.delete(event.generation)
        this.#startTimes.delete(event.generation)
        break
      case 'agent.provisioning':
      case 'environment.ready':
      case 'agent.ready':
      case 'agent.crashed':
      case 'agent.idle':
      case 'agent.stopped':
        break
      default:
        return
    }
    const known = this.#actors.replica(replicaOf(event.generation))
    if (known) this.look(known)
  }

  /** Tells of a replica's process where it is another, or is otherwise, than was told. */
  look(known: Known): void {
    const { sessionId } = known.frame
    const { context } = known.ref.getSnapshot() as AnyMachineSnapshot & { context: AgentContext }
    if (context.generation === 0) return
    const frame = this.#frameOf(context, sessionId)
    const told = JSON.stringify(frame)
    if (this.#told.get(sessionId) === told) return
    this.#told.set(sessionId, told)
    this.#timeline.record<ProcessFrame>(frame)
  }

  forget(sessionId: string): void {
    this.#told.delete(sessionId)
  }

  /** What processes use, in columns. `inFlight`: as Axon counts it, else as the process did. */
  beats(inFlight: (agent: string, replica: string) => number | undefined): BeatsFrame {
    const rows = [...this.#beats].flatMap(([generation, beat]) => {
      const known = this.#actors.replica(replicaOf(generation))
      return known === undefined ? [] : [{ known, beat }]
    })
    const own = this.#own()
    return {
      type: 'beats',
      at: this.#timeline.now(),
      sessionId: [...rows.map(({ known }) => known.frame.sessionId), this.#actors.root.sessionId],
      rssBytes: [...rows.map(({ beat }) => beat.rssBytes), own.rssBytes],
      cpu: [...rows.map(({ beat }) => beat.cpu ?? null), own.cpu],
      loopLagMs: [...rows.map(({ beat }) => beat.loopLagMs), null],
      inFlight: [
        ...rows.map(({ known: { frame }, beat }) => inFlight(frame.agent ?? '', frame.replica ?? '') ?? beat.inFlight),
        0,
      ],
    }
  }

  /** Node's own, since the last time it was asked. */
  #own(): { rssBytes: number; cpu: number | null } {
    const { user, system } = process.cpuUsage()
    const used = { at: this.#timeline.now(), micros: user + system }
    const before = this.#ownBefore
    this.#ownBefore = used
    const cpu =
      before && used.at > before.at ? (used.micros - before.micros) / 1_000 / (used.at - before.at) : undefined
    return { rssBytes: process.memoryUsage.rss(), cpu: cpu === undefined ? null : Math.round(cpu * 1_000) / 1_000 }
  }

  #beat(
    generation: string,
    { rss, cpu, loopLagMs, inFlight }: { rss: number; cpu: number } & Pick<Beat, 'loopLagMs' | 'inFlight'>,
  ): void {
    const at = this.#timeline.now()
    const before = this.#beats.get(generation)
    const share = before && at > before.at ? (cpu - before.cpuSeconds) / ((at - before.at) / 1_000) : undefined
    const known = share === undefined ? before?.cpu : Math.max(0, Math.round(share * 1_000) / 1_000)
    this.#beats.set(generation, { at, rssBytes: rss, cpuSeconds: cpu, cpu: known, loopLagMs, inFlight })
  }

  #frameOf(context: AgentContext, sessionId: string): Omit<ProcessFrame, 'seq' | 'at'> {
    const { definition, environment, pid, achieved, history } = context
    const generation = generationOf(context)
    const startTime = this.#startTimes.get(generation)
    return {
      type: 'process',
      sessionId,
      generation,
      pid,
      ...(startTime !== undefined && pid !== undefined && { startTime }),
      ...(definition.placement && context.hasProcess && { application: context.application?.name ?? '' }),
      ...(environment && {
        environment: environmentName(
          environment.version,
          environment.fingerprint.slice(0, 6),
          definition.placement && 'ray',
        ),
      }),
      placement: definition.placement ? 'ray' : 'local',
      ...(definition.limits && { limits: { asked: { ...definition.limits }, achieved: achieved && { ...achieved } } }),
      restarts: history.restarts.filter((at) => at >= context.now() - definition.restart.withinMs).length,
    }
  }
}

/** `py3.12·9f31c2`. @param name the beginning of its fingerprint, or its directory where a user has given it */
export function environmentName(version: string, name: string, of: 'py' | 'ray' = 'py'): string {
  return `${of}${version.split('.').slice(0, 2).join('.')}·${name}`
}
