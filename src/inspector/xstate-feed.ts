/**
 * Owns who is told in the words of the XState inspector: whoever comes hears of every actor that is alive, parents first, and then
 * of what happens. What a frame says is xstate-frames.ts.
 *
 * 1. With nobody there, nothing is observed. With many, a frame is written once.
 * 2. An actor is told before anything of it.
 * 3. Of runs, so many a second are told, each whole or not at all; what comes faster than it can be told is left out, and the
 *    actors are told again as they are then.
 */
import type { AnyActorRef, InspectionEvent, Subscription } from 'xstate'
import { runLogic } from '../machines/run.ts'
import { Actors, logicOf, parentOf } from './actors.ts'
import { TokenBucket } from './token-bucket.ts'
import { actorFrame, frameOf } from './xstate-frames.ts'

/** Takes frames, each a text of its own. */
export type TakeFrames = (frames: readonly string[]) => void

interface Heard {
  readonly ref: AnyActorRef
  /** Not told: a run that is one too many. */
  readonly isLeftOut: boolean
  isIntroduced: boolean
}

const flushMs = 50
const maxPending = 5_000
const runsPerSecond = 100
const maxRunsAtOnce = 200

export class XStateFeed {
  readonly #root: AnyActorRef
  readonly #actors: Actors
  readonly #takers = new Set<TakeFrames>()
  /** Who was heard of, by session id. */
  readonly #heard = new Map<string, Heard>()
  #pending: InspectionEvent[] = []
  #isOverrun = false
  #subscription: Subscription | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #runs = new TokenBucket(runsPerSecond, maxRunsAtOnce)

  /** @param root of the system; it may not be started yet */
  constructor(root: AnyActorRef) {
    this.#root = root
    this.#actors = new Actors(root)
  }

  /** Tells `take` what is, then what happens. The answer ends it. */
  add(take: TakeFrames): () => void {
    this.#flush()
    this.#subscription ??= this.#root.system.inspect((event) => this.#see(event))
    this.#takers.add(take)
    take(this.#alive())
    return () => {
      this.#takers.delete(take)
      if (this.#takers.size === 0) this.#rest()
    }
  }

  /** Tells what waits, and ends. */
  close(): void {
    this.#flush()
    this.#takers.clear()
    this.#rest()
  }

  #see(event: InspectionEvent): void {
    if (event.type === '@xstate.microstep' || event.type === '@xstate.action') return
    if (this.#hear(event.actorRef as AnyActorRef).isLeftOut) return
    if (this.#pending.length === maxPending) {
      this.#isOverrun = true
      this.#pending = []
    }
    this.#pending.push(event)
    this.#timer ??= setTimeout(() => this.#flush(), flushMs)
  }

  #hear(ref: AnyActorRef): Heard {
    const known = this.#heard.get(ref.sessionId)
    if (known !== undefined) return known
    const isLeftOut = logicOf(ref) === runLogic && !this.#runs.take()
    const heard: Heard = { ref, isLeftOut, isIntroduced: false }
    this.#heard.set(ref.sessionId, heard)
    return heard
  }

  #flush(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    const [pending, isOverrun] = [this.#pending, this.#isOverrun]
    this.#pending = []
    this.#isOverrun = false
    if (this.#takers.size > 0 && pending.length > 0) {
      const frames = isOverrun ? this.#alive() : this.#written(pending)
      for (const take of this.#takers) take(frames)
    }
    this.#forgetEnded()
  }

  #written(events: readonly InspectionEvent[]): string[] {
    return events.flatMap((event) => {
      const ref = event.actorRef as AnyActorRef
      if (event.type === '@xstate.actor') this.#hear(ref).isIntroduced = true
      const frame = frameOf(event)
      return [...this.#introduced(ref), ...(frame === undefined ? [] : [frame])]
    })
  }

  /** Whoever was there before anybody looked is told when it is first heard of, its parents before it. */
  #introduced(ref: AnyActorRef): string[] {
    const heard = this.#hear(ref)
    if (heard.isIntroduced) return []
    const parent = parentOf(ref)
    const before = parent === undefined ? [] : this.#introduced(parent)
    heard.isIntroduced = true
    return [...before, actorFrame(ref, this.#root.sessionId)]
  }

  /** Everything that is alive, parents first. */
  #alive(): string[] {
    for (const ref of this.#actors.alive()) this.#hear(ref)
    const heard = [...this.#heard.values()].filter(({ ref, isLeftOut }) => !isLeftOut && isActive(ref))
    for (const one of heard) one.isIntroduced = false
    return heard.flatMap(({ ref }) => this.#introduced(ref))
  }

  #forgetEnded(): void {
    for (const [id, { ref }] of this.#heard) if (!isActive(ref)) this.#heard.delete(id)
  }

  /** Nobody is there. */
  #rest(): void {
    this.#subscription?.unsubscribe()
    this.#subscription = undefined
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#pending = []
    this.#heard.clear()
  }
}

function isActive(ref: AnyActorRef): boolean {
  return (ref.getSnapshot() as { status?: string } | undefined)?.status === 'active'
}
