import { describe, expect, it } from 'vitest'
import { AgentRig } from './agent-rig.ts'

describe('an agent that nobody calls', () => {
  it('lets its process finish and rests; a start brings it back', async () => {
    const rig = await new AgentRig().reach('ready')
    rig.send('agent.quiet')
    expect(rig.state).toBe('draining')
    expect(rig.process.asked).toEqual(['process.drain'])
    rig.process.exited({ code: 0 })
    expect(rig.state).toBe('idle')
    expect(rig.told()).toEqual(['agent.draining', 'process.exited', 'agent.idle'])
    expect(rig.context).toMatchObject({ pid: undefined, endpoint: undefined, heartbeat: undefined, crash: undefined })
    await rig.become()
    expect(rig.state).toBe('ready')
    expect(rig.slots.processes).toHaveLength(2)
  })

  it.each([
    ['agent.stop', 'stopped'],
    ['agent.start', 'provisioning'],
    ['agent.restart', 'provisioning'],
  ] as const)('and is sent %s while its process finishes, is %s', async (command, state) => {
    const rig = await new AgentRig().reach('ready')
    rig.send('agent.quiet')
    rig.send(command)
    rig.process.exited({ code: 0 })
    expect(rig.state).toBe(state)
  })

  it('rests too where its process crashes on the way, or must be made to end', async () => {
    const crashed = await new AgentRig().reach('ready')
    crashed.send('agent.quiet')
    crashed.process.exited({ code: 1 })
    expect(crashed.state).toBe('idle')
    const slow = await new AgentRig().reach('ready')
    slow.send('agent.quiet')
    slow.clock.advance(5_000)
    expect(slow.state).toBe('stopping')
    slow.process.exited({ code: null, signal: 'SIGKILL', reason: 'stop' })
    expect(slow.state).toBe('idle')
  })
})

describe('the figures of a process', () => {
  it('are kept as it last told them, and forgotten with it', async () => {
    const rig = await new AgentRig().reach('ready')
    expect(rig.context.heartbeat).toBeUndefined()
    rig.process.beat()
    expect(rig.context.heartbeat).toMatchObject({ type: 'heartbeat', rss: 1 })
    rig.process.exited()
    expect(rig.context.heartbeat).toBeUndefined()
  })
})
