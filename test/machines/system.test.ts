import { describe, expect, it, vi } from 'vitest'
import { definitionOf } from './samples.ts'
import { SystemRig } from './system-rig.ts'

describe('spawning', () => {
  it('the agents of the input are spawned and started in their order', () => {
    const rig = new SystemRig(['a', 'b'])
    expect(rig.told()).toEqual([
      'system.started',
      'agent.spawned a',
      'agent.spawned b',
      'agent.provisioning a',
      'agent.provisioning b',
    ])
    expect(rig.slots.environments.map(({ input }) => input.name)).toEqual(['a', 'b'])
  })

  it('agent.spawn adds an agent to a running system, and it becomes ready', async () => {
    const rig = new SystemRig()
    rig.spawn('late')
    await rig.becomeReady()
    expect(rig.stateOf('late')).toBe('ready')
    expect(rig.told().at(-1)).toBe('agent.ready late')
  })

  it('a second agent of a name is refused, and the first stays as it is', async () => {
    const rig = new SystemRig(['a'])
    await rig.becomeReady()
    rig.spawn('a', { model: 'test:other' })
    expect(rig.refusals()).toEqual([
      { event: 'agent.spawn', code: 'AGENT_EXISTS', message: expect.stringMatching(/Agent a exists already\. Retire/) },
    ])
    expect(rig.stateOf('a')).toBe('ready')
    expect(rig.slots.environments).toHaveLength(1)
  })

  it('a name that stands twice in the input is refused, and the system runs', () => {
    const rig = new SystemRig(['a', 'a'])
    expect(rig.refusals()).toMatchObject([{ code: 'AGENT_EXISTS' }])
    expect(rig.state).toBe('running')
    expect([...rig.members.keys()]).toEqual(['a'])
  })

  it('XState has nothing to warn of when an agent is spawned', () => {
    const warn = vi.spyOn(console, 'warn').mockImplementation(() => {})
    const rig = new SystemRig(['a'])
    rig.spawn('b')
    expect(warn).not.toHaveBeenCalled()
    warn.mockRestore()
  })

  it('an agent is found by its name in the system', () => {
    const rig = new SystemRig(['a'])
    expect(rig.actor.system.get('agent:a')).toBe(rig.members.get('a')?.ref)
  })
})

describe('retiring', () => {
  it('an agent is stopped, and gone once it has stopped', async () => {
    const rig = new SystemRig(['a', 'b'])
    await rig.becomeReady()
    const ref = rig.members.get('a')?.ref
    rig.told()
    rig.send({ type: 'agent.retire', agent: 'a' })
    expect(rig.stateOf('a')).toBe('draining')
    rig.process('a').exited({ code: 0 })
    expect(rig.told()).toEqual([
      'agent.draining a',
      'process.exited a',
      'agent.stopped a',
      'replica.removed a',
      'agent.retired a',
    ])
    expect([...rig.members.keys()]).toEqual(['b'])
    expect(ref?.getSnapshot().status).toBe('done')
    expect(rig.stateOf('b')).toBe('ready')
    expect(rig.toRuns.at(-1)).toEqual({ type: 'agent.retired', agent: 'a' })
  })

  it('an agent that is stopped already is gone at once', async () => {
    const rig = new SystemRig(['a'])
    rig.send({ type: 'agent.stop', agent: 'a' })
    expect(rig.stateOf('a')).toBe('stopped')
    rig.send({ type: 'agent.retire', agent: 'a' })
    expect(rig.members.size).toBe(0)
  })

  it('an agent that was only stopped stays', async () => {
    const rig = new SystemRig(['a'])
    rig.send({ type: 'agent.stop', agent: 'a' })
    expect(rig.members.size).toBe(1)
    rig.send({ type: 'agent.start', agent: 'a' })
    expect(rig.stateOf('a')).toBe('provisioning')
  })

  it('an agent that retires takes no more commands, and cannot be brought back', async () => {
    const rig = new SystemRig(['a'])
    await rig.becomeReady()
    rig.send({ type: 'agent.retire', agent: 'a' })
    rig.send({ type: 'agent.start', agent: 'a' })
    rig.send({ type: 'agent.configure', definition: definitionOf('a', { model: 'test:other' }) })
    rig.spawn('a')
    expect(rig.refusals().map(({ code }) => code)).toEqual(['AGENT_UNKNOWN', 'AGENT_UNKNOWN', 'AGENT_EXISTS'])
    rig.process('a').exited({ code: 0 })
    expect(rig.members.size).toBe(0)
  })

  it('a start that was kept before does not save an agent from being retired', async () => {
    const rig = new SystemRig(['a'])
    await rig.becomeReady()
    rig.send({ type: 'agent.restart', agent: 'a' })
    rig.send({ type: 'agent.retire', agent: 'a' })
    rig.send({ type: 'agent.retire', agent: 'a' })
    rig.process('a').exited({ code: 0 })
    expect(rig.members.size).toBe(0)
    expect(rig.slots.alive).toEqual([])
  })

  it('a name is free again for a new agent, which begins with its first generation', async () => {
    const rig = new SystemRig(['a'])
    rig.send({ type: 'agent.retire', agent: 'a' })
    rig.spawn('a')
    await rig.becomeReady()
    expect(rig.process('a').generation).toBe('a/0#1')
    expect(rig.refusals()).toEqual([])
  })
})

describe('commands', () => {
  it.each(['agent.start', 'agent.stop', 'agent.restart', 'agent.drain', 'agent.retire'] as const)(
    '%s of an agent that is not there is refused, and the refusal names those that are',
    (type) => {
      const rig = new SystemRig(['a', 'b'])
      rig.send({ type, agent: 'nobody' })
      expect(rig.refusals()).toEqual([
        { event: type, code: 'AGENT_UNKNOWN', message: 'There is no agent "nobody". Known agents: a, b.' },
      ])
      expect(rig.actor.getSnapshot().status).toBe('active')
    },
  )

  it('agent.configure of an agent that is not there is refused', () => {
    const rig = new SystemRig()
    rig.send({ type: 'agent.configure', definition: definitionOf('nobody') })
    expect(rig.refusals()).toEqual([
      {
        event: 'agent.configure',
        code: 'AGENT_UNKNOWN',
        message: 'There is no agent "nobody". Known agents: none.',
      },
    ])
  })

  it('reach the agent that they name and no other', async () => {
    const replace = 'recreate'
    const rig = new SystemRig([definitionOf('a', { replace }), definitionOf('b', { replace })])
    await rig.becomeReady()
    rig.send({ type: 'agent.restart', agent: 'a' })
    rig.send({ type: 'agent.configure', definition: definitionOf('b', { replace, model: 'test:other' }) })
    expect([rig.stateOf('a'), rig.stateOf('b')]).toEqual(['draining', 'draining'])
    rig.process('b').exited({ code: 0 })
    expect(rig.slots.environments.at(-1)?.input).toMatchObject({ name: 'b', model: 'test:other' })
    expect(rig.stateOf('a')).toBe('draining')
  })

  it('that answer agent.crashed are heard before the agent is restarted', async () => {
    const rig = new SystemRig(['a'])
    await rig.becomeReady()
    rig.actor.on('agent.crashed', ({ agent }) => rig.send({ type: 'agent.stop', agent }))
    rig.process('a').exited()
    expect(rig.stateOf('a')).toBe('stopped')
    expect(rig.told().slice(-2)).toEqual(['agent.crashed a', 'agent.stopped a'])
  })

  it.each([-1, 1.5, Number.NaN, 10_001])('that ask for %s replicas are refused', async (replicas) => {
    const rig = new SystemRig(['a'])
    await rig.becomeReady()
    rig.send({ type: 'agent.scale', agent: 'a', replicas })
    expect(rig.refusals()).toMatchObject([{ event: 'agent.scale', code: 'CONFIG_INVALID' }])
    expect(rig.stateOf('a')).toBe('ready')
  })

  it('of runs go to the slot runs', () => {
    const rig = new SystemRig()
    const start = { type: 'run.start', agent: 'a', run: 'r1', request: { prompt: 'Hello' } } as const
    rig.send(start)
    rig.send({ type: 'run.cancel', run: 'r1' })
    expect(rig.toRuns).toEqual([start, { type: 'run.cancel', run: 'r1' }])
  })
})

describe('facts', () => {
  it('of an agent reach the outside and the slot runs, unchanged and in order', async () => {
    const rig = new SystemRig(['a'])
    await rig.becomeReady()
    rig.process('a').beat()
    rig.process('a').exited()
    const ofAgents = rig.facts.filter(({ type }) => type !== 'system.started' && type !== 'agent.spawned')
    expect(rig.toRuns).toEqual(ofAgents)
    expect(ofAgents.map(({ type }) => type)).toEqual([
      'agent.provisioning',
      'environment.ready',
      'agent.starting',
      'process.spawned',
      'agent.ready',
      'process.heartbeat',
      'process.exited',
      'agent.crashed',
      'agent.backoff',
    ])
  })

  it('of runs reach the outside', () => {
    const rig = new SystemRig()
    const told = [
      { type: 'run.accepted', agent: 'a', run: 'r1' },
      { type: 'run.started', agent: 'a', run: 'r1', generation: 'a/0#1' },
      { type: 'run.requeued', agent: 'a', run: 'r1', generation: 'a/0#1', attempt: 2, started: false },
      {
        type: 'run.settled',
        agent: 'a',
        run: 'r1',
        status: 'succeeded',
        started: true,
        attempt: 2,
        durationMs: 5,
      },
    ] as const
    for (const fact of told) rig.actor.send(fact)
    expect(rig.facts.slice(1)).toEqual(told)
  })
})
