import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { AgentDefinition } from '../../src/machines/definition.ts'
import { kept, leastOf } from '../../src/machines/pool-context.ts'
import { sized } from '../faults/profile.ts'
import { type Command, first, limits, play, sequence } from './pool-commands.ts'
import { PoolRig } from './pool-rig.ts'

/** What may let go of processes that serve, with nothing in their place. */
const lettingGo = new Set<Command['type']>(['stop', 'drain', 'quiet', 'scale'])

/** Plays the commands, and after each looks whether every invariant holds. */
class Watch {
  readonly rig: PoolRig
  /** Asked to serve, and not to end or rest since. */
  isAsked = false
  /** Asked to stop, and not to serve since. */
  isStopped = false

  constructor(changes: Partial<AgentDefinition>) {
    this.rig = new PoolRig({ ...limits, ...changes })
  }

  play(command: Command): void {
    const { rig } = this
    const { type } = command
    const [before, made, exited] = [rig.serving, rig.slots.processes.length, new Set(rig.alive)]
    const isOverlapping = rig.definition.replace === 'rolling'
    play(rig, command)
    if (type === 'start' || type === 'restart' || (type === 'scale' && command.why === undefined)) {
      this.isAsked = true
      this.isStopped = false
    } else if (type === 'stop' || type === 'drain' || type === 'quiet') {
      this.isAsked = false
      this.isStopped ||= type === 'stop'
    }
    for (const generation of rig.alive) exited.delete(generation)

    expect(rig.snapshot.status).toBe('active')
    // No process is named twice.
    const names = rig.slots.processes.map(({ generation }) => generation)
    expect(new Set(names).size).toBe(names.length)
    // What was stopped starts nothing by itself.
    if (this.isStopped) expect(names.length).toBe(made)
    this.#count()
    const isShrinking = type === 'configure' && command.changes.replicas !== undefined
    if (isOverlapping && !lettingGo.has(type) && !isShrinking) this.#compare(before, exited)
  }

  /** No more than are wanted and the one of a rollout, and, where it is to serve, no fewer. */
  #count(): void {
    const { context, value } = this.rig.snapshot
    const { rollout, definition } = context
    const count = kept(context).length - (rollout?.surge === undefined ? 0 : 1)
    expect(count).toBeLessThanOrEqual(Math.max(1, definition.replicas.max))
    if (this.isAsked) expect(count).toBeGreaterThanOrEqual(leastOf(definition))
    expect(value === 'rolling').toBe(rollout !== undefined)
    if (rollout?.surge !== undefined) expect(rollout.waiting.length).toBeGreaterThan(0)
  }

  /** What served and serves no more has died, is silent, or has a successor that serves. */
  #compare(before: readonly string[], exited: ReadonlySet<string>): void {
    const after = this.rig.serving
    const lost = before.filter((generation) => {
      if (after.includes(generation) || exited.has(generation)) return false
      const replica = this.rig.replica(Number(/\/(\d+)#/.exec(generation)?.[1]))
      return replica?.matches('draining') || replica?.matches('stopping')
    })
    const gained = after.filter((generation) => !before.includes(generation))
    expect(lost.length).toBeLessThanOrEqual(gained.length)
  }

  /** However it is: it can be stopped, started, and retired. */
  finish(): void {
    const { rig } = this
    this.play({ type: 'stop' })
    rig.settle()
    expect([rig.alive, rig.clock.pending]).toEqual([[], 0])
    this.play({ type: 'start' })
    rig.settle()
    expect(rig.serving).toHaveLength(rig.replicas.length)
    expect(rig.serving.length).toBeGreaterThanOrEqual(leastOf(rig.definition))
    rig.send('agent.retire')
    rig.settle()
    expect([rig.snapshot.status, rig.state, rig.alive, rig.clock.pending]).toEqual(['done', 'retired', [], 0])
    expect(rig.slots.processes.filter(({ isHeld, isCutOff }) => isHeld || isCutOff)).toEqual([])
  }
}

it('whatever is asked and whatever happens: every process has a name of its own, what serves has a successor before it is let go, and all of it ends', () => {
  const told = new Map<string, number>()
  fc.assert(
    fc.property(first, sequence, (definition, commands) => {
      const watch = new Watch(definition)
      for (const one of commands) watch.play(one)
      watch.finish()
      for (const { type } of watch.rig.facts) told.set(type, (told.get(type) ?? 0) + 1)
    }),
    { numRuns: sized(2_000, 10_000) },
  )
  // So that nothing passes by standing still.
  const few = ['rollout.completed', 'rollout.failed', 'replica.removed', 'agent.scaled', 'agent.failed'].filter(
    (type) => (told.get(type) ?? 0) < 50,
  )
  expect(few).toEqual([])
}, 900_000)
