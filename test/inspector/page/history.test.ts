import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { LiveFrame } from '../../../src/inspector/frames.ts'
import { History, isHistory, keyframeOf } from '../../../src/inspector/page/history.ts'
import { apply, emptyWorld, noChange, type WorldState } from '../../../src/inspector/page/world.ts'
import { makeScene } from '../scene.ts'
import { worldFrom } from '../scene-history.ts'

const scene = makeScene()

function remembered(frames: readonly LiveFrame[], options?: ConstructorParameters<typeof History>[0]) {
  const history = new History(options)
  const world = emptyWorld()
  for (const frame of frames) {
    apply(world, frame, noChange())
    history.push(frame, 100, world)
  }
  return { history, world }
}

/** The parts that a view draws, without the moments at which figures came. */
function seen({ actors, runs, machines, seq }: WorldState) {
  return { actors, runs, machines, seq }
}

/** Figures and beats that came after an event belong to it, until the next. */
function worldUntil(seq: number): WorldState {
  const world = emptyWorld()
  for (const frame of scene.frames) {
    if (isHistory(frame) && frame.seq > seq) break
    apply(world, frame, noChange())
  }
  return world
}

describe('the state at an event', () => {
  it('is the same from a keyframe as from the beginning', () => {
    const { history } = remembered(scene.frames, { every: 100 })
    fc.assert(
      fc.property(fc.integer({ min: 1, max: scene.hello.seq }), (seq) => {
        expect(history.worldAt(seq)).toEqual(worldUntil(seq))
      }),
      { numRuns: 40 },
    )
  })

  it('is the same whatever the keyframes, and however much was forgotten before it', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 700 }),
        fc.integer({ min: 600, max: 4000 }),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (every, events, part) => {
          const { history } = remembered(scene.frames, { every, events })
          const seq = Math.round(history.oldestSeq + part * (scene.hello.seq - history.oldestSeq))
          expect(history.worldAt(seq)).toEqual(worldUntil(seq))
        },
      ),
      { numRuns: 15 },
    )
  })

  it('does not change what is now', () => {
    const { history, world } = remembered(scene.frames)
    const before = structuredClone(seen(world))
    for (const seq of [10, 1500, 2900]) history.worldAt(seq)
    expect(seen(world)).toEqual(before)
  })

  it('is found in 16 ms', () => {
    const { history } = remembered(scene.frames)
    history.worldAt(400)
    const times = [480, 990, 1490, 2490, 2990].map((seq) => {
      const begun = performance.now()
      history.worldAt(seq)
      return performance.now() - begun
    })
    expect(Math.min(...times)).toBeLessThan(16)
  })
})

describe('the ring', () => {
  it('keeps no more events than it may, and all of the newest', () => {
    const { history } = remembered(scene.frames, { events: 1000, every: 100 })
    expect(history.events).toBeLessThanOrEqual(1000)
    expect(history.events).toBeGreaterThanOrEqual(900)
    expect(history.between(scene.hello.seq - 99, scene.hello.seq).map(({ seq }) => seq)).toEqual(
      Array.from({ length: 100 }, (_, i) => scene.hello.seq - 99 + i),
    )
  })

  it('keeps no more bytes than it may', () => {
    const { history } = remembered(scene.frames, { bytes: 100_000, every: 50 })
    expect(history.bytes).toBeLessThanOrEqual(100_000)
    expect(history.oldestSeq).toBeGreaterThan(1000)
  })

  it('finds the event of a time and of a number', () => {
    const { history } = remembered(scene.frames)
    const crash = scene.frames.findLast((frame) => frame.type === 'crash')
    if (crash?.type !== 'crash') throw new Error('The scene has a crash.')
    expect(history.event(crash.seq)).toBe(crash)
    expect(history.seqAt(crash.at)).toBeGreaterThanOrEqual(crash.seq)
    expect(history.seqAt(crash.at - 1)).toBeLessThan(crash.seq)
    expect(history.seqAt(0)).toBe(history.oldestSeq)
  })
})

describe('a keyframe as a frame', () => {
  it('makes the same world again, on the wire too', () => {
    const world = worldFrom(scene.frames, scene.hello.seq)
    const again = emptyWorld()
    apply(again, JSON.parse(JSON.stringify(keyframeOf(world))) as LiveFrame, noChange())
    const plain = (state: WorldState) =>
      JSON.parse(
        JSON.stringify(
          [...state.actors.values()].map(({ taken: _, visits, ...actor }) => ({ ...actor, visits: [...visits] })),
        ),
      )
    expect(plain(again)).toEqual(expect.arrayContaining(plain(world)))
    expect([...again.runs.keys()]).toEqual([...world.runs.keys()])
    expect(again.seq).toBe(world.seq)
  })
})
