/**
 * Owns the hosts as frames. A host is a process and no actor of XState; in the tree it is shown beside the agents whose processes it
 * starts.
 */
import { basename, dirname } from 'node:path'
import type { HostReadyFrame } from '../protocol/host.ts'
import type { AxonEvent } from '../runtime/telemetry/catalogue.ts'
import type { Actors } from './actors.ts'
import { environmentName } from './process-frames.ts'
import type { Timeline } from './timeline.ts'

export type HostFacts = Pick<HostReadyFrame, 'pid' | 'python'> & { root: string }

export class HostFrames {
  readonly #timeline: Timeline
  readonly #actors: Actors
  /** Their pids. One environment may have several. */
  readonly #hosts = new Set<number>()

  constructor(timeline: Timeline, actors: Actors) {
    this.#timeline = timeline
    this.#actors = actors
  }

  hear(event: AxonEvent): void {
    if (event.type === 'host.ready') this.see(event)
    else if (event.type === 'host.lost') this.#gone(event.pid, event.how)
    else if (event.type === 'system.closed') for (const pid of [...this.#hosts]) this.#gone(pid, 'closed')
  }

  /** There is a host. */
  see({ root, pid, python }: HostFacts): void {
    const sessionId = sessionOf(pid)
    if (this.#hosts.has(pid)) return
    this.#hosts.add(pid)
    const environment = nameOf(root, python)
    const now = this.#timeline.now()
    const { sessionId: rootId } = this.#actors.root
    this.#timeline.record({
      type: '@xstate.actor',
      sessionId,
      rootId,
      name: environment,
      parentId: rootId,
      kind: 'host',
      order: this.#actors.nextOrder(),
      snapshot: { status: 'active', value: 'running', since: now, next: [] },
    })
    const process = {
      generation: `${environment}#1`,
      pid,
      startTime: now,
      environment,
      placement: 'local',
      restarts: 0,
    }
    this.#timeline.record({ type: 'process', sessionId, ...process })
  }

  /** One that was never ready was never there. */
  #gone(pid: number | undefined, reason: string): void {
    if (pid === undefined || !this.#hosts.delete(pid)) return
    this.#timeline.record({ type: 'actor.gone', sessionId: sessionOf(pid), reason })
  }
}

const sessionOf = (pid: number): string => `host:${pid}`

/** Of `…/environments/9f31c2…/build/venv` the fingerprint; of an environment that a user has given, its directory. */
function nameOf(root: string, python: string): string {
  const fingerprint = basename(dirname(dirname(root)))
  return environmentName(python, /^[0-9a-f]{32}$/.test(fingerprint) ? fingerprint.slice(0, 6) : basename(root))
}
