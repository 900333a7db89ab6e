import { describe, expect, it } from 'vitest'
import { PoolRig } from './pool-rig.ts'
import { definitionOf } from './samples.ts'

const two = { replicas: { min: 2, max: 2 } }
const three = { replicas: { min: 3, max: 3 } }

describe('a rollout', () => {
  it('proves each new process ready before its old one drains, one after the other', () => {
    const rig = new PoolRig(two).up()
    rig.send('agent.restart')
    expect(rig.replicas).toEqual(['0 ready', '1 ready', '2 provisioning'])
    rig.settle()
    expect(rig.told()).toEqual([
      'rollout.started 2, asked',
      'agent.ready writer/2#1',
      'agent.draining writer/0#1',
      'agent.ready writer/3#1',
      'agent.draining writer/1#1',
      'replica.removed writer/0',
      'replica.removed writer/1',
      'rollout.completed',
    ])
    expect([rig.state, rig.alive]).toEqual(['serving', ['writer/2#1', 'writer/3#1']])
  })

  it('has no more than one process more than is wanted, beside those that drain, and at no time serves with less', () => {
    const rig = new PoolRig(three).up()
    rig.send('agent.restart')
    for (let step = 0; step < 3; step += 1) {
      expect(rig.serving).toHaveLength(3)
      expect(rig.replicas.filter((text) => !text.includes('('))).toHaveLength(4)
      rig.provide()
      for (const process of rig.silent) rig.say(process)
    }
    expect(rig.serving).toEqual(['writer/3#1', 'writer/4#1', 'writer/5#1'])
    rig.settle()
    expect(rig.told(/completed/)).toEqual(['rollout.completed'])
  })

  it('is complete only when the last old process has drained', () => {
    const rig = new PoolRig().up()
    rig.send('agent.restart')
    rig.serve()
    expect([rig.state, rig.replicas]).toEqual(['rolling', ['0 (draining)', '1 ready']])
    rig.exitAsked()
    expect(rig.state).toBe('serving')
  })

  it('replaces also what is down', () => {
    const rig = new PoolRig(two).up()
    rig.process('writer/0#1').violated()
    rig.send('agent.restart')
    rig.settle()
    expect(rig.alive).toEqual(['writer/2#1', 'writer/3#1'])
  })

  it('that is asked for again begins anew: what was being started may have read the files as they were', () => {
    const rig = new PoolRig().up()
    rig.send('agent.restart')
    rig.provide()
    rig.send('agent.restart')
    expect(rig.serving).toEqual(['writer/0#1'])
    rig.settle()
    expect(rig.told(/rollout/)).toEqual(['rollout.started 1, asked', 'rollout.started 1, asked', 'rollout.completed'])
    expect([rig.state, rig.alive]).toEqual(['serving', ['writer/2#1']])
  })

  it('that is asked for again replaces what it has replaced before', () => {
    const rig = new PoolRig(two).up()
    rig.send('agent.restart')
    rig.provide()
    for (const process of rig.silent) rig.say(process)
    const early = rig.serving
    rig.send('agent.restart')
    rig.settle()
    expect(rig.replicas).toHaveLength(2)
    expect(rig.alive.filter((process) => early.includes(process))).toEqual([])
  })

  it('that cannot succeed gives way to the next, which is told as its own', () => {
    const rig = new PoolRig().up()
    rig.send('agent.restart')
    rig.provide()
    rig.silent[0]?.exited()
    rig.send('agent.restart')
    rig.settle()
    expect(rig.told(/rollout/)).toEqual(['rollout.started 1, asked', 'rollout.started 1, asked', 'rollout.completed'])
    expect(rig.alive).toEqual(['writer/2#1'])
  })

  it.each([{ replace: 'recreate' as const }, { port: 8_001 }])('with %j ends the old process first', (changes) => {
    const rig = new PoolRig(changes).up()
    rig.send('agent.restart')
    expect([rig.state, rig.replicas]).toEqual(['serving', ['0 draining']])
    rig.settle()
    expect([rig.alive, rig.told(/rollout/)]).toEqual([['writer/0#2'], []])
  })

  it('is none where nothing serves: what waits, or has failed, starts again', () => {
    const rig = new PoolRig(two)
    rig.send('agent.start')
    rig.failToImport(0)
    rig.send('agent.restart')
    rig.settle()
    expect([rig.told(/rollout/), rig.replicas]).toEqual([[], ['0 ready', '1 ready']])
  })

  it('ends with those that are let go: where nothing waits for a successor, none is kept', () => {
    const rig = new PoolRig(two).up()
    rig.recycle('writer/1#1')
    rig.scale(1)
    rig.settle()
    expect([rig.state, rig.alive]).toEqual(['serving', ['writer/0#1']])
    expect(rig.told(/rollout/)).toEqual(['rollout.started 1, runs', 'rollout.completed'])
  })

  it('goes on for those that stay when others are let go', () => {
    const rig = new PoolRig(three).up()
    rig.send('agent.restart')
    rig.scale(2)
    rig.settle()
    expect(rig.alive).toEqual(['writer/3#1', 'writer/4#1'])
  })

  it('does not replace what is added meanwhile', () => {
    const rig = new PoolRig().up()
    rig.send('agent.restart')
    rig.scale(2)
    rig.settle()
    expect([rig.alive, rig.slots.processes.length]).toEqual([['writer/1#1', 'writer/2#1'], 3])
  })
})

describe('a rollout that fails', () => {
  it('lets nothing go when the new process cannot be imported', () => {
    const rig = new PoolRig(two).up()
    rig.send('agent.restart')
    rig.failToImport(2)
    expect(rig.told(/rollout/)).toEqual(['rollout.started 2, asked', 'rollout.failed'])
    expect([rig.state, rig.alive]).toEqual(['serving', ['writer/0#1', 'writer/1#1']])
    expect(rig.replicas).toEqual(['0 ready', '1 ready'])
  })

  it('is not failed by one crash of the new process, nor by two', () => {
    const rig = new PoolRig().up()
    rig.send('agent.restart')
    for (let crash = 0; crash < 2; crash += 1) {
      rig.provide()
      rig.silent[0]?.exited()
      rig.clock.advance(1_000)
    }
    rig.settle()
    expect([rig.told(/rollout/), rig.alive]).toEqual([
      ['rollout.started 1, asked', 'rollout.completed'],
      ['writer/1#3'],
    ])
  })

  it('does not escalate: the agent serves', () => {
    const rig = new PoolRig({ onFailed: 'escalate' }).up()
    rig.send('agent.restart')
    rig.failToImport(1)
    expect([rig.state, rig.alive]).toEqual(['serving', ['writer/0#1']])
  })

  it('keeps those that were replaced before', () => {
    const rig = new PoolRig(two).up()
    rig.send('agent.restart')
    rig.provide()
    for (const process of rig.silent) rig.say(process)
    rig.failToImport(3)
    rig.settle()
    expect(rig.alive).toEqual(['writer/1#1', 'writer/2#1'])
  })

  it.each(['agent.stop', 'agent.drain'] as const)('because of %s ends all, the new one too', (type) => {
    const rig = new PoolRig(two).up()
    rig.send('agent.restart')
    rig.provide()
    rig.send(type)
    const failed = rig.facts.find(({ type }) => type === 'rollout.failed')
    expect(failed).toMatchObject({ error: { code: 'AGENT_STOPPED', message: expect.stringContaining(type) } })
    rig.settle()
    expect([rig.state, rig.alive, rig.replicas]).toEqual(['serving', [], ['0 stopped', '1 stopped']])
  })
})

describe('a changed definition', () => {
  const changed = { module: 'agents.changed' }
  const modules = (rig: PoolRig) => rig.slots.alive.map(({ input }) => input.definition.module)

  it('is rolled out', () => {
    const rig = new PoolRig(two).up()
    rig.configure(changed)
    rig.settle()
    expect(rig.told(/rollout/)).toEqual(['rollout.started 2, configured', 'rollout.completed'])
    expect(modules(rig)).toEqual(['agents.changed', 'agents.changed'])
  })

  it('by which the processes can go on is given to them: nothing is replaced', () => {
    const rig = new PoolRig(two).up()
    rig.configure({ shutdownMs: 1, metadata: { a: 1 }, restart: { ...definitionOf('writer').restart, maxRestarts: 0 } })
    expect([rig.state, rig.told()]).toEqual(['serving', []])
    expect(rig.replica(1)?.context.definition).toMatchObject({ shutdownMs: 1, metadata: { a: 1 } })
    rig.process('writer/0#1').exited()
    expect(rig.replicas).toEqual(['0 failed', '1 ready'])
  })

  it('with another number of replicas adds and lets go', () => {
    const rig = new PoolRig(two).up()
    rig.configure(three)
    rig.settle()
    expect(rig.alive).toEqual(['writer/0#1', 'writer/1#1', 'writer/2#1'])
    rig.configure({ replicas: { min: 1, max: 1 } })
    rig.settle()
    expect([rig.alive, rig.told(/scaled/)]).toEqual([
      ['writer/0#1'],
      ['agent.scaled 2 to 3, configured', 'agent.scaled 3 to 1, configured'],
    ])
  })

  it('during a rollout takes the place of the other: what is being started is let go, the last one is what serves', () => {
    const rig = new PoolRig(two).up()
    rig.configure(changed)
    rig.provide()
    rig.configure({ module: 'agents.again' })
    rig.settle()
    expect([rig.state, modules(rig)]).toEqual(['serving', ['agents.again', 'agents.again']])
  })

  it('during a rollout by which the new processes can go on does not begin it again', () => {
    const rig = new PoolRig(two).up()
    rig.configure(changed)
    rig.configure({ metadata: { a: 1 } })
    rig.settle()
    expect([rig.told(/started/), rig.slots.processes.length]).toEqual([['rollout.started 2, configured'], 4])
    expect(rig.replica(2)?.context.definition.metadata).toEqual({ a: 1 })
  })

  it('of an agent that is stopped starts nothing; agent.start does, in the new number', () => {
    const rig = new PoolRig().up()
    rig.send('agent.stop')
    rig.settle()
    rig.told()
    rig.configure({ ...three, ...changed })
    rig.settle()
    expect([rig.replicas, rig.slots.processes.length]).toEqual([['0 stopped'], 1])
    rig.up()
    expect(modules(rig)).toEqual(['agents.changed', 'agents.changed', 'agents.changed'])
  })

  it.each(['agent.start', 'agent.restart'] as const)(
    'that adds replicas to an agent that rests is heeded by %s',
    (type) => {
      const rig = new PoolRig().up()
      rig.send('agent.quiet')
      rig.settle()
      rig.configure(two)
      rig.settle()
      expect(rig.replicas).toEqual(['0 idle'])
      rig.send(type)
      rig.settle()
      expect([rig.replicas, rig.told(/scaled/)]).toEqual([['0 ready', '1 ready'], ['agent.scaled 1 to 2, configured']])
    },
  )

  it('that adds replicas to an agent that was to rest, and was not ready to, is heeded when it serves', () => {
    const rig = new PoolRig()
    rig.send('agent.start')
    rig.send('agent.quiet')
    rig.configure(two)
    expect(rig.replicas).toEqual(['0 provisioning'])
    rig.settle()
    expect([rig.replicas, rig.told(/scaled/)]).toEqual([['0 ready', '1 ready'], ['agent.scaled 1 to 2, configured']])
  })

  it('whose rollout was ended by a stop is what is started next', () => {
    const rig = new PoolRig(two).up()
    rig.configure(changed)
    rig.send('agent.stop')
    rig.settle()
    rig.up()
    expect(modules(rig)).toEqual(['agents.changed', 'agents.changed'])
  })

  it('that could not be rolled out leaves the old processes their own definition, by which they are restarted', () => {
    const rig = new PoolRig().up()
    rig.configure(changed)
    rig.failToImport(1)
    rig.process('writer/0#1').exited()
    rig.clock.advance(0)
    rig.settle()
    expect([rig.alive, modules(rig)]).toEqual([['writer/0#2'], ['agents.writer']])
  })

  it('that could not be rolled out is what agent.start tries where nothing serves any more', () => {
    const rig = new PoolRig({ restart: { ...definitionOf('writer').restart, maxRestarts: 0 } }).up()
    rig.configure(changed)
    rig.failToImport(1)
    rig.send('agent.start')
    expect(rig.replicas.at(0)).toBe('0 ready')
    rig.process('writer/0#1').exited()
    rig.send('agent.start')
    rig.settle()
    expect(modules(rig)).toEqual(['agents.changed'])
  })

  it('is rolled out by the next change too, where it could not be before', () => {
    const rig = new PoolRig(two).up()
    rig.configure(changed)
    rig.failToImport(2)
    rig.configure({ metadata: { a: 1 } })
    rig.settle()
    expect([rig.told(/completed/), modules(rig)]).toEqual([['rollout.completed'], ['agents.changed', 'agents.changed']])
  })
})
