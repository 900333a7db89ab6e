/**
 * Owns the way from a running system to frames: what is alive, what happened, and who is told. How a frame is made is its
 * neighbours'; how it reaches a page is the server's.
 *
 * 1. Without a viewer no frame is serialised but those of the history, once a second.
 * 2. Whoever comes is told the present, then what happens, without a gap.
 * 3. After `close()` nothing of it is left: no timer, no subscription.
 */
import { type Fact, isBeat } from '../machines/facts.ts'
import type { Axon } from '../runtime/axon.ts'
import { dispatcherOf } from '../runtime/provide.ts'
import { resourcesOf } from '../runtime/resources.ts'
import { packageVersion } from '../runtime/serving/version.ts'
import type { AxonEvent } from '../runtime/telemetry/catalogue.ts'
import { type ActorFacts, factsOf } from './actor-facts.ts'
import { Actors } from './actors.ts'
import { contextFrames } from './context-frames.ts'
import { CrashFrames } from './crash-frames.ts'
import { FigureFrames } from './figure-frames.ts'
import { type Command, type HelloFrame, type LiveFrame, type LiveRole, liveProtocol } from './frames.ts'
import { HostFrames } from './host-frames.ts'
import { Observation } from './observation.ts'
import { ProcessFrames } from './process-frames.ts'
import { ProcessLines } from './process-lines.ts'
import { RunFrames } from './run-frames.ts'
import { StreamFrames } from './stream-frames.ts'
import { Timeline } from './timeline.ts'
import { batched, type Viewer, Viewers, type Watches } from './viewers.ts'

export type { ActorFacts } from './actor-facts.ts'
export type { Viewer, Watches } from './viewers.ts'

export interface RecorderOptions {
  /** How many events are kept. Default: 20 000. */
  events?: number | undefined
  /** How many characters they may have, as JSON. Default: 16 Mi. */
  bytes?: number | undefined
  /** How the page calls the system. Default: `axon`. */
  name?: string | undefined
  /** Milliseconds since 1970. Default: the machine's clock, to the microsecond; it never goes back. */
  now?: (() => number) | undefined
}

const tickMs = 1_000
/** Heartbeats come every 2 s. */
const ticksPerBeat = 2

export class Recorder {
  readonly #axon: Axon
  readonly #name: string
  readonly #startedAt: number
  readonly #retention: HelloFrame['retention']
  readonly #viewers = new Viewers()
  readonly #timeline: Timeline
  readonly #actors: Actors
  readonly #observation: Observation
  readonly #runs: RunFrames
  readonly #streams: StreamFrames
  readonly #lines: ProcessLines
  readonly #processes: ProcessFrames
  readonly #crashes: CrashFrames
  readonly #hosts: HostFrames
  readonly #figures = new FigureFrames()
  readonly #off: () => void
  #unwatchStreams: (() => void) | undefined
  #timer: NodeJS.Timeout | undefined
  #ticks = 0
  #isClosed = false

  /** Records from now on, whether the system is started or not. */
  constructor(axon: Axon, options: RecorderOptions = {}) {
    const { events = 20_000, bytes = 16 * 1_024 * 1_024, name = 'axon' } = options
    const now = options.now ?? (() => performance.timeOrigin + performance.now())
    this.#axon = axon
    this.#name = name
    this.#startedAt = now()
    this.#retention = { events, bytes }
    const viewers = this.#viewers
    const timeline = new Timeline({
      bounds: this.#retention,
      now,
      isWatched: () => viewers.size > 0,
      complete: () => this.#complete(),
      deliver: (told) => viewers.deliver(told),
    })
    this.#timeline = timeline
    const actors = new Actors(axon.actor)
    this.#actors = actors
    this.#lines = new ProcessLines(() => timeline.now())
    this.#streams = new StreamFrames(() => timeline.now())
    this.#processes = new ProcessFrames(timeline, actors)
    this.#hosts = new HostFrames(timeline, actors)
    this.#crashes = new CrashFrames({ timeline, actors, lines: this.#lines })
    this.#observation = new Observation({
      actors,
      timeline,
      onRun: (event) => this.#runs.inspect(event),
      onSeen: (known) => known.kind === 'replica' && this.#processes.look(known),
      onGone: (sessionId) => this.#processes.forget(sessionId),
    })
    this.#runs = new RunFrames({
      timeline,
      actors,
      agentId: (agent) => this.#observation.poolOf(agent)?.sessionId,
      tellMachine: (logic) => this.#observation.tellMachine(logic),
    })
    this.#off = axon.on('*', (event) => this.#hear(event))
    if (axon.actor.getSnapshot().status === 'active' && isStarted(axon)) this.#begin()
  }

  hello(role: LiveRole, caps: readonly Command['type'][]): HelloFrame {
    this.#timeline.flush()
    const { seq, oldestSeq } = this.#timeline
    return {
      type: 'hello',
      protocol: liveProtocol,
      system: {
        id: isStarted(this.#axon) ? this.#axon.id : '',
        name: this.#name,
        pid: process.pid,
        startedAt: this.#startedAt,
        version: packageVersion(),
      },
      now: this.#timeline.now(),
      seq,
      oldestSeq,
      role,
      caps,
      retention: this.#retention,
    }
  }

  /** The present as a keyframe, and what there is of what is watched. */
  present(watches: Watches): LiveFrame[] {
    if (this.#viewers.size === 0 && isStarted(this.#axon)) this.#observation.look()
    return [this.#timeline.keyframe(), ...this.watched(watches)]
  }

  /** What there is of what a viewer is about to watch, in the same turn: contexts, and the lines and events that are kept. */
  watched(more: Watches): LiveFrame[] {
    this.#timeline.flush()
    return [
      ...[...more.actors].flatMap((id) => contextFrames(this.#actors.get(id), this.#timeline.now())),
      ...[...more.logs].flatMap((id) => {
        const { replica } = this.#actors.get(id)?.frame ?? {}
        return replica === undefined ? [] : this.#lines.frames(replica, id)
      }),
      ...[...more.runs].flatMap((run) => this.#streams.of(run)),
    ]
  }

  /** Tells a viewer what happens after `present()`, in the same turn. The answer ends it. */
  add(viewer: Viewer): () => void {
    if (this.#isClosed) return () => {}
    this.#viewers.add(viewer)
    if (this.#viewers.size === 1) this.#open()
    return () => {
      if (this.#viewers.delete(viewer) && this.#viewers.size === 0) this.#leave()
    }
  }

  /** What is kept from `fromSeq` on, in batches of JSON: a gap first where some are gone, and a keyframe where one is needed. */
  history(fromSeq: number, toSeq?: number): string[] {
    return batched(this.#timeline.between(fromSeq, toSeq))
  }

  /** Somebody has started this run to look at it: it is recorded, however many others there are. */
  want(run: string, agent: string): void {
    this.#runs.want(run, agent)
  }

  /** By session id. Undefined: no such actor is alive, or it is a run, which is cancelled by its id. */
  actor(sessionId: string): ActorFacts | undefined {
    const known = this.#actors.get(sessionId)
    return known && factsOf(known, this.#axon.actor)
  }

  /** Tells what is left, and ends everything. Idempotent. */
  close(): void {
    if (this.#isClosed) return
    this.#isClosed = true
    this.#off()
    this.#unwatchStreams?.()
    this.#timeline.close()
    this.#leave()
  }

  #begin(): void {
    this.#unwatchStreams ??= dispatcherOf(this.#axon.actor.system).streams.watch((_agent, run, event) => {
      if (this.#runs.streamed(run, event)) this.#timeline.tell(this.#streams.add(run, event))
    })
    this.#observation.look()
    for (const host of resourcesOf(this.#axon.actor.system).hosts.ready) this.#hosts.see(host)
  }

  #open(): void {
    if (isStarted(this.#axon)) this.#observation.open()
    this.#tick()
    this.#timer = setInterval(() => this.#tick(), tickMs).unref()
  }

  #leave(): void {
    clearInterval(this.#timer)
    this.#observation.close()
  }

  #hear(event: AxonEvent): void {
    // First what there is most of.
    if ('run' in event) return this.#hearRun(event)
    const { type } = event
    if (type === 'process.output') return this.#lines.hear(event)
    if (isBeat(type)) return this.#processes.hear(event)
    if (type === 'system.started') {
      this.#begin()
      if (this.#viewers.size > 0) this.#observation.open()
    }
    this.#figures.count.hear(event)
    this.#lines.hear(event)
    if (isOfAgent(event)) {
      if (!this.#observation.isInspecting) this.#observation.tellAgent(event)
    } else this.#observation.tellRoot(event)
    this.#processes.hear(event)
    this.#crashes.hear(event)
    this.#hosts.hear(event)
    if (type === 'system.closed') this.#ended()
  }

  #hearRun(event: Extract<Fact, { run: string }>): void {
    if (event.type === 'run.settled') {
      this.#figures.count.hear(event)
      const frame = this.#streams.end(event)
      if (frame) this.#timeline.tell(frame)
    }
    this.#crashes.hear(event)
    this.#runs.hear(event)
  }

  #ended(): void {
    this.#timeline.tell({ type: 'closed', at: this.#timeline.now() })
    this.#timeline.flush()
  }

  /** Every second while somebody looks. */
  #tick(): void {
    if (!isStarted(this.#axon)) return
    const dispatcher = dispatcherOf(this.#axon.actor.system)
    const loadOf = (agent: string) => dispatcher.load(agent)
    for (const frame of this.#figures.news(this.#timeline.now(), this.#axon.agents, loadOf)) this.#timeline.tell(frame)
    if (this.#ticks % ticksPerBeat === 0) {
      this.#timeline.tell(this.#processes.beats((agent, replica) => loadOf(agent).byReplica.get(replica)))
    }
    this.#ticks += 1
  }

  /** Before frames are told. */
  #complete(): void {
    this.#observation.sweep()
    this.#crashes.complete()
    if (this.#viewers.size === 0) return
    const { changed } = this.#observation
    for (const id of this.#viewers.watched('actors'))
      if (changed.has(id))
        for (const frame of contextFrames(this.#actors.get(id), this.#timeline.now())) this.#timeline.tell(frame)
    changed.clear()
    const news = this.#lines.news((replica) => {
      const sessionId = this.#actors.replica(replica)?.frame.sessionId
      return sessionId !== undefined && this.#viewers.isWatched('logs', sessionId) ? sessionId : undefined
    })
    for (const frame of news) this.#timeline.tell(frame)
  }
}

/** What an agent or one of its replicas has told by an event, which XState tells of too. */
function isOfAgent(event: AxonEvent): event is Extract<AxonEvent, { agent: string }> {
  if (!('agent' in event)) return false
  return event.type !== 'agent.spawned' && event.type !== 'agent.retired' && event.type !== 'agent.waiting'
}

function isStarted(axon: Axon): boolean {
  try {
    return axon.id !== ''
  } catch {
    return false
  }
}
