import { describe, expect, it } from 'vitest'
import { AgentRig, agentStates } from './agent-rig.ts'
import { definitionOf, importFailure } from './samples.ts'

describe('a crash', () => {
  it('is told with its record, then the backoff with its delay', async () => {
    const rig = await new AgentRig().reach('ready')
    rig.process.exited({ code: null, signal: 'SIGSEGV', lastLines: ['Fatal Python error'] })
    expect(rig.facts.map(({ type }) => type)).toEqual(['process.exited', 'agent.crashed', 'agent.backoff'])
    expect(rig.facts[0]).toMatchObject({ exit: { signal: 'SIGSEGV' } })
    expect(rig.facts[1]).toMatchObject({ restarts: 1, crash: { class: 'signal', lastLines: ['Fatal Python error'] } })
    expect(rig.facts[2]).toMatchObject({ delayMs: 0, error: { code: 'PROCESS_EXITED' } })
    expect(rig.context).toMatchObject({ pid: undefined, endpoint: undefined })
  })

  it('is followed by the next generation, which knows nothing of the last', async () => {
    const rig = await new AgentRig().reach('backoff')
    rig.clock.advance(0)
    expect(rig.state).toBe('provisioning')
    expect(rig.context).toMatchObject({ generation: 2, crash: undefined, facts: undefined, readyAtMs: undefined })
    await rig.become()
    expect(rig.process.generation).toBe('writer/0#2')
  })

  it('again and again is restarted along the curve until the intensity is used up', async () => {
    const rig = await new AgentRig().reach('ready')
    const delays: number[] = []
    for (;;) {
      rig.clock.advance(1_000)
      rig.process.exited()
      if (rig.state === 'failed') break
      delays.push(rig.context.delayMs)
      const wait = Math.max(rig.context.delayMs - 1, 0)
      if (wait > 0) rig.clock.advance(wait)
      if (wait > 0) expect(rig.state).toBe('backoff')
      rig.clock.advance(1)
      await rig.become()
    }
    expect(delays).toEqual([0, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000])
    expect(rig.context).toMatchObject({ givenUp: 'intensity', restarts: 10 })
    expect(rig.told().at(-1)).toBe('agent.failed')
  })

  it('waits for half of each delay where the jitter is at its lowest', async () => {
    const rig = await new AgentRig({}, () => 0).reach('backoff')
    rig.clock.advance(0)
    await rig.become()
    rig.process.exited()
    expect(rig.context.delayMs).toBe(250)
  })

  it('after a stable time starts the curve again', async () => {
    const rig = await new AgentRig().reach('ready')
    for (const delayMs of [0, 500, 1_000]) {
      rig.process.exited()
      expect(rig.context.delayMs).toBe(delayMs)
      rig.clock.advance(delayMs)
      await rig.become()
    }
    for (let beat = 0; beat < 10; beat += 1) {
      rig.clock.advance(6_000)
      rig.process.beat()
    }
    rig.process.exited()
    expect(rig.context.delayMs).toBe(0)
  })
})

describe('a failed agent', () => {
  it('stays failed for ever, keeps its last error and waits for nothing', async () => {
    const rig = await new AgentRig().reach('failed')
    rig.clock.advance(86_400_000)
    expect(rig.state).toBe('failed')
    expect(rig.clock.pending).toBe(0)
    expect(rig.slots.alive).toEqual([])
    expect(rig.context.lastError?.code).toBe('AGENT_IMPORT_FAILED')
  })

  it('with a cool-down tries one start after it, and fails again where that is lost', async () => {
    const restart = { ...definitionOf('writer').restart, maxRestarts: 1, withinMs: 600_000, coolDownMs: 60_000 }
    const rig = await new AgentRig({ restart }).reach('ready')
    for (const state of ['backoff', 'failed']) {
      rig.process.exited()
      expect(rig.state).toBe(state)
      if (state === 'backoff') rig.clock.advance(0)
      if (state === 'backoff') await rig.become()
    }
    rig.clock.advance(59_999)
    expect(rig.state).toBe('failed')
    rig.clock.advance(1)
    expect(rig.state).toBe('provisioning')
    await rig.become()
    rig.process.exited()
    expect(rig.state).toBe('failed')
  })

  it('with a cool-down waits for nothing once it has been started or stopped', async () => {
    const restart = { ...definitionOf('writer').restart, maxRestarts: 0, coolDownMs: 60_000 }
    for (const command of ['agent.start', 'agent.stop'] as const) {
      const rig = await new AgentRig({ restart }).reach('ready')
      rig.process.exited()
      expect(rig.clock.pending).toBe(1)
      rig.send(command)
      expect(rig.clock.pending).toBe(0)
    }
  })

  it.each(['agent.start', 'agent.restart'] as const)('that gets %s forgets its history', async (command) => {
    const rig = await new AgentRig().reach('failed')
    rig.send(command)
    expect(rig.context).toMatchObject({
      history: { restarts: [], streak: 0, hopeless: 0, hasBeenReady: false },
      givenUp: undefined,
      lastError: undefined,
    })
    await rig.become()
    rig.process.exited()
    expect(rig.state).toBe('backoff')
    expect(rig.context.delayMs).toBe(0)
  })

  it('that is stopped is stopped, and its next start is a first one', async () => {
    const rig = await new AgentRig().reach('failed')
    rig.send('agent.stop')
    expect(rig.state).toBe('stopped')
    expect(rig.context).toMatchObject({ lastError: undefined, givenUp: undefined })
    await rig.become()
    expect(rig.state).toBe('ready')
  })
})

describe('who answers agent.crashed at once', () => {
  const commands = ['agent.start', 'agent.restart', 'agent.stop'] as const

  it.each(commands)('by %s is heard before the verdict, as if it had come after', async (command) => {
    const rig = await new AgentRig(
      {},
      () => 1,
      (fact, send) => fact.type === 'agent.crashed' && send(command),
    ).reach('ready')
    rig.process.exited()
    expect(rig.told()).not.toContain('agent.backoff')
    expect(rig.state).toBe(command === 'agent.stop' ? 'stopped' : 'provisioning')
  })

  it('by agent.start, where the agent has given up, begins with a clean history', async () => {
    const rig = await new AgentRig(
      {},
      () => 1,
      (fact, send) => {
        if (fact.type === 'agent.crashed' && fact.generation === 'writer/0#3') send('agent.start')
      },
    ).reach('starting')
    for (const next of ['backoff', 'backoff', 'provisioning', 'backoff']) {
      rig.process.exited({ failure: importFailure })
      expect(rig.state).toBe(next)
      rig.clock.advance(next === 'backoff' ? rig.context.delayMs : 0)
      await rig.provide()
    }
  })
})

describe('agent.restart', () => {
  it('of a ready replica drains it, and the next process begins only after the exit', async () => {
    const rig = await new AgentRig().reach('ready')
    rig.send('agent.restart')
    expect(rig.state).toBe('draining')
    expect(rig.slots.environments).toHaveLength(1)
    rig.process.exited({ code: 0 })
    expect(rig.state).toBe('provisioning')
    await rig.become()
    expect(rig.process.generation).toBe('writer/0#2')
    expect(rig.context.restarts).toBe(0)
  })

  it('during provisioning lets the first environment go and asks for it anew', async () => {
    const rig = await new AgentRig().reach('provisioning')
    rig.send('agent.restart')
    expect(rig.slots.environments.map(({ isAborted }) => isAborted)).toEqual([true, false])
    expect(rig.state).toBe('provisioning')
  })

  it('during backoff does not wait for the delay, and keeps the history', async () => {
    const rig = await new AgentRig({ restart: { ...slow } }).reach('backoff')
    rig.send('agent.restart')
    expect(rig.state).toBe('provisioning')
    expect(rig.context.history.streak).toBe(1)
    expect(rig.clock.pending).toBe(0)
  })

  it.each(agentStates)('in %s leads to ready again with one process alive', async (state) => {
    const rig = await new AgentRig().reach(state)
    const before = rig.slots.processes.at(-1)
    rig.send('agent.restart')
    if (before?.isAlive) {
      expect(rig.slots.processes.at(-1)).toBe(before)
      before.exited({ code: null, signal: 'SIGTERM' })
    }
    expect(rig.state).toBe('provisioning')
    await rig.become()
    expect(rig.state).toBe('ready')
    expect(rig.slots.alive).toHaveLength(1)
    expect(rig.slots.processes.some(({ isCutOff }) => isCutOff)).toBe(false)
  })
})

const slow = { maxRestarts: 10, withinMs: 600_000, firstMs: 5_000, baseMs: 5_000, maxMs: 60_000, stableMs: 60_000 }
