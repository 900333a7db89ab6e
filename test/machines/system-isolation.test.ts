import { describe, expect, it } from 'vitest'
import { createActor, fromCallback } from 'xstate'
import type { Fact } from '../../src/machines/facts.ts'
import type { AgentSlots, PortInput } from '../../src/machines/slots.ts'
import { systemMachine } from '../../src/machines/system.ts'
import { settle } from './agent-rig.ts'
import { definitionOf } from './samples.ts'
import { SystemRig } from './system-rig.ts'

const bug = new Error('a bug of ours')

/** A definition that cannot be read where a field is named. */
function unreadable(name: string, field: 'startMs' | 'restart' | 'shutdownMs') {
  return Object.defineProperty(definitionOf(name), field, {
    get() {
      throw bug
    },
  })
}

describe('an agent whose actor throws', () => {
  it('is buried, told as failed and retired, and its siblings go on', async () => {
    const rig = new SystemRig(['a', unreadable('broken', 'restart'), 'c'])
    await rig.becomeReady()
    rig.told()
    rig.process('broken').exited()
    expect([...rig.members.keys()]).toEqual(['a', 'c'])
    expect(rig.told()).toEqual(['replica.removed broken', 'agent.failed broken', 'agent.retired broken'])
    expect([rig.stateOf('a'), rig.stateOf('c')]).toEqual(['ready', 'ready'])
    expect(rig.actor.getSnapshot().status).toBe('active')
    expect(rig.toRuns.at(-1)).toEqual({ type: 'agent.retired', agent: 'broken' })
  })

  it('carries its error in the fact', async () => {
    const rig = new SystemRig([unreadable('broken', 'restart')])
    await rig.becomeReady()
    rig.process('broken').exited()
    const failed = rig.facts.find(({ type }) => type === 'agent.failed')
    expect(failed).toMatchObject({ error: { code: 'INTERNAL_ERROR', cause: bug } })
  })

  it('does not keep its name: another agent can take it', async () => {
    const rig = new SystemRig([unreadable('broken', 'restart')])
    await rig.becomeReady()
    rig.process('broken').exited()
    rig.spawn('broken')
    await rig.becomeReady()
    expect(rig.stateOf('broken')).toBe('ready')
  })

  it('at the start of its process, in a slot that throws, is buried too', async () => {
    const portSpawn = fromCallback<never, PortInput>(() => {
      throw bug
    }) as unknown as AgentSlots['portSpawn']
    const rig = new SystemRig(['a'], { portSpawn })
    await rig.becomeReady()
    expect(rig.members.size).toBe(0)
    expect(rig.told().slice(-2)).toEqual(['agent.failed a', 'agent.retired a'])
    expect(rig.actor.getSnapshot().status).toBe('active')
  })

  it('at its start time is buried, and its late process event touches nobody', async () => {
    const rig = new SystemRig(['a', unreadable('broken', 'startMs')])
    await rig.becomeReady()
    expect([...rig.members.keys()]).toEqual(['a'])
    expect(rig.stateOf('a')).toBe('ready')
    rig.slots.processes.find(({ input }) => input.definition.name === 'broken')?.exited()
    expect(rig.actor.getSnapshot().status).toBe('active')
  })

  it('during closing is buried, and the system is closed all the same', async () => {
    const rig = new SystemRig(['a', unreadable('broken', 'shutdownMs')])
    await rig.becomeReady()
    rig.send({ type: 'system.close' })
    expect([...rig.members.keys()]).toEqual(['a'])
    rig.process('a').exited({ code: 0 })
    expect(rig.state).toBe('closed')
  })
})

describe('a great many agents', () => {
  it('cost the same each: the last thousand of ten thousand cost less than five times the first', () => {
    const rig = new SystemRig()
    const thousand = (from: number) => {
      const begun = process.cpuUsage()
      for (let index = from; index < from + 1_000; index += 1) rig.spawn(`a${index}`)
      // Of this process alone: the machine may be busy with others.
      const { user, system } = process.cpuUsage(begun)
      return (user + system) / 1_000
    }
    thousand(0)
    const costs = Array.from({ length: 10 }, (_, index) => thousand((index + 1) * 1_000))
    // The median of three on either side, so that one pause of the machine decides nothing.
    const median = (three: number[]) => three.sort((a, b) => a - b)[1] as number
    expect(median(costs.slice(-3))).toBeLessThan(5 * median(costs.slice(0, 3)))
    expect(rig.members.size).toBe(11_000)
    rig.send({ type: 'system.close' })
    expect(rig.actor.getSnapshot().status).toBe('done')
  })
})

it('an agent whose slots nobody filled fails with a message that says how to fill them', async () => {
  const facts: Fact[] = []
  const actor = createActor(systemMachine, { input: { agents: [definitionOf('a')] } })
  actor.on('agent.failed', (fact) => facts.push(fact))
  actor.start()
  await settle()
  expect(facts).toMatchObject([{ agent: 'a', error: { message: expect.stringMatching(/use provideRuntime/) } }])
  actor.send({ type: 'system.close' })
  expect(actor.getSnapshot().status).toBe('done')
})
