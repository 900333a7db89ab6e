import { describe, expect, it } from 'vitest'
import { PoolRig } from './pool-rig.ts'

const three = { replicas: { min: 3, max: 3 } }
const range = { replicas: { min: 1, max: 4 } }

describe('start and stop', () => {
  it('an agent that nobody has started has no replica', () => {
    const rig = new PoolRig(three)
    expect([rig.state, rig.replicas, rig.slots.environments.length]).toEqual(['resting', [], 0])
  })

  it('agent.start gives each replica one process, however often it is said', () => {
    const rig = new PoolRig(three)
    for (let times = 0; times < 3; times += 1) rig.send('agent.start')
    rig.settle()
    rig.send('agent.start')
    rig.settle()
    expect(rig.alive).toEqual(['writer/0#1', 'writer/1#1', 'writer/2#1'])
    expect(rig.replicas).toEqual(['0 ready', '1 ready', '2 ready'])
  })

  it('agent.stop drains all and keeps them; agent.start brings back the same, each with its next process', () => {
    const rig = new PoolRig(three).up()
    rig.send('agent.stop')
    expect(rig.replicas).toEqual(['0 draining', '1 draining', '2 draining'])
    rig.settle()
    expect([rig.replicas, rig.alive]).toEqual([['0 stopped', '1 stopped', '2 stopped'], []])
    rig.up()
    expect(rig.alive).toEqual(['writer/0#2', 'writer/1#2', 'writer/2#2'])
  })

  it('agent.start during the stop is kept: each replica that stays starts again', () => {
    const rig = new PoolRig({ replicas: { min: 2, max: 2 } }).up()
    rig.send('agent.stop')
    rig.send('agent.start')
    expect(rig.alive).toEqual(['writer/0#1', 'writer/1#1'])
    rig.settle()
    expect(rig.alive).toEqual(['writer/0#2', 'writer/1#2'])
  })

  it.each(['agent.stop', 'agent.drain', 'agent.quiet'] as const)(
    '%s lets go for good what the load has added',
    (type) => {
      const rig = new PoolRig(range).up()
      rig.scale(3, 'load')
      rig.settle()
      rig.told()
      rig.send(type)
      rig.settle()
      const why = type === 'agent.quiet' ? 'load' : 'asked'
      expect(rig.told(/scaled|removed/)).toEqual([
        `agent.scaled 3 to 1, ${why}`,
        'replica.removed writer/1',
        'replica.removed writer/2',
      ])
      expect(rig.alive).toEqual([])
      expect(rig.replicas).toEqual([type === 'agent.quiet' ? '0 idle' : '0 stopped'])
    },
  )

  it('agent.stop before the first start is a stop: no process, and the agent says that it is stopped', () => {
    const rig = new PoolRig()
    rig.send('agent.stop')
    expect(rig.told(/stopped/)).toEqual(['agent.stopped writer/0#0'])
    expect(rig.slots.environments).toEqual([])
  })

  it('what was asked to rest before it was ready serves, and is scaled by its load again', () => {
    const rig = new PoolRig(range)
    rig.send('agent.start')
    rig.send('agent.quiet')
    rig.settle()
    rig.scale(2, 'load')
    rig.settle()
    expect(rig.replicas).toEqual(['0 ready', '1 ready'])
  })
})

describe('agent.scale', () => {
  it('starts more at once, and drains those that are too many from the last on', () => {
    const rig = new PoolRig().up()
    rig.scale(3)
    rig.settle()
    expect(rig.replicas).toEqual(['0 ready', '1 ready', '2 ready'])
    expect(rig.definition.replicas).toEqual({ min: 3, max: 3 })
    rig.scale(1)
    expect(rig.replicas).toEqual(['0 ready', '1 (draining)', '2 (draining)'])
    rig.settle()
    expect(rig.replicas).toEqual(['0 ready'])
  })

  it('lets go first of what does not serve', () => {
    const rig = new PoolRig(three).up()
    rig.process('writer/0#1').exited()
    rig.scale(2)
    rig.settle()
    expect(rig.replicas).toEqual(['1 ready', '2 ready'])
  })

  it('makes a replica again under the index that is free, and its processes go on counting', () => {
    const rig = new PoolRig({ replicas: { min: 2, max: 2 } }).up()
    rig.process('writer/1#1').exited()
    rig.clock.advance(0)
    rig.settle()
    rig.scale(1)
    rig.settle()
    rig.scale(2)
    rig.settle()
    expect(rig.alive).toEqual(['writer/0#1', 'writer/1#3'])
  })

  it('while one of that index drains makes another', () => {
    const rig = new PoolRig({ replicas: { min: 2, max: 2 } }).up()
    rig.scale(1)
    rig.scale(2)
    rig.serve()
    expect(rig.replicas).toEqual(['0 ready', '1 (draining)', '2 ready'])
  })

  it('keeps to a range', () => {
    const rig = new PoolRig({ replicas: { min: 2, max: 3 } }).up()
    rig.scale(9)
    rig.settle()
    expect(rig.replicas).toHaveLength(3)
    rig.scale(0)
    rig.settle()
    expect(rig.replicas).toHaveLength(2)
    expect(rig.definition.replicas).toEqual({ min: 2, max: 3 })
  })

  it.each([Number.NaN, Number.POSITIVE_INFINITY, -1, 1.5, 10_001, '2', undefined])(
    'with %s changes nothing',
    (count) => {
      const rig = new PoolRig({ replicas: { min: 2, max: 2 } }).up()
      rig.scale(count as number)
      expect([rig.replicas, rig.told(), rig.definition.replicas]).toEqual([
        ['0 ready', '1 ready'],
        [],
        { min: 2, max: 2 },
      ])
    },
  )

  it('never leaves an agent without a replica, and one with a port of its own never has two', () => {
    const rig = new PoolRig({ port: 8_001, replace: 'recreate' }).up()
    for (const replicas of [0, 3]) rig.scale(replicas)
    rig.settle()
    expect([rig.replicas, rig.told(/scaled/)]).toEqual([['0 ready'], []])
  })

  it('starts an agent that was stopped where somebody asks, and not where the load does', () => {
    const rig = new PoolRig(range).up()
    rig.send('agent.stop')
    rig.scale(3, 'load')
    rig.settle()
    expect(rig.replicas).toEqual(['0 stopped'])
    rig.scale(3)
    rig.settle()
    expect(rig.replicas).toEqual(['0 ready', '1 ready', '2 ready'])
  })

  it('to an agent that nobody has started starts it, and not where the load does', () => {
    const rig = new PoolRig({ replicas: { min: 0, max: 4 } })
    rig.scale(2, 'load')
    expect(rig.state).toBe('resting')
    rig.scale(2)
    rig.settle()
    expect(rig.replicas).toEqual(['0 ready', '1 ready'])
    expect(rig.told(/scaled/)).toEqual(['agent.scaled 0 to 2, asked'])
  })
})

it('the parent of runs is made when runs come, once', () => {
  const rig = new PoolRig()
  rig.send('tasks.wanted')
  const { tasks } = rig.snapshot.children
  rig.send('agent.start')
  rig.send('tasks.wanted')
  expect(tasks).toBeDefined()
  expect(rig.snapshot.children.tasks).toBe(tasks)
})
