import { describe, expect, it } from 'vitest'
import type { PoolEvent } from '../../src/machines/pool-context.ts'
import { PoolRig } from './pool-rig.ts'
import { definitionOf } from './samples.ts'

const three = { replicas: { min: 3, max: 3 } }
const noRetries = { ...definitionOf('writer').restart, maxRestarts: 0 }
const commands: PoolEvent[] = [
  { type: 'agent.start' },
  { type: 'agent.restart' },
  { type: 'agent.stop' },
  { type: 'agent.drain' },
  { type: 'agent.quiet' },
  { type: 'agent.scale', replicas: 4 },
  { type: 'agent.configure', definition: definitionOf('writer', { model: 'test' }) },
  { type: 'replica.recycle', generation: 'writer/0#1', why: 'runs' },
]

describe('an agent that ends by itself', () => {
  it('escalates where its definition says so: the others drain, and the actor is done with the error', () => {
    const rig = new PoolRig({ ...three, onFailed: 'escalate', restart: noRetries }).up()
    rig.process('writer/1#1').exited()
    expect(rig.replicas).toEqual(['0 (draining)', '2 (draining)'])
    rig.exitAsked()
    expect(rig.snapshot).toMatchObject({ status: 'done', output: { reason: { code: 'PROCESS_EXITED' } } })
  })

  it('and is retired while it does keeps its error, of which the first says why', () => {
    const rig = new PoolRig({ ...three, onFailed: 'escalate', restart: noRetries }).up()
    rig.process('writer/1#1').exited({ code: 7 })
    rig.send('agent.retire')
    rig.process('writer/0#1').exited({ code: 8 })
    rig.settle()
    expect(rig.snapshot).toMatchObject({ status: 'done', output: { reason: { context: { code: 7 } } } })
  })

  it('stays where its definition says so, with its other replicas', () => {
    const rig = new PoolRig({ ...three, restart: noRetries }).up()
    rig.process('writer/1#1').exited()
    expect([rig.state, rig.replicas]).toEqual(['serving', ['0 ready', '1 failed', '2 ready']])
    rig.send('agent.start')
    rig.settle()
    expect(rig.alive).toEqual(['writer/0#1', 'writer/2#1', 'writer/1#2'])
  })

  it('because an actor of its replicas threw drains the others and is done with that error', () => {
    const rig = new PoolRig(three).up()
    const bug = new Error('a bug of ours')
    Object.defineProperty(rig.definition, 'restart', {
      get() {
        throw bug
      },
    })
    rig.process('writer/1#1').exited()
    expect([rig.state, rig.replicas]).toEqual(['escalating', ['0 (draining)', '2 (draining)']])
    rig.exitAsked()
    expect(rig.snapshot).toMatchObject({ status: 'done', output: { reason: { code: 'INTERNAL_ERROR', cause: bug } } })
    expect([rig.alive, rig.clock.pending]).toEqual([[], 0])
  })
})

describe('agent.retire', () => {
  const recipes: Record<string, (rig: PoolRig) => unknown> = {
    'was never started': () => {},
    'is provisioning': (rig) => rig.send('agent.start'),
    'is starting': (rig) => {
      rig.send('agent.start')
      rig.provide()
    },
    'is ready': (rig) => rig.up(),
    'is suspect': (rig) => {
      rig.up()
      rig.clock.advance(10_000)
    },
    'was asked whether it hangs': (rig) => {
      rig.up()
      rig.clock.advance(28_000)
    },
    'is draining': (rig) => rig.up().send('agent.stop'),
    'is stopping': (rig) => {
      rig.up().send('agent.stop')
      rig.clock.advance(5_000)
    },
    'has stopped': (rig) => {
      rig.up().send('agent.stop')
      rig.settle()
    },
    'is idle': (rig) => {
      rig.up().send('agent.quiet')
      rig.settle()
    },
    'is being ended for a fault': (rig) => rig.up().process('writer/1#1').violated(),
    'waits for its next start': (rig) => {
      rig.up().process('writer/1#1').exited()
      rig.clock.advance(0)
      rig.serve()
      rig.process('writer/1#2').exited()
    },
    'has failed': (rig) => {
      rig.send('agent.start')
      for (let replica = 0; replica < 3; replica += 1) rig.failToImport(replica)
    },
    'is being rolled out': (rig) => rig.up().send('agent.restart'),
    'is being rolled out, and the old process drains': (rig) => {
      rig.up().send('agent.restart')
      rig.serve()
    },
    'is being scaled down': (rig) => {
      rig.up()
      rig.scale(1)
    },
    'is being retired': (rig) => rig.up().send('agent.retire'),
    'grows old': (rig) => {
      rig.configure({ recycle: { afterMs: 60_000 } })
      rig.up()
    },
  }

  it.each(Object.keys(recipes))('ends an agent that %s: the actor is done, and nothing is left of it', (state) => {
    const rig = new PoolRig(three)
    recipes[state]?.(rig)
    rig.send('agent.retire')
    // Runs in flight have their time.
    for (const process of rig.slots.alive) expect(process.asked).not.toEqual([])
    rig.settle()
    expect(rig.snapshot).toMatchObject({ status: 'done', output: { reason: 'normal' }, value: 'retired' })
    expect([rig.alive, rig.clock.pending, rig.replicas]).toEqual([[], 0, []])
    expect(rig.slots.processes.filter(({ isHeld, isCutOff }) => isHeld || isCutOff)).toEqual([])
  })

  it('is the same from a supervisor', () => {
    const rig = new PoolRig(three).up()
    rig.send('supervisor.shutdown')
    rig.settle()
    expect(rig.snapshot.value).toBe('retired')
  })

  it('tells of each replica that it is gone', () => {
    const rig = new PoolRig(three).up()
    rig.send('agent.retire')
    rig.settle()
    expect(rig.told(/removed/)).toEqual([0, 1, 2].map((index) => `replica.removed writer/${index}`))
  })

  it('is final: nothing that is asked after it begins anything', () => {
    const rig = new PoolRig(three).up()
    rig.send('agent.retire')
    for (const event of commands) rig.send(event)
    rig.settle()
    expect(rig.snapshot).toMatchObject({ status: 'done', value: 'retired' })
    expect(rig.slots.processes).toHaveLength(3)
  })
})

describe('events in the wrong state', () => {
  it('an agent that nobody has started heeds only what starts, stops, scales or changes it', () => {
    const rig = new PoolRig()
    for (const type of ['agent.drain', 'agent.quiet'] as const) rig.send(type)
    rig.recycle('writer/0#1')
    expect([rig.state, rig.replicas, rig.facts]).toEqual(['resting', [], []])
  })

  it.each(['writer/0#7', 'writer/9#1', 'writer', ''])(
    'a recycling of %j, which is no process of it, does nothing',
    (name) => {
      const rig = new PoolRig(three).up()
      rig.recycle(name)
      expect([rig.state, rig.alive.length]).toEqual(['serving', 3])
    },
  )

  it('a recycling of a process that is on its way out replaces nothing', () => {
    const rig = new PoolRig(three).up()
    rig.scale(2)
    rig.recycle('writer/2#1')
    expect([rig.state, rig.replicas]).toEqual(['serving', ['0 ready', '1 ready', '2 (draining)']])
  })

  it('a late word of a replica that is gone is told, and changes nothing', () => {
    const rig = new PoolRig(three).up()
    rig.scale(2)
    rig.settle()
    rig.send({ type: 'agent.draining', agent: 'writer', generation: 'writer/2#1' })
    expect(rig.replicas).toEqual(['0 ready', '1 ready'])
  })

  it('while it escalates nothing is started any more', () => {
    const rig = new PoolRig({ ...three, onFailed: 'escalate', restart: noRetries }).up()
    rig.process('writer/1#1').exited()
    for (const event of commands) rig.send(event)
    rig.settle()
    expect(rig.snapshot).toMatchObject({ status: 'done', output: { reason: { code: 'PROCESS_EXITED' } } })
    expect(rig.slots.processes).toHaveLength(3)
  })
})
