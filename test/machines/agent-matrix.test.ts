import { describe, expect, it } from 'vitest'
import { AgentRig, type AgentState, agentStates } from './agent-rig.ts'
import { agentFacts, endpoint, exitOf, heartbeat } from './samples.ts'

const commands = [
  'agent.start',
  'agent.stop',
  'agent.restart',
  'agent.drain',
  'agent.quiet',
  'agent.configure',
] as const
const says = ['process.spawned', 'agent.ready', 'process.heartbeat', 'process.violated', 'process.exited'] as const

/** Where each command leads; `=` where the state stays, in the order of `commands`. */
const afterCommand: Record<AgentState, readonly string[]> = {
  idle: ['provisioning', 'stopped', 'provisioning', '=', '=', '='],
  provisioning: ['=', 'stopped', '=', '=', '=', '='],
  starting: ['=', 'stopping', 'stopping', '=', '=', 'stopping'],
  ready: ['=', 'draining', 'draining', 'draining', 'draining', 'draining'],
  'suspect.waiting': ['=', 'stopping', 'stopping', 'draining', '=', 'stopping'],
  'suspect.confirming': ['=', 'stopping', 'stopping', 'draining', '=', 'stopping'],
  'suspect.lagging': ['=', 'draining', 'draining', 'draining', '=', 'draining'],
  draining: ['=', '=', '=', '=', '=', '='],
  stopping: ['=', '=', '=', '=', '=', '='],
  stopped: ['provisioning', '=', 'provisioning', '=', '=', '='],
  'crashed.ending': ['=', 'stopping', 'stopping', '=', '=', 'stopping'],
  backoff: ['provisioning', 'stopped', 'provisioning', '=', '=', 'provisioning'],
  failed: ['provisioning', 'stopped', 'provisioning', '=', '=', 'provisioning'],
}

/** Where what the current process says leads, in the order of `says`. Without a process it is a late word and leads nowhere. */
const afterSaying: Record<AgentState, readonly string[]> = {
  idle: ['=', '=', '=', '=', '='],
  provisioning: ['=', '=', '=', '=', '='],
  starting: ['=', 'ready', '=', 'crashed.ending', 'backoff'],
  ready: ['=', '=', '=', 'crashed.ending', 'backoff'],
  'suspect.waiting': ['=', '=', 'ready', 'crashed.ending', 'backoff'],
  'suspect.confirming': ['=', '=', 'ready', 'crashed.ending', 'backoff'],
  'suspect.lagging': ['=', '=', 'ready', 'crashed.ending', 'backoff'],
  draining: ['=', '=', '=', '=', 'stopped'],
  stopping: ['=', '=', '=', '=', 'stopped'],
  stopped: ['=', '=', '=', '=', '='],
  'crashed.ending': ['=', '=', '=', '=', 'backoff'],
  backoff: ['=', '=', '=', '=', '='],
  failed: ['=', '=', '=', '=', '='],
}

function say(rig: AgentRig, type: (typeof says)[number], generation: string): void {
  const bodies = {
    'process.spawned': { pid: 4242 },
    'agent.ready': { endpoint, facts: agentFacts },
    'process.heartbeat': { heartbeat },
    'process.violated': { message: 'no frame' },
    'process.exited': { exit: exitOf(generation) },
  }
  rig.actor.send({ type, generation, ...bodies[type] } as Parameters<typeof rig.actor.send>[0])
}

const cellsOf = (events: readonly string[], table: Record<AgentState, readonly string[]>) =>
  agentStates.flatMap((state) =>
    events.map((event, index) => {
      const next = table[state][index] as string
      return [event, state, next === '=' ? state : next] as const
    }),
  )

describe('a command', () => {
  it.each(cellsOf(commands, afterCommand))('%s in %s leads to %s', async (command, state, next) => {
    const rig = await new AgentRig().reach(state)
    if (command === 'agent.configure') rig.configure({ model: 'test:other' })
    else rig.send(command as 'agent.start')
    expect(rig.state).toBe(next)
    expect(rig.context.definition.model).toBe(command === 'agent.configure' ? 'test:other' : undefined)
  })
})

describe('what the current process says', () => {
  it.each(cellsOf(says, afterSaying))('%s in %s leads to %s', async (event, state, next) => {
    const rig = await new AgentRig().reach(state)
    say(rig, event as 'agent.ready', `writer/0#${rig.context.generation}`)
    expect(rig.actor.getSnapshot().status).toBe('active')
    expect(rig.state).toBe(next)
  })
})

describe('what another generation says', () => {
  it.each(cellsOf(says, afterSaying))('%s in %s changes nothing', async (event, state) => {
    const rig = await new AgentRig().reach(state)
    const before = rig.context
    for (const number of [rig.context.generation - 1, rig.context.generation + 1]) {
      say(rig, event as 'agent.ready', `writer/0#${number}`)
    }
    expect(rig.state).toBe(state)
    expect(rig.context).toEqual(before)
    expect(rig.told()).toEqual([])
  })
})

describe('the actor', () => {
  it.each(agentStates)('leaves no timer, no call and no process when it is stopped in %s', async (state) => {
    const rig = await new AgentRig().reach(state)
    rig.actor.stop()
    expect(rig.clock.pending).toBe(0)
    expect(rig.slots.alive).toEqual([])
  })
})
