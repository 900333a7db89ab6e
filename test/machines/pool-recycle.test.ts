import { describe, expect, it } from 'vitest'
import { PoolRig } from './pool-rig.ts'
import { definitionOf } from './samples.ts'

const two = { replicas: { min: 2, max: 2 } }
const mib = 2 ** 20

describe('a process beyond its age', () => {
  const aging = { ...two, recycle: { afterMs: 8_000 } }

  it('is replaced without a gap, each when it is so old', () => {
    const rig = new PoolRig(aging)
    rig.send('agent.start')
    rig.provide()
    const [one, other] = rig.silent
    if (one) rig.say(one)
    rig.clock.advance(1_000)
    if (other) rig.say(other)
    rig.told()
    rig.clock.advance(6_999)
    expect(rig.told()).toEqual([])
    rig.clock.advance(1)
    expect([rig.told(), rig.serving]).toEqual([['rollout.started 1, age'], ['writer/0#1', 'writer/1#1']])
    rig.settle()
    expect(rig.alive).toEqual(['writer/1#1', 'writer/2#1'])
  })

  it('grows old from its first readiness on: to be suspect makes nobody younger', () => {
    const rig = new PoolRig({ recycle: { afterMs: 25_000 } }).up()
    for (let times = 0; times < 2; times += 1) {
      rig.clock.advance(10_000)
      expect(rig.replicas).toEqual(['0 suspect.waiting'])
      rig.process('writer/0#1').beat()
    }
    rig.clock.advance(4_999)
    expect(rig.told(/rollout/)).toEqual([])
    rig.clock.advance(1)
    expect(rig.told(/rollout/)).toEqual(['rollout.started 1, age'])
  })

  it('is young again where it was restarted', () => {
    const rig = new PoolRig(aging).up()
    rig.clock.advance(7_000)
    rig.process('writer/0#1').exited()
    rig.clock.advance(0)
    rig.settle()
    rig.process('writer/1#1').beat()
    rig.clock.advance(1_000)
    expect(rig.told(/rollout/)).toEqual(['rollout.started 1, age'])
    rig.settle()
    expect(rig.alive).toEqual(['writer/0#2', 'writer/2#1'])
  })

  it('leaves no timer when it is stopped, or gone', () => {
    const rig = new PoolRig(aging).up()
    rig.scale(1)
    rig.send('agent.stop')
    rig.settle()
    expect(rig.clock.pending).toBe(0)
  })
})

describe('a process beyond its memory', () => {
  const big = { ...two, recycle: { aboveMb: 100 } }

  it('is replaced once, however often it says so', () => {
    const rig = new PoolRig(big).up()
    for (let times = 0; times < 3; times += 1) rig.process('writer/1#1').beat({ rss: 101 * mib })
    expect(rig.told(/rollout/)).toEqual(['rollout.started 1, memory'])
    rig.serve()
    rig.process('writer/1#1').beat({ rss: 101 * mib })
    rig.settle()
    expect(rig.alive).toEqual(['writer/0#1', 'writer/2#1'])
    expect(rig.told(/rollout/)).toEqual(['rollout.completed'])
  })

  it('is measured by its own share where that can be told', () => {
    const rig = new PoolRig(big).up()
    rig.process('writer/1#1').beat({ rss: 300 * mib, pss: 100 * mib })
    expect(rig.told(/rollout/)).toEqual([])
    rig.process('writer/1#1').beat({ rss: 300 * mib, pss: 100 * mib + 1 })
    expect(rig.told(/rollout/)).toEqual(['rollout.started 1, memory'])
  })

  it('waits in the rollout that is under way', () => {
    const rig = new PoolRig(big).up()
    for (const index of [0, 1]) rig.process(`writer/${index}#1`).beat({ rss: 101 * mib })
    rig.settle()
    expect(rig.told(/rollout/)).toEqual(['rollout.started 1, memory', 'rollout.completed'])
    expect(rig.alive).toEqual(['writer/2#1', 'writer/3#1'])
  })
})

describe('a process without a free descriptor', () => {
  const restart = { ...definitionOf('writer').restart, maxRestarts: 3, withinMs: 60_000 }
  const spent = { isOutOfFiles: true }
  const last = (rig: PoolRig) => rig.process(rig.alive.at(-1) ?? '')

  it('is replaced once, however often it says so', () => {
    const rig = new PoolRig(two).up()
    for (let times = 0; times < 3; times += 1) rig.process('writer/1#1').beat(spent)
    rig.settle()
    expect(rig.told(/rollout/)).toEqual(['rollout.started 1, files', 'rollout.completed'])
    expect(rig.alive).toEqual(['writer/0#1', 'writer/2#1'])
  })

  it('is replaced as often as it would be restarted, where its successors come to that as well', () => {
    const rig = new PoolRig({ restart }).up()
    const replaced = () => {
      last(rig).beat(spent)
      rig.settle()
      return rig.told(/rollout.started/).length
    }
    expect([replaced(), replaced(), replaced(), replaced()]).toEqual([1, 1, 1, 0])
    rig.clock.advance(0)
    for (let beats = 0; beats < 60; beats += 1) {
      rig.clock.advance(1_000)
      last(rig).beat()
    }
    expect(replaced()).toBe(1)
  })

  it('goes on where its successor cannot be started, and is not tried again with each word', () => {
    const rig = new PoolRig({ restart: { ...restart, maxRestarts: 1 } }).up()
    rig.process('writer/0#1').beat(spent)
    rig.failToImport(1)
    for (let times = 0; times < 5; times += 1) rig.process('writer/0#1').beat(spent)
    expect(rig.told(/rollout/)).toEqual(['rollout.started 1, files', 'rollout.failed'])
    expect(rig.alive).toEqual(['writer/0#1'])
  })
})

describe('replica.recycle', () => {
  it('replaces that process and no other', () => {
    const rig = new PoolRig(two).up()
    rig.recycle('writer/0#1')
    rig.settle()
    expect(rig.alive).toEqual(['writer/1#1', 'writer/2#1'])
  })

  it('restarts it where two cannot be beside each other', () => {
    const rig = new PoolRig({ ...two, replace: 'recreate' }).up()
    rig.recycle('writer/0#1')
    rig.settle()
    expect(rig.alive).toEqual(['writer/1#1', 'writer/0#2'])
  })

  it.each(['agent.stop', 'agent.drain', 'agent.quiet'] as const)('after %s starts nothing', (type) => {
    const rig = new PoolRig(two, {}, (fact) => {
      // While the stop is being passed on, so that the pool has not yet heard of its effect.
      if (fact.type === 'agent.draining') rig.recycle('writer/1#1')
    }).up()
    rig.send(type)
    rig.settle()
    expect([rig.alive, rig.slots.processes.length]).toEqual([[], 2])
  })

  it('of a process that has crashed meanwhile does nothing: it has its next already', () => {
    const rig = new PoolRig(two).up()
    rig.process('writer/0#1').exited()
    rig.recycle('writer/0#1')
    rig.clock.advance(0)
    rig.settle()
    rig.recycle('writer/0#1')
    expect([rig.state, rig.alive]).toEqual(['serving', ['writer/1#1', 'writer/0#2']])
  })
})
