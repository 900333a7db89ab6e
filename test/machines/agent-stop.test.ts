import { describe, expect, it } from 'vitest'
import { AgentRig, agentStates, settle } from './agent-rig.ts'
import { environment } from './samples.ts'

const hour = 3_600_000

describe('agent.stop', () => {
  it('during provisioning aborts the environment, whose late answer starts nothing', async () => {
    const rig = await new AgentRig().reach('provisioning')
    expect(rig.environment.isAborted).toBe(false)
    rig.send('agent.stop')
    expect(rig.state).toBe('stopped')
    expect(rig.environment.isAborted).toBe(true)
    rig.environment.resolve(environment)
    await settle()
    expect(rig.state).toBe('stopped')
    expect(rig.slots.processes).toEqual([])
  })

  it('during a start ends the process with the reason stop, and is done at its exit', async () => {
    const rig = await new AgentRig().reach('starting')
    rig.send('agent.stop')
    expect(rig.state).toBe('stopping')
    expect(rig.process.commands).toEqual([{ type: 'process.terminate', reason: 'stop', graceMs: 500 }])
    rig.process.ready()
    expect(rig.state).toBe('stopping')
    rig.process.exited({ code: null, signal: 'SIGTERM', reason: 'stop' })
    expect(rig.told()).toEqual(['agent.stopping', 'process.exited', 'agent.stopped'])
  })

  it('of a ready replica lets it finish, and is done at its exit', async () => {
    const rig = await new AgentRig().reach('ready')
    rig.send('agent.stop')
    expect(rig.state).toBe('draining')
    expect(rig.process.commands).toEqual([{ type: 'process.drain' }])
    rig.process.exited({ code: 0 })
    expect(rig.told()).toEqual(['agent.draining', 'process.exited', 'agent.stopped'])
    expect(rig.clock.pending).toBe(0)
  })

  it('ends a replica that is not done within shutdownMs', async () => {
    const rig = await new AgentRig({ shutdownMs: 2_000 }).reach('draining')
    rig.clock.advance(1_999)
    expect(rig.state).toBe('draining')
    rig.clock.advance(1)
    expect(rig.state).toBe('stopping')
    expect(rig.process.asked).toEqual(['process.drain', 'process.terminate stop'])
    rig.clock.advance(hour)
    expect(rig.state).toBe('stopping')
    rig.process.exited({ code: null, signal: 'SIGKILL', reason: 'stop' })
    expect(rig.state).toBe('stopped')
  })

  it('during backoff cancels the timer', async () => {
    const rig = await new AgentRig().reach('backoff')
    rig.send('agent.stop')
    expect(rig.state).toBe('stopped')
    expect(rig.clock.pending).toBe(0)
    rig.clock.advance(hour)
    expect(rig.slots.environments).toHaveLength(1)
  })

  it('while a crashed process is being ended waits for its exit and restarts nothing', async () => {
    const rig = await new AgentRig().reach('crashed.ending')
    rig.send('agent.stop')
    expect(rig.state).toBe('stopping')
    rig.process.exited({ code: null, signal: 'SIGKILL', reason: 'protocol' })
    expect(rig.state).toBe('stopped')
    rig.clock.advance(hour)
    expect(rig.slots.environments).toHaveLength(1)
  })

  it('of a crash in draining or stopping goes on to stopped', async () => {
    for (const state of ['draining', 'stopping'] as const) {
      const rig = await new AgentRig().reach(state)
      rig.process.exited({ code: null, signal: 'SIGSEGV' })
      expect(rig.told()).toEqual(['process.exited', 'agent.stopped'])
    }
  })

  it('in stopped is answered with agent.stopped again', async () => {
    const rig = await new AgentRig().reach('stopped')
    rig.send('agent.stop')
    rig.send('agent.stop')
    expect(rig.told()).toEqual(['agent.stopped', 'agent.stopped'])
  })

  it.each(agentStates)(
    'in %s, once or twice, ends with no process and no timer, and nothing follows',
    async (state) => {
      const rig = await new AgentRig().reach(state)
      rig.send('agent.stop')
      rig.send('agent.stop')
      if (rig.slots.alive.length > 0) rig.process.exited({ code: 0 })
      expect(rig.state).toBe('stopped')
      const { processes, environments } = rig.slots
      const before = [processes.length, environments.length]
      rig.clock.advance(hour)
      await settle()
      expect([processes.length, environments.length]).toEqual(before)
      expect(rig.slots.alive).toEqual([])
      expect(rig.clock.pending).toBe(0)
    },
  )
})

describe('a start while it stops', () => {
  it.each(['draining', 'stopping'] as const)('in %s is kept, and honoured after the exit', async (state) => {
    const rig = await new AgentRig().reach(state)
    rig.send('agent.start')
    rig.send('agent.start')
    expect(rig.slots.environments).toHaveLength(1)
    rig.process.exited({ code: 0 })
    expect(rig.state).toBe('provisioning')
    expect(rig.told()).not.toContain('agent.stopped')
    await rig.become()
    expect(rig.slots.processes).toHaveLength(2)
  })

  it('survives that draining takes too long', async () => {
    const rig = await new AgentRig().reach('draining')
    rig.send('agent.start')
    rig.clock.advance(5_000)
    expect(rig.state).toBe('stopping')
    rig.process.exited()
    expect(rig.state).toBe('provisioning')
  })

  it.each(['draining', 'stopping'] as const)('in %s is forgotten when a stop follows', async (state) => {
    const rig = await new AgentRig().reach(state)
    rig.send('agent.start')
    rig.send('agent.stop')
    rig.process.exited({ code: 0 })
    expect(rig.state).toBe('stopped')
  })

  it('is not remembered by the process that follows', async () => {
    const rig = await new AgentRig().reach('draining')
    rig.send('agent.start')
    rig.process.exited({ code: 0 })
    await rig.become()
    rig.send('agent.stop')
    rig.process.exited({ code: 0 })
    expect(rig.state).toBe('stopped')
  })
})

describe('agent.drain', () => {
  it('lets a ready replica finish and leaves it stopped', async () => {
    const rig = await new AgentRig().reach('ready')
    rig.send('agent.drain')
    expect(rig.process.asked).toEqual(['process.drain'])
    rig.process.exited({ code: 0 })
    expect(rig.state).toBe('stopped')
  })

  it('lets a suspect finish too, and watches it no longer', async () => {
    const rig = await new AgentRig({ shutdownMs: hour }).reach('suspect.waiting')
    rig.send('agent.drain')
    rig.clock.advance(20_000)
    expect(rig.process.asked).toEqual(['process.drain'])
  })
})

describe('agent.configure', () => {
  it.each(['idle', 'stopped'] as const)('in %s is taken and starts nothing', async (state) => {
    const rig = await new AgentRig().reach(state)
    rig.configure({ model: 'test:other' })
    expect(rig.state).toBe(state)
    await rig.become()
    expect(rig.process.input.definition.model).toBe('test:other')
  })

  it.each(['draining', 'stopping'] as const)('in %s is taken and does not undo the stop', async (state) => {
    const rig = await new AgentRig().reach(state)
    rig.configure({ model: 'test:other' })
    rig.process.exited({ code: 0 })
    expect(rig.state).toBe('stopped')
    expect(rig.context.definition.model).toBe('test:other')
  })

  it.each(['draining', 'stopping'] as const)(
    'in %s is taken by the process that a kept start begins',
    async (state) => {
      const rig = await new AgentRig().reach(state)
      rig.send('agent.start')
      rig.configure({ model: 'test:other' })
      rig.process.exited({ code: 0 })
      await rig.become()
      expect(rig.process.input.definition.model).toBe('test:other')
    },
  )

  it.each([
    'provisioning',
    'starting',
    'ready',
    'suspect.waiting',
    'suspect.confirming',
    'crashed.ending',
    'backoff',
    'failed',
  ] as const)('in %s leads to a process of the new definition, after the old one has exited', async (state) => {
    const rig = await new AgentRig().reach(state)
    const old = rig.slots.processes.at(-1)
    rig.configure({ model: 'test:other' })
    if (old?.isAlive) old.exited({ code: 0 })
    expect(rig.environment.input.model).toBe('test:other')
    await rig.become()
    expect(rig.process.input.definition.model).toBe('test:other')
    expect(rig.slots.alive).toHaveLength(1)
  })
})
