/** Owns a viewer of a recorder, as tests have one: it keeps the frames that it is told, and waits for one. */
import { afterEach } from 'vitest'
import type { Axon } from '../../../src/index.ts'
import type { LiveFrame } from '../../../src/inspector/frames.ts'
import { Recorder, type RecorderOptions } from '../../../src/inspector/recorder.ts'

const recorders = new Set<Recorder>()

afterEach(() => {
  for (const recorder of recorders) recorder.close()
  recorders.clear()
})

export function newRecorder(axon: Axon, options?: RecorderOptions): Recorder {
  const recorder = new Recorder(axon, options)
  recorders.add(recorder)
  return recorder
}

export type FrameOf<Type extends LiveFrame['type']> = Extract<LiveFrame, { type: Type }>

export class TestViewer {
  readonly watches = { actors: new Set<string>(), logs: new Set<string>(), runs: new Set<string>() }
  readonly batches: string[] = []
  readonly frames: LiveFrame[] = []
  readonly leave: () => void
  readonly #recorder: Recorder
  #waiting = new Set<() => void>()

  constructor(recorder: Recorder) {
    this.#recorder = recorder
    this.frames.push(recorder.hello('operate', []), ...recorder.present(this.watches))
    this.leave = recorder.add(this)
  }

  /** Also of what it watches already: it is told what there is. */
  watch(what: 'actors' | 'logs' | 'runs', id: string): void {
    const none = { actors: new Set<string>(), logs: new Set<string>(), runs: new Set<string>() }
    this.receive(JSON.stringify(this.#recorder.watched({ ...none, [what]: new Set([id]) })))
    this.watches[what].add(id)
  }

  receive(batch: string): void {
    this.batches.push(batch)
    this.frames.push(...(JSON.parse(batch) as LiveFrame[]))
    for (const look of this.#waiting) look()
  }

  /** Also of the first keyframe. */
  all<Type extends LiveFrame['type']>(type: Type): FrameOf<Type>[] {
    const flat = this.frames.flatMap((frame) => (frame.type === 'keyframe' ? frame.frames : [frame]))
    return flat.filter((frame) => frame.type === type) as FrameOf<Type>[]
  }

  /** The first that matches, of those that were told and those that come. */
  async until<Type extends LiveFrame['type']>(
    type: Type,
    matches: (frame: FrameOf<Type>) => boolean = () => true,
  ): Promise<FrameOf<Type>> {
    for (;;) {
      const found = this.all(type).find(matches)
      if (found) return found
      await new Promise<void>((resolve) => {
        const look = () => {
          this.#waiting.delete(look)
          resolve()
        }
        this.#waiting.add(look)
      })
    }
  }

  /** The session id of an actor, by its name. */
  idOf(name: string): string {
    const found = this.all('@xstate.actor').find((frame) => frame.name === name)
    if (found === undefined) throw new Error(`No actor is called ${name}.`)
    return found.sessionId
  }

  /** The states that it was told to be in, the first by its actor frame. */
  statesOf(name: string): unknown[] {
    const id = this.idOf(name)
    const flat = this.frames.flatMap((frame) => (frame.type === 'keyframe' ? frame.frames : [frame]))
    return flat.flatMap((frame) =>
      (frame.type === '@xstate.actor' || frame.type === '@xstate.snapshot') && frame.sessionId === id
        ? [frame.snapshot.value]
        : [],
    )
  }
}
