import { describe, expect, it } from 'vitest'
import type { TeamDefinition } from '../../src/machines/arrangement.ts'
import type { AgentDefinition } from '../../src/machines/definition.ts'
import { definitionOf } from './samples.ts'
import { SystemRig } from './system-rig.ts'

const comesAfter = (name: string, ...others: string[]) => definitionOf(name, { after: others })

function teamRig(
  strategy: TeamDefinition['strategy'],
  changes: Partial<AgentDefinition> = {},
  limits: Partial<TeamDefinition> = {},
): SystemRig {
  const agents = ['a', 'b', 'c']
  const supervisors = [{ name: 'team', strategy, intensity: 1, periodMs: 5_000, agents, ...limits }]
  return new SystemRig(
    agents.map((name) => definitionOf(name, changes)),
    {},
    { supervisors },
  )
}

/** Everybody becomes ready who can, those who wait for others too. */
async function allReady(rig: SystemRig, agents = 3): Promise<void> {
  for (let turn = 0; turn < agents; turn += 1) await rig.becomeReady()
}

const statesOf = (rig: SystemRig) => ['a', 'b', 'c'].map((agent) => rig.stateOf(agent))
const wasKilled = { code: null, signal: 'SIGKILL' } as const

describe('agents that come after others', () => {
  it('are started when those are ready, whatever the order in which they were named', async () => {
    const rig = new SystemRig([comesAfter('app', 'cache', 'db'), comesAfter('cache', 'db'), 'db'])
    expect(rig.told().filter((told) => !told.startsWith('agent.spawned'))).toEqual([
      'system.started',
      'agent.waiting cache',
      'agent.waiting app',
      'agent.provisioning db',
    ])
    await rig.becomeReady()
    expect(['db', 'cache', 'app'].map((agent) => rig.stateOf(agent))).toEqual(['ready', 'provisioning', 'idle'])
    await rig.becomeReady()
    await rig.becomeReady()
    expect(rig.stateOf('app')).toBe('ready')
  })

  it('are stopped first, each after those that come after it have gone', async () => {
    const rig = new SystemRig(['db', comesAfter('cache', 'db'), comesAfter('app', 'cache')])
    await allReady(rig)
    rig.send({ type: 'system.close' })
    expect(['db', 'cache', 'app'].map((agent) => rig.stateOf(agent))).toEqual(['ready', 'ready', 'draining'])
    rig.process('app').exited({ code: 0 })
    expect(rig.stateOf('cache')).toBe('draining')
    rig.process('cache').exited({ code: 0 })
    rig.process('db').exited({ code: 0 })
    expect(rig.state).toBe('closed')
    expect(rig.told().filter((told) => told.startsWith('agent.retired'))).toEqual([
      'agent.retired app',
      'agent.retired cache',
      'agent.retired db',
    ])
  })

  it('are not started by anybody before their time; a stop takes them out of the waiting', async () => {
    const rig = new SystemRig(['db', comesAfter('app', 'db')])
    rig.send({ type: 'agent.start', agent: 'app' })
    expect(rig.stateOf('app')).toBe('idle')
    rig.send({ type: 'agent.stop', agent: 'app' })
    await rig.becomeReady()
    expect(rig.stateOf('app')).toBe('stopped')
  })

  it('wait on when their definition changes, and no longer where they come after nobody', async () => {
    const rig = new SystemRig(['db', comesAfter('app', 'db')])
    rig.send({ type: 'agent.configure', definition: { ...comesAfter('app', 'db'), model: 'test:other' } })
    expect(rig.stateOf('app')).toBe('idle')
    await rig.becomeReady()
    expect(rig.stateOf('app')).toBe('provisioning')
    const other = new SystemRig(['db', comesAfter('app', 'db')])
    other.send({ type: 'agent.configure', definition: definitionOf('app') })
    expect(other.stateOf('app')).toBe('provisioning')
  })

  it('do not wait for one that is gone, nor for one that rests', async () => {
    const rig = new SystemRig([
      'db',
      definitionOf('cache', { replicas: { min: 0, max: 1 } }),
      comesAfter('app', 'db', 'cache'),
    ])
    expect(rig.stateOf('app')).toBe('idle')
    rig.send({ type: 'agent.retire', agent: 'db' })
    expect(rig.stateOf('app')).toBe('provisioning')
  })
})

describe('a supervisor of agents', () => {
  it('stands in the tree between the root and its agents, which are started in their order', async () => {
    const rig = teamRig('one_for_one')
    const supervisor = rig.actor.system.get('supervisor:team')
    expect(supervisor?.getSnapshot().value).toBe('running')
    const parents = ['a', 'b', 'c'].map((agent) => rig.members.get(agent)?.ref as unknown as { _parent: unknown })
    expect(parents.map(({ _parent }) => _parent === supervisor)).toEqual([true, true, true])
    expect(statesOf(rig)).toEqual(['provisioning', 'idle', 'idle'])
    await allReady(rig)
    expect(statesOf(rig)).toEqual(['ready', 'ready', 'ready'])
  })

  it('of one_for_one leaves the siblings of a crashed one alone', async () => {
    const rig = teamRig('one_for_one')
    await allReady(rig)
    rig.process('a').exited(wasKilled)
    expect(statesOf(rig)).toEqual(['backoff', 'ready', 'ready'])
  })

  it('of rest_for_one replaces those after a crashed one: the last is stopped first, the first is started first', async () => {
    const rig = teamRig('rest_for_one')
    await allReady(rig)
    rig.told()
    rig.process('b').exited(wasKilled)
    expect(statesOf(rig)).toEqual(['ready', 'backoff', 'draining'])
    rig.process('c').exited({ code: 0 })
    expect(rig.stateOf('c')).toBe('stopped')
    rig.clock.advance(1)
    await rig.becomeReady()
    expect(statesOf(rig)).toEqual(['ready', 'ready', 'provisioning'])
    await rig.becomeReady()
    expect(statesOf(rig)).toEqual(['ready', 'ready', 'ready'])
    expect(rig.process('c').generation).toBe('c/0#2')
    expect(rig.process('a').generation).toBe('a/0#1')
    // Runs to those that come back wait: nobody is told that they were stopped.
    expect(rig.toRuns.flatMap((event) => (/stopped|replaced/.test(event.type) ? [event] : []))).toMatchObject([
      { type: 'agent.replaced', agent: 'c', generation: 'c/0#1' },
    ])
  })

  it('of one_for_all replaces all, one after the other', async () => {
    const rig = teamRig('one_for_all')
    await allReady(rig)
    rig.process('b').exited(wasKilled)
    expect(statesOf(rig)).toEqual(['ready', 'backoff', 'draining'])
    rig.process('c').exited({ code: 0 })
    expect(statesOf(rig)).toEqual(['draining', 'backoff', 'stopped'])
    rig.process('a').exited({ code: 0 })
    rig.clock.advance(1)
    await allReady(rig)
    expect(statesOf(rig)).toEqual(['ready', 'ready', 'ready'])
    expect(['a', 'b', 'c'].map((agent) => rig.process(agent).generation)).toEqual(['a/0#2', 'b/0#2', 'c/0#2'])
  })

  it('spares the siblings of one that is lost at its start: a restart of theirs would mend nothing', async () => {
    const rig = teamRig('one_for_all')
    await allReady(rig)
    rig.process('b').exited(wasKilled)
    for (const agent of ['c', 'a']) rig.process(agent).exited({ code: 0 })
    rig.clock.advance(1)
    await allReady(rig)
    rig.told()
    rig.send({ type: 'agent.stop', agent: 'c' })
    rig.process('c').exited({ code: 0 })
    rig.send({ type: 'agent.start', agent: 'c' })
    for (const call of rig.slots.environments) call.resolve({} as never)
    await new Promise((resolve) => setImmediate(resolve))
    rig.process('c').exited({ code: 1 })
    expect(statesOf(rig)).toEqual(['ready', 'ready', 'backoff'])
  })

  it('loses one that retires, and closes in reverse order', async () => {
    const rig = teamRig('rest_for_one')
    await allReady(rig)
    rig.send({ type: 'agent.retire', agent: 'b' })
    rig.process('b').exited({ code: 0 })
    expect([...rig.members.keys()]).toEqual(['a', 'c'])
    rig.spawn('b')
    await rig.becomeReady()
    expect(rig.stateOf('b')).toBe('ready')
    rig.send({ type: 'system.close' })
    expect(statesOf(rig)).toEqual(['ready', 'ready', 'draining'])
    for (const agent of ['c', 'b', 'a']) rig.process(agent).exited({ code: 0 })
    expect(rig.state).toBe('closed')
    expect(rig.actor.system.getAll()).toEqual({})
  })

  it('is destroyed with its agents', async () => {
    const rig = teamRig('one_for_all')
    await allReady(rig)
    rig.send({ type: 'system.destroy' })
    expect(rig.state).toBe('closed')
    expect(rig.slots.alive).toEqual([])
    expect(rig.actor.system.getAll()).toEqual({})
    expect(rig.clock.pending).toBe(0)
  })
})

describe('a failure that escalates', () => {
  const escalate = {
    onFailed: 'escalate',
    restart: { ...definitionOf('a').restart, maxRestarts: 0 },
  } as const

  it('ends the agent, which its supervisor makes anew with the siblings that its strategy names', async () => {
    const rig = teamRig('rest_for_one', escalate)
    await allReady(rig)
    rig.told()
    rig.process('b').exited(wasKilled)
    rig.process('c').exited({ code: 0 })
    await allReady(rig)
    expect(statesOf(rig)).toEqual(['ready', 'ready', 'ready'])
    const told = rig.told()
    expect(told).toContain('agent.failed b')
    expect(told.filter((one) => one.startsWith('supervisor.'))).toEqual([
      'supervisor.restarted',
      'supervisor.restarted',
    ])
    expect(rig.process('a').generation).toBe('a/0#1')
    expect(rig.slots.alive).toHaveLength(3)
  })

  it('beyond the intensity of a supervisor ends that, which the root makes anew with all its agents', async () => {
    const rig = teamRig('one_for_one', escalate, { intensity: 0 })
    await allReady(rig)
    const before = rig.actor.system.get('supervisor:team')
    rig.told()
    rig.process('a').exited(wasKilled)
    for (const agent of ['c', 'b']) rig.process(agent).exited({ code: 0 })
    await allReady(rig)
    expect(rig.actor.system.get('supervisor:team')).not.toBe(before)
    expect(statesOf(rig)).toEqual(['ready', 'ready', 'ready'])
    expect(rig.told().filter((one) => one.startsWith('supervisor.'))[0]).toBe('supervisor.exceeded')
    expect(rig.slots.alive).toHaveLength(3)
  })

  it('of an agent of the root is restarted by it; once too often, the system closes and says why', async () => {
    const rig = new SystemRig([definitionOf('a', escalate), 'b'])
    await allReady(rig, 2)
    rig.process('a').exited(wasKilled)
    await rig.becomeReady()
    expect(rig.stateOf('a')).toBe('ready')
    expect(rig.told().filter((one) => one.startsWith('supervisor.'))).toEqual(['supervisor.restarted'])
    rig.process('a').exited(wasKilled)
    expect(rig.state).toBe('closing')
    rig.process('b').exited({ code: 0 })
    expect(rig.state).toBe('closed')
    const exceeded = rig.facts.find(({ type }) => type === 'supervisor.exceeded')
    expect(exceeded).toMatchObject({ supervisor: 'axon', error: { code: 'SUPERVISOR_EXCEEDED', agent: 'a' } })
  })

  it('once in a while is no reason to close', async () => {
    const rig = new SystemRig([definitionOf('a', escalate)])
    await rig.becomeReady()
    for (let round = 0; round < 5; round += 1) {
      rig.process('a').exited(wasKilled)
      await rig.becomeReady()
      rig.clock.advance(5_001)
    }
    expect(rig.state).toBe('running')
  })
})
