/** The core by itself: it needs no machine, only somebody who hears its effects and tells it what happens. */
import { describe, expect, it } from 'vitest'
import type { AnyActorRef } from 'xstate'
import type { Effects } from '../../../src/machines/supervision/effects.ts'
import { exit } from '../../../src/machines/supervision/exit.ts'
import type { SupervisorEvent } from '../../../src/machines/supervision/facts.ts'
import type { SupervisorOptions } from '../../../src/machines/supervision/index.ts'
import { Supervision } from '../../../src/machines/supervision/supervision.ts'
import { worker } from './rig.ts'

/** An actor in name only. */
class Puppet {
  snapshot: { status: string; output?: unknown } = { status: 'active' }
  readonly id: string

  constructor(id: string) {
    this.id = id
  }

  getSnapshot() {
    return this.snapshot
  }
}

/** Writes down what the core has done, and hears it only when it is told to. */
class Embedder implements Effects {
  readonly did: string[] = []
  readonly puppets: Puppet[] = []
  readonly supervision: Supervision
  time = 0
  timers: string[] = []

  constructor(options: SupervisorOptions) {
    this.supervision = new Supervision(options)
    this.hear({ type: 'supervisor.begin' })
  }

  hear(event: SupervisorEvent): void {
    this.supervision.handle(event, this)
  }

  /** The newest actor of that child ends. */
  ends(id: string, output?: unknown): void {
    const puppet = this.puppets.findLast((one) => one.id === id) as Puppet
    puppet.snapshot = { status: 'done', output }
    this.hear({ type: 'supervisor.look', child: id })
  }

  make(id: string): AnyActorRef {
    const puppet = new Puppet(id)
    this.puppets.push(puppet)
    return puppet as unknown as AnyActorRef
  }

  start(ref: AnyActorRef): void {
    this.did.push(`start ${ref.id}`)
  }

  end(id: string, ref: AnyActorRef): void {
    this.did.push(`end ${id}`)
    ;(ref as unknown as Puppet).snapshot = { status: 'stopped' }
  }

  send(): void {
    throw new Error('These take no events.')
  }

  watch(): () => void {
    throw new Error('These need not be ready.')
  }

  schedule(timer: string, delayMs: number): void {
    this.timers.push(timer)
    this.did.push(`wait ${delayMs}`)
  }

  cancel(timer: string): void {
    this.timers = this.timers.filter((one) => one !== timer)
  }

  goOnLater(): void {
    this.did.push('go on')
  }

  tell(): void {}

  now(): number {
    return this.time
  }
}

const two = ['a', 'b'].map((id) => ({ id, logic: worker() }))

describe('the core without a machine', () => {
  it('starts, restarts after its own timer, and ends', () => {
    const embedder = new Embedder({ strategy: 'one_for_all', backoff: { firstMs: 70 }, children: two })
    const { supervision } = embedder
    embedder.ends('b', exit('boom'))
    expect(embedder.did.splice(0)).toEqual(['start a', 'start b', 'end a', 'wait 70'])
    embedder.hear({ type: 'supervisor.timer', timer: embedder.timers[0] as string })
    expect(embedder.did.splice(0)).toEqual(['start a', 'start b'])
    embedder.hear({ type: 'supervisor.shutdown' })
    expect([embedder.did.splice(0), supervision.phase]).toEqual([['go on'], 'stopping'])
    embedder.hear({ type: 'supervisor.continue' })
    expect([embedder.did, supervision.phase, supervision.exitReason]).toEqual([
      ['end b', 'end a'],
      'stopped',
      'shutdown',
    ])
  })

  it('does no more than some hundred steps in one turn', () => {
    const children = Array.from({ length: 1200 }, (_, index) => ({ id: String(index), logic: worker() }))
    const embedder = new Embedder({ children })
    const turns = [embedder.did.filter((one) => one.startsWith('start')).length]
    while (embedder.did.at(-1) === 'go on') {
      embedder.hear({ type: 'supervisor.continue' })
      turns.push(embedder.did.filter((one) => one.startsWith('start')).length)
    }
    expect(turns).toHaveLength(3)
    expect(turns[0]).toBeLessThanOrEqual(500)
    expect(turns[2]).toBe(1200)
    expect(embedder.supervision.phase).toBe('running')
  })

  it('ends all at once when it is abandoned, and refuses what waits', () => {
    const embedder = new Embedder({ children: two })
    const answers: boolean[] = []
    embedder.hear({ type: 'supervisor.stop', reply: ({ ok }) => answers.push(ok) })
    embedder.hear({ type: 'supervisor.deleteChild', id: 'a', reply: ({ ok }) => answers.push(ok) })
    embedder.supervision.abandon(embedder)
    expect(embedder.did.slice(-2)).toEqual(['end b', 'end a'])
    expect(answers).toEqual([true, false])
  })
})
