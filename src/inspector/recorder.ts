/**
 * Owns the way from a running system to frames: what is alive, what happened, and who is told. How a frame is made is its
 * neighbours'; how it reaches a page is the server's.
 */
import type { AnyActorRef } from 'xstate'
import type { Axon } from '../runtime/axon.ts'
import type { Command, HelloFrame, LiveFrame, LiveRole } from './frames.ts'
import type { Viewer, Watches } from './viewers.ts'

export type { Viewer, Watches } from './viewers.ts'

export interface RecorderOptions {
  /** How many events are kept. Default: 20 000. */
  events?: number | undefined
  /** How many bytes they may have, as JSON. Default: 16 MiB. */
  bytes?: number | undefined
  /** How the page calls the system. Default: `axon`. */
  name?: string | undefined
  /** Milliseconds since 1970, to three decimals. Default: the system's clock. */
  now?: (() => number) | undefined
}

/** What a command may need to know of an actor. */
export interface ActorFacts {
  /** Where an event is sent to. */
  readonly ref: AnyActorRef
  readonly agent: string | undefined
  /** `support/0`, of a replica. */
  readonly replica: string | undefined
  /** The process that it has, or had last: `support/0#3`. */
  readonly generation: string | undefined
  /** The closed list of what may be sent to it, and whether now. */
  readonly next: readonly { event: string; allowed: boolean; why?: string }[]
}

export class Recorder {
  /** Records from now on, also where the system is not started yet. */
  constructor(axon: Axon, options: RecorderOptions = {}) {
    void axon
    void options
  }

  hello(role: LiveRole, caps: readonly Command['type'][]): HelloFrame {
    void role
    void caps
    throw new Error('not yet')
  }

  /** All that is alive now, parents first, and what there is of what is watched. */
  present(watches: Watches): LiveFrame[] {
    void watches
    return []
  }

  /** What there is of what is newly watched: contexts, and the logs and events that are kept. For a page that watches more. */
  watched(more: Watches): LiveFrame[] {
    void more
    return []
  }

  /** What is kept from `fromSeq` on: a gap where some are gone, a keyframe where one is needed, then frames. */
  history(fromSeq: number, toSeq?: number): LiveFrame[] {
    void fromSeq
    void toSeq
    return []
  }

  /** Tells a viewer what happens, in batches. The answer ends it. Tell of its changed watches with `changed`. */
  add(viewer: Viewer): () => void {
    void viewer
    return () => {}
  }

  /** Undefined: no such actor is alive. */
  actor(sessionId: string): ActorFacts | undefined {
    void sessionId
    return undefined
  }

  /** To be called after the `watches` of a viewer are others. */
  changed(): void {}

  /** Sends what waits for the viewers, and ends everything. Idempotent. */
  close(): void {}
}
