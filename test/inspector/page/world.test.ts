import { describe, expect, it } from 'vitest'
import type { LiveFrame, RunFrame } from '../../../src/inspector/frames.ts'
import { apply, emptyWorld, noChange, rootOf, type WorldState } from '../../../src/inspector/page/world.ts'
import { makeScene } from '../scene.ts'
import { worldFrom } from '../scene-history.ts'
import { idOf } from '../scene-replicas.ts'

const scene = makeScene()
const at = scene.hello.now

function changesOf(world: WorldState, frame: LiveFrame) {
  const changed = noChange()
  apply(world, frame, changed)
  return changed
}

describe('the world of the page', () => {
  it('has the tree of the system, in its order', () => {
    const world = worldFrom(scene.frames, scene.hello.seq)
    const names = (id: string): string[] =>
      world.actors.get(id)?.children.map((child) => world.actors.get(child)?.name ?? '?') ?? []
    const root = rootOf(world)
    expect(root?.name).toBe('support-desk')
    expect(names('s:1')).toEqual(['support', 'research', 'writer', 'triage', 'billing', 'vision'])
    expect(names(idOf('triage'))).toEqual(['triage/0', 'triage/1', 'triage/2', 'triage/3'])
  })

  it('counts visits of states, and the time in them', () => {
    const world = worldFrom(scene.frames, scene.hello.seq)
    const actor = world.actors.get(idOf('research/1'))
    const count = (key: string) => [...(actor?.visits ?? [])].find(([id]) => id.endsWith(`.${key}`))?.[1]
    expect(count('crashed')?.count).toBe(6)
    expect(count('ready')?.count).toBe(6)
    expect(count('starting')?.totalMs).toBeCloseTo(500, -1)
    expect(actor?.taken).toHaveLength(3)
  })

  it('replaces an actor that changed, and leaves the others as they are', () => {
    const world = worldFrom(scene.frames, scene.hello.seq)
    const before = new Map(world.actors)
    const actor = before.get(idOf('support/0'))
    if (actor === undefined) throw new Error('support/0 is there')
    const changed = changesOf(world, {
      type: '@xstate.snapshot',
      seq: world.seq + 1,
      at,
      sessionId: actor.sessionId,
      snapshot: { ...actor.snapshot, value: 'suspect', since: at },
      event: { type: 'process.silent' },
      edges: [],
    })
    expect([...changed.actors]).toEqual([actor.sessionId])
    for (const [id, other] of before) expect(world.actors.get(id) === other).toBe(id !== actor.sessionId)
  })

  it('keeps the dead to be looked at, out of the tree', () => {
    const world = worldFrom(scene.frames, scene.hello.seq)
    const id = idOf('triage/3')
    const changed = changesOf(world, {
      type: 'actor.gone',
      seq: world.seq + 1,
      at,
      sessionId: id,
      reason: 'scaled down',
    })
    expect(changed.tree).toBe(true)
    expect(world.actors.get(id)?.isGone).toBe(true)
    expect(world.actors.get(idOf('triage'))?.children).not.toContain(id)
  })

  it('forgets settled runs beyond 500, and none that go on', () => {
    const world = emptyWorld()
    const run = (n: number, status: RunFrame['status']): RunFrame => ({
      type: 'run',
      seq: n,
      at: n,
      run: `run_${n}`,
      agent: 'support',
      status,
      attempt: 1,
      started: true,
      phases: [],
    })
    apply(world, run(0, 'streaming'), noChange())
    for (let n = 1; n < 800; n++) apply(world, run(n, 'succeeded'), noChange())
    expect(world.runs.size).toBe(500)
    expect(world.runs.has('run_0')).toBe(true)
    expect(world.runs.has('run_799')).toBe(true)
  })

  it('says no weight of a process that is gone', () => {
    const world = worldFrom(scene.frames, scene.hello.seq)
    expect(world.actors.get(idOf('research/1'))?.beat).toBeUndefined()
    expect(world.actors.get(idOf('research/0'))?.beat?.rssBytes).toBeGreaterThan(1e8)
  })

  it('is not troubled by frames and actors that it does not know', () => {
    const world = worldFrom(scene.frames, scene.hello.seq)
    const size = world.actors.size
    apply(world, { type: 'weather', mood: 'odd' } as unknown as LiveFrame, noChange())
    apply(world, { type: 'actor.gone', seq: world.seq + 1, at, sessionId: 'nobody', reason: '' }, noChange())
    apply(world, { type: 'context', at, sessionId: 'nobody', context: {} }, noChange())
    expect(world.actors.size).toBe(size)
  })
})
