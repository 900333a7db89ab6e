import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkerOf, isAlive } from '../e2e/axon.ts'
import { seed, sized } from './profile.ts'
import { RealAgent, sequence } from './real-commands.ts'

test('whatever is asked of real processes and happens to them: each run has one end, none begins twice, what began is not denied, and the agent answers', {
  timeout: sized(600_000, 3_600_000),
}, async () => {
  const agent = await RealAgent.start()
  const checker = checkerOf(agent.pool.axon)
  const seen = new Map<string, number>()
  const property = fc.asyncProperty(sequence, async (commands) => {
    for (const command of commands) {
      await agent.play(command)
      seen.set(command.type, (seen.get(command.type) ?? 0) + 1)
    }
    await agent.settle()
    expect(await agent.run()).toBe('ok')
    const { alive, outcomes, pool, replicas } = agent
    expect(checker.open).toEqual([])
    expect(checker.found).toEqual([])
    expect(checker.compare({ executed: pool.executed() })).toEqual([])
    expect(checker.settled.size).toBe(outcomes.size)
    expect(agent.doubled).toEqual([])
    expect([...alive.values()].filter(isAlive)).toHaveLength(replicas)
  })
  // The system is the same for all: what has failed cannot be had again by less of it, but by FAULTS_SEED.
  await fc.assert(property, { seed, numRuns: sized(30, 200), endOnFailure: true })
  // So that nothing passes by standing still.
  const answers = [...agent.outcomes.values()]
  expect(seen.size).toBe(10)
  expect(answers.filter((told) => told === 'ok').length).toBeGreaterThan(answers.length / 3)
  for (const told of [true, false]) expect(answers).toContain(told)
})
