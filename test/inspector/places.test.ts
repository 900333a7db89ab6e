import { describe, expect, it } from 'vitest'
import { chartOf } from '../../src/inspector/machine-frames.ts'
import { machinePlaces } from '../../src/inspector/places.ts'
import { agentMachine } from '../../src/machines/agent.ts'
import { poolMachine } from '../../src/machines/pool.ts'
import { runLogic } from '../../src/machines/run.ts'
import { supervisorMachine } from '../../src/machines/supervision/index.ts'
import { systemMachine } from '../../src/machines/system.ts'

const logics = {
  agent: agentMachine,
  pool: poolMachine,
  supervisor: supervisorMachine,
  axon: systemMachine,
  run: runLogic,
}

describe.each(Object.entries(logics))('the places of %s', (id, logic) => {
  const frame = chartOf(logic)?.frame
  if (frame === undefined) throw new Error(`${id} has no states`)
  const top = frame.nodes.filter(({ parent }) => parent === undefined)
  const places = machinePlaces[id]

  it('are those of every state at the top, and of nothing else', () => {
    const named = [...(places?.leaving ?? []), ...(places?.life ?? []), ...(places?.trouble ?? [])]
    expect(named.filter((key) => key !== undefined).sort()).toEqual(top.map(({ key }) => key).sort())
    expect(top.filter(({ place }) => place === undefined)).toEqual([])
  })

  it('name transitions that there are', () => {
    const key = (of: string) => of.split('.')[1]
    const ways = new Set(frame.edges.map(({ source, target }) => `${key(source)} ${key(target)}`))
    expect(places?.aside.filter((way) => !ways.has(way))).toEqual([])
    const events = new Set(frame.edges.map(({ event }) => event))
    expect(Object.keys(places?.heardIn ?? {}).filter((event) => !events.has(event))).toEqual([])
    expect(frame.edges.filter(({ source }) => source === id)).toEqual([])
  })
})
