import { describe, expect, it } from 'vitest'
import { definitionOf } from './samples.ts'
import { SystemRig } from './system-rig.ts'

describe('closing', () => {
  it('stops the agents in the reverse order of their spawning', async () => {
    const rig = new SystemRig(['a', 'b', 'c'])
    await rig.becomeReady()
    rig.told()
    rig.send({ type: 'system.close' })
    expect(rig.told()).toEqual(['system.closing', 'agent.draining c', 'agent.draining b', 'agent.draining a'])
  })

  it('is done only after every agent has stopped, whatever the order', async () => {
    const rig = new SystemRig(['a', 'b', 'c'])
    await rig.becomeReady()
    rig.send({ type: 'system.close' })
    for (const agent of ['b', 'a']) {
      rig.process(agent).exited({ code: 0 })
      expect(rig.state).toBe('closing')
    }
    rig.process('c').exited({ code: null, signal: 'SIGKILL' })
    expect(rig.state).toBe('closed')
    expect(rig.actor.getSnapshot().status).toBe('done')
    expect(rig.told().slice(-4)).toEqual(['agent.stopped c', 'replica.removed c', 'agent.retired c', 'system.closed'])
  })

  it('of an empty system is done at once', () => {
    const rig = new SystemRig()
    rig.send({ type: 'system.close' })
    expect(rig.actor.getSnapshot().status).toBe('done')
    expect(rig.told()).toEqual(['system.started', 'system.closing', 'system.closed'])
  })

  it('of agents in every state is done once the processes have exited', async () => {
    const rig = new SystemRig(['ready', 'crashed', 'stopped', 'hung', 'slow'])
    await rig.becomeReady()
    rig.process('crashed').exited()
    rig.send({ type: 'agent.stop', agent: 'stopped' })
    rig.process('stopped').exited()
    rig.process('hung').violated()
    rig.spawn('provisioning')
    rig.send({ type: 'system.close' })
    rig.clock.advance(5_000)
    expect([...rig.members.keys()]).toEqual(['ready', 'hung', 'slow'])
    for (const process of rig.slots.alive) {
      expect(process.asked.at(-1)).toBe('process.terminate stop')
      process.exited({ code: null, signal: 'SIGKILL', reason: 'stop' })
    }
    expect(rig.state).toBe('closed')
  })

  it('waits for an agent that had been asked to retire before', async () => {
    const rig = new SystemRig(['a'])
    await rig.becomeReady()
    rig.send({ type: 'agent.retire', agent: 'a' })
    rig.send({ type: 'system.close' })
    expect(rig.state).toBe('closing')
    rig.process('a').exited({ code: 0 })
    expect(rig.state).toBe('closed')
  })

  it('refuses what would begin something, with the reason', async () => {
    const rig = new SystemRig(['a'])
    await rig.becomeReady()
    rig.send({ type: 'system.close' })
    rig.spawn('b')
    rig.send({ type: 'agent.start', agent: 'a' })
    rig.send({ type: 'agent.restart', agent: 'a' })
    rig.send({ type: 'agent.configure', definition: definitionOf('a') })
    rig.send({ type: 'run.start', agent: 'a', run: 'r1', request: { prompt: 'Hello' } })
    expect(rig.refusals().map(({ event }) => event)).toEqual([
      'agent.spawn',
      'agent.start',
      'agent.restart',
      'agent.configure',
      'run.start',
    ])
    for (const refusal of rig.refusals()) {
      expect(refusal).toMatchObject({ code: 'SUPERVISOR_CLOSED', message: expect.stringMatching(/Create another one/) })
    }
    rig.process('a').exited({ code: 0 })
    expect(rig.state).toBe('closed')
    expect(rig.slots.processes).toHaveLength(1)
  })

  it('has nothing against what would end something anyway, and tells no such command as a fact', async () => {
    const rig = new SystemRig(['a'])
    await rig.becomeReady()
    rig.send({ type: 'system.close' })
    rig.told()
    for (const type of ['agent.stop', 'agent.drain', 'agent.retire'] as const) rig.send({ type, agent: 'a' })
    rig.send({ type: 'system.close' })
    expect(rig.told()).toEqual([])
  })

  it('still lets a run be cancelled', async () => {
    const rig = new SystemRig(['a'])
    await rig.becomeReady()
    rig.send({ type: 'system.close' })
    rig.send({ type: 'run.cancel', run: 'r1' })
    expect(rig.toRuns.at(-1)).toEqual({ type: 'run.cancel', run: 'r1' })
  })

  it('leaves no child running, no timer and no process', async () => {
    const rig = new SystemRig(['a', 'b', 'c'])
    await rig.becomeReady()
    const children = [...rig.members.values()].map(({ ref }) => ref)
    const { runs } = rig.actor.getSnapshot().children
    rig.send({ type: 'system.close' })
    for (const process of rig.slots.alive) process.exited({ code: 0 })
    expect(children.map((child) => child.getSnapshot().status)).toEqual(['done', 'done', 'done'])
    expect(runs?.getSnapshot().status).toBe('stopped')
    expect(rig.clock.pending).toBe(0)
    expect(rig.slots.alive).toEqual([])
    expect(rig.actor.system.getAll()).toEqual({})
  })

  it('emits nothing after system.closed', async () => {
    const rig = new SystemRig(['a'])
    await rig.becomeReady()
    rig.send({ type: 'system.close' })
    rig.process('a').exited({ code: 0 })
    rig.process('a').beat()
    expect(rig.told().at(-1)).toBe('system.closed')
  })
})

describe('destroying', () => {
  it.each(['running', 'closing'] as const)('in %s ends every agent at once and is done', async (state) => {
    const rig = new SystemRig(['a', 'b'])
    await rig.becomeReady()
    const children = [...rig.members.values()].map(({ ref }) => ref)
    if (state === 'closing') rig.send({ type: 'system.close' })
    expect(rig.state).toBe(state)
    rig.told()
    rig.send({ type: 'system.destroy' })
    expect(rig.actor.getSnapshot().status).toBe('done')
    expect(rig.told()).toEqual(['system.closed'])
    expect(children.map((child) => child.getSnapshot().status)).toEqual(['stopped', 'stopped'])
    expect(rig.slots.alive).toEqual([])
    expect(rig.clock.pending).toBe(0)
    expect(rig.members.size).toBe(0)
    expect(rig.actor.system.getAll()).toEqual({})
  })

  it('aborts the environments that are waited for', () => {
    const rig = new SystemRig(['a'])
    rig.send({ type: 'system.destroy' })
    expect(rig.slots.environments.map(({ isAborted }) => isAborted)).toEqual([true])
  })
})
