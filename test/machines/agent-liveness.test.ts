import { describe, expect, it } from 'vitest'
import { AgentRig, settle } from './agent-rig.ts'

describe('heartbeats', () => {
  it('keep a replica ready for as long as they come', async () => {
    const rig = await new AgentRig().reach('ready')
    for (let beat = 0; beat < 100; beat += 1) {
      rig.clock.advance(9_999)
      rig.process.beat()
    }
    expect(rig.state).toBe('ready')
    expect(rig.clock.pending).toBe(1)
    expect(rig.slots.probes).toEqual([])
  })

  it('that are missing for 10 s make it suspect, and it is asked over HTTP once', async () => {
    const rig = await new AgentRig().reach('ready')
    rig.clock.advance(9_999)
    expect(rig.state).toBe('ready')
    rig.clock.advance(1)
    expect(rig.state).toBe('suspect.waiting')
    expect(rig.told()).toEqual(['agent.suspect'])
    expect(rig.slots.probes.map(({ input }) => input)).toEqual([{ generation: 'writer/0#1' }])
  })

  it('that come back make it ready, and the probe is let go', async () => {
    const rig = await new AgentRig().reach('suspect.waiting')
    rig.process.beat()
    expect(rig.state).toBe('ready')
    expect(rig.told()).toEqual(['agent.recovered', 'agent.ready'])
    expect(rig.probe.isAborted).toBe(true)
  })

  it('may be what Ray tells of an application', async () => {
    const rig = await new AgentRig().reach('ready')
    const application = { name: 'axon-writer', replicas: [] }
    rig.clock.advance(9_999)
    rig.process.alive(application)
    rig.clock.advance(9_999)
    expect([rig.state, rig.told()]).toEqual(['ready', ['process.replicas']])
    rig.clock.advance(1)
    expect(rig.state).toBe('suspect.waiting')
    rig.process.alive({ ...application, name: 'axon-writer.1' })
    expect([rig.state, rig.told()]).toEqual(['ready', ['agent.suspect', 'agent.recovered', 'agent.ready']])
    expect(rig.actor.getSnapshot().context.application).toEqual({ name: 'axon-writer.1', replicas: [] })
  })

  it('that are of another generation do not make it ready again', async () => {
    const rig = await new AgentRig().reach('backoff')
    const old = rig.process
    rig.clock.advance(0)
    await rig.become()
    rig.clock.advance(10_000)
    expect(rig.state).toBe('suspect.waiting')
    old.beat()
    expect(rig.state).toBe('suspect.waiting')
  })
})

describe('a suspect', () => {
  it('that answers its probe is ready, and is watched anew', async () => {
    const rig = await new AgentRig().reach('suspect.waiting')
    rig.probe.resolve()
    await settle()
    expect(rig.state).toBe('ready')
    expect(rig.told()).toEqual(['agent.recovered', 'agent.ready'])
    rig.clock.advance(9_999)
    expect(rig.state).toBe('ready')
    rig.clock.advance(1)
    expect(rig.state).toBe('suspect.waiting')
    expect(rig.slots.probes).toHaveLength(2)
  })

  it('that fails its probe stays suspect, is asked once more 28 s after its last heartbeat, and is ended as hung', async () => {
    const rig = await new AgentRig().reach('suspect.waiting')
    rig.probe.reject(new Error('no answer'))
    await settle()
    expect(rig.state).toBe('suspect.waiting')
    rig.clock.advance(17_999)
    expect(rig.slots.probes).toHaveLength(1)
    rig.clock.advance(1)
    expect(rig.state).toBe('suspect.confirming')
    expect(rig.slots.probes).toHaveLength(2)
    expect(rig.process.asked).toEqual([])
    rig.probe.reject(new Error('no answer'))
    await settle()
    expect(rig.state).toBe('crashed.ending')
    expect(rig.process.commands).toEqual([{ type: 'process.terminate', reason: 'hang', graceMs: 500 }])
  })

  it('whose first probe never answered is asked anew, and the first one is let go', async () => {
    const rig = await new AgentRig().reach('suspect.waiting')
    const first = rig.probe
    rig.clock.advance(18_000)
    expect(first.isAborted).toBe(true)
    rig.probe.reject(new Error('no answer'))
    await settle()
    expect(rig.process.asked).toEqual(['process.terminate hang'])
  })

  it.each([
    ['answers', (rig: AgentRig) => rig.probe.resolve()],
    ['is heard', (rig: AgentRig) => rig.process.beat()],
  ])('that %s when it is asked the last time is ready: Node itself may have been paused', async (_, act) => {
    const rig = await new AgentRig().reach('suspect.confirming')
    act(rig)
    await settle()
    expect(rig.state).toBe('ready')
    expect(rig.told()).toEqual(['agent.recovered', 'agent.ready'])
    expect(rig.process.asked).toEqual([])
  })

  it('that was ended as hung has crashed once it has exited, and not before', async () => {
    const rig = await new AgentRig().reach('suspect.confirming')
    rig.probe.reject(new Error('no answer'))
    await settle()
    expect(rig.told()).toEqual([])
    rig.process.beat()
    expect(rig.state).toBe('crashed.ending')
    rig.process.exited({ code: null, signal: 'SIGABRT', reason: 'hang' })
    expect(rig.state).toBe('backoff')
    expect(rig.told()).toEqual(['process.exited', 'agent.crashed', 'agent.backoff'])
    expect(rig.context.crash).toMatchObject({ class: 'hang', error: { code: 'PROCESS_HUNG' } })
  })

  it('whose probe answers after it exited is not ready', async () => {
    const rig = await new AgentRig().reach('suspect.waiting')
    const { probe } = rig
    rig.process.exited()
    probe.resolve()
    await settle()
    expect(rig.state).toBe('backoff')
  })
})

describe('a heartbeat that tells of an event loop that hangs', () => {
  it('makes it suspect, and it is asked whether it answers', async () => {
    const rig = await new AgentRig().reach('ready')
    rig.process.beat({ loopLagMs: 999 })
    expect(rig.state).toBe('ready')
    rig.process.beat({ loopLagMs: 1_000 })
    expect(rig.state).toBe('suspect.lagging')
    expect(rig.told()).toEqual(['process.heartbeat', 'process.heartbeat', 'agent.suspect'])
    expect(rig.slots.probes).toHaveLength(1)
  })

  it('keeps it suspect for as long as more of them come, and nothing is ended', async () => {
    const rig = await new AgentRig().reach('suspect.lagging')
    for (let beat = 0; beat < 100; beat += 1) {
      rig.clock.advance(9_999)
      rig.process.beat({ loopLagMs: 9_999 * beat + 1_000 })
    }
    expect(rig.state).toBe('suspect.lagging')
    expect(rig.clock.pending).toBe(1)
    expect(rig.process.asked).toEqual([])
    expect(new Set(rig.told())).toEqual(new Set(['process.heartbeat']))
    // The last question is open, those before it were let go.
    expect(rig.slots.probes.filter(({ isAborted }) => !isAborted)).toHaveLength(1)
  })

  it.each([
    ['the answer to the last question', (rig: AgentRig) => rig.probe.resolve()],
    ['a heartbeat that tells of no lag', (rig: AgentRig) => rig.process.beat()],
  ])('is followed by %s: ready again', async (_, act) => {
    const rig = await new AgentRig().reach('suspect.lagging')
    act(rig)
    await settle()
    expect(rig.state).toBe('ready')
    expect(rig.told()).toEqual(['agent.recovered', 'agent.ready'])
  })

  it('is followed by silence: judged as any silence is', async () => {
    const rig = await new AgentRig().reach('suspect.lagging')
    rig.clock.advance(10_000)
    expect(rig.state).toBe('suspect.waiting')
    rig.clock.advance(18_000)
    expect(rig.state).toBe('suspect.confirming')
    rig.process.beat({ loopLagMs: 28_000 })
    expect(rig.state).toBe('suspect.lagging')
    expect(rig.process.asked).toEqual([])
  })

  it('leaves its runs their time where it is to be stopped or replaced', async () => {
    for (const command of ['agent.stop', 'agent.restart', 'agent.drain'] as const) {
      const rig = await new AgentRig().reach('suspect.lagging')
      rig.send(command)
      expect(rig.state).toBe('draining')
      expect(rig.process.asked).toEqual(['process.drain'])
    }
  })
})

describe('a process that breaks the protocol', () => {
  it('is ended, and has crashed with the class protocol', async () => {
    const rig = await new AgentRig().reach('ready')
    rig.process.violated()
    expect(rig.state).toBe('crashed.ending')
    expect(rig.process.asked).toEqual(['process.terminate protocol'])
    expect(rig.clock.pending).toBe(0)
    rig.process.exited({ code: null, signal: 'SIGKILL', reason: 'protocol' })
    expect(rig.context.crash).toMatchObject({ class: 'protocol', error: { code: 'PROTOCOL_INVALID_FRAME' } })
    expect(rig.state).toBe('backoff')
  })

  it('while it drains is ended, and the agent is stopped all the same', async () => {
    const rig = await new AgentRig().reach('draining')
    rig.process.violated()
    expect(rig.state).toBe('draining')
    expect(rig.process.asked).toEqual(['process.drain', 'process.terminate protocol'])
    rig.process.exited({ code: null, signal: 'SIGKILL', reason: 'protocol' })
    expect(rig.state).toBe('stopped')
  })
})
