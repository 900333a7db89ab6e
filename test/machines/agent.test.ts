import { describe, expect, it } from 'vitest'
import { PythonEnvError } from '../../src/errors.ts'
import { AgentRig, settle } from './agent-rig.ts'
import { agentFacts, bindFailure, endpoint, environment, heartbeat, importFailure } from './samples.ts'

const hour = 3_600_000

describe('the way to ready', () => {
  it('a new replica is idle, has no process and waits for nothing', () => {
    const rig = new AgentRig()
    expect(rig.state).toBe('idle')
    // That it was made is told by who made it.
    expect(rig.told()).toEqual([])
    expect(rig.clock.pending).toBe(0)
    expect(rig.slots.environments).toEqual([])
  })

  it('a start makes the environment, then the process, and is ready when the process says so', async () => {
    const rig = new AgentRig()
    rig.send('agent.start')
    expect(rig.state).toBe('provisioning')
    expect(rig.environment.input).toBe(rig.definition)
    await rig.provide()
    expect(rig.state).toBe('starting')
    expect(rig.process.input).toEqual({ definition: rig.definition, environment, generation: 'writer/0#1' })
    rig.process.spawned(77)
    expect(rig.state).toBe('starting')
    rig.process.ready()
    expect(rig.state).toBe('ready')
    expect(rig.context).toMatchObject({ pid: 77, endpoint, facts: agentFacts, generation: 1, restarts: 0 })
    expect(rig.told()).toEqual([
      'agent.provisioning',
      'environment.ready',
      'agent.starting',
      'process.spawned',
      'agent.ready',
    ])
  })

  it('every fact names the agent and its process', async () => {
    const rig = await new AgentRig().reach('provisioning')
    await rig.become()
    rig.process.beat()
    rig.process.exited()
    for (const fact of rig.facts) expect(fact).toMatchObject({ agent: 'writer', generation: 'writer/0#1' })
    expect(rig.facts).toContainEqual({
      type: 'process.heartbeat',
      agent: 'writer',
      generation: 'writer/0#1',
      heartbeat,
    })
  })

  it('a second start while it starts makes no second environment and no second process', async () => {
    const rig = new AgentRig()
    rig.send('agent.start')
    rig.send('agent.start')
    await rig.provide()
    rig.send('agent.start')
    rig.process.ready()
    rig.send('agent.start')
    expect(rig.slots.environments).toHaveLength(1)
    expect(rig.slots.processes).toHaveLength(1)
    expect(rig.state).toBe('ready')
  })
})

describe('an environment that cannot be made', () => {
  it('fails the agent at once where another try cannot help', async () => {
    const rig = await new AgentRig().reach('provisioning')
    const error = new PythonEnvError('ENV_CONFLICT', 'writer: a and b want different c. Loosen one.')
    rig.environment.reject(error)
    await settle()
    expect(rig.state).toBe('failed')
    expect(rig.context).toMatchObject({ lastError: error, givenUp: 'hopeless', crash: { class: 'environment' } })
    expect(rig.told()).toEqual(['agent.crashed', 'agent.failed'])
    expect(rig.clock.pending).toBe(0)
  })

  it('is tried again after a backoff where the network was at fault, three times in all', async () => {
    const rig = await new AgentRig().reach('provisioning')
    for (const next of ['backoff', 'backoff', 'failed']) {
      rig.environment.reject(new PythonEnvError('ENV_NETWORK', 'writer: the index does not answer. Try again later.'))
      await settle()
      expect(rig.state).toBe(next)
      rig.clock.advance(500)
    }
    expect(rig.slots.environments).toHaveLength(3)
    expect(rig.slots.processes).toEqual([])
  })

  it('is an INTERNAL_ERROR where the slot rejects with anything else', async () => {
    const rig = await new AgentRig().reach('provisioning')
    rig.environment.reject(new TypeError('undefined is not a function'))
    await settle()
    expect(rig.state).toBe('failed')
    expect(rig.context.lastError).toMatchObject({ code: 'INTERNAL_ERROR', cause: expect.any(TypeError) })
  })
})

describe('a process that does not become ready', () => {
  it('is ended with the reason start_timeout after startMs, and nothing new begins before its exit', async () => {
    const rig = await new AgentRig({ startMs: 3_000 }).reach('starting')
    rig.clock.advance(2_999)
    expect(rig.process.asked).toEqual([])
    rig.clock.advance(1)
    expect(rig.state).toBe('crashed.ending')
    expect(rig.process.commands).toEqual([{ type: 'process.terminate', reason: 'start_timeout', graceMs: 500 }])
    rig.clock.advance(hour)
    expect(rig.state).toBe('crashed.ending')
    expect(rig.slots.processes).toHaveLength(1)
    rig.process.exited({ code: null, signal: 'SIGKILL', reason: 'start_timeout' })
    expect(rig.state).toBe('backoff')
    expect(rig.context.crash).toMatchObject({ class: 'start_timeout', error: { code: 'PROCESS_START_TIMEOUT' } })
  })

  it('is not taken for ready when it says so after its time', async () => {
    const rig = await new AgentRig().reach('starting')
    rig.clock.advance(30_000)
    rig.process.ready()
    expect(rig.state).toBe('crashed.ending')
  })

  it('counts as a failed start when it exits with code 0', async () => {
    const rig = await new AgentRig().reach('starting')
    rig.process.exited({ code: 0 })
    expect(rig.state).toBe('backoff')
    expect(rig.context.lastError?.message).toMatch(/exit code 0 before it was ready/)
  })

  it('fails after three import errors, and keeps the last one', async () => {
    const rig = await new AgentRig().reach('failed')
    expect(rig.slots.processes).toHaveLength(3)
    expect(rig.context).toMatchObject({ givenUp: 'hopeless', crash: { class: 'import' } })
    expect(rig.context.lastError).toMatchObject({ code: 'AGENT_IMPORT_FAILED', message: importFailure.message })
  })

  it('fails after three tries at a port that is taken', async () => {
    const rig = await new AgentRig().reach('starting')
    for (const next of ['backoff', 'backoff', 'failed']) {
      rig.process.exited({ failure: bindFailure })
      expect(rig.state).toBe(next)
      rig.clock.advance(500)
      if (next === 'backoff') await rig.provide()
    }
    expect(rig.context.lastError?.code).toBe('PORT_IN_USE')
  })
})
