import { expect, test } from 'vitest'
import { startPool, type Told, told } from './pool.ts'
import { seed, seeded } from './profile.ts'
import { killed } from './proxy.ts'

const atOnce = 48

interface Storm {
  outcomes: Map<string, Told>
  executions: Map<string, number>
  /** How many processes were killed. */
  kills: number
  settled: Map<string, number>
}

/**
 * So many runs over three replicas, of which one is killed for about every `startsPerKill` that began: at a receipt, or at a byte of
 * a request or an answer.
 */
async function storm(runs: number, idempotent: boolean, startsPerKill: number): Promise<Storm> {
  const random = seeded(seed)
  const upTo = (limit: number) => Math.floor(random() * limit)
  const { axon, proxies, run, executed } = await startPool({ replicas: 3, concurrency: 8, idempotent })
  const settled = new Map<string, number>()
  let kills = 0
  let left = 20
  axon.on('process.exited', ({ exit }) => {
    if (exit.signal === 'SIGKILL') kills += 1
  })
  axon.on('run.settled', ({ run }) => settled.set(run, (settled.get(run) ?? 0) + 1))
  axon.on('run.started', () => {
    left -= 1
    const living = [...proxies.values()]
    const victim = living[upTo(living.length)]
    if (left > 0 || victim === undefined) return
    left = Math.ceil(startsPerKill / 2) + upTo(startsPerKill)
    const how = upTo(3)
    if (how === 0) killed(victim.pid)
    else void victim.arm({ of: how === 1 ? 'request' : 'answer', afterBytes: upTo(1_500), act: 'kill' })
  })
  const outcomes = new Map<string, Told>()
  let next = 0
  const worker = async () => {
    while (next < runs) {
      const id = `r-${next++}`
      outcomes.set(id, await told(run(id, { seconds: random() / 100 }, { affinity: id })))
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  const executions = new Map<string, number>()
  for (const id of executed()) executions.set(id, (executions.get(id) ?? 0) + 1)
  return { outcomes, executions, kills, settled }
}

const those = ({ outcomes }: Storm, which: (told: Told, id: string) => boolean) =>
  [...outcomes].filter(([id, told]) => which(told, id)).map(([id]) => id)

test('2,000 runs over three replicas under random kills: one answer each, none executed twice, none executed and told as not started', {
  timeout: 120_000,
}, async () => {
  const result = await storm(2_000, false, 25)
  const because = `FAULTS_SEED=${seed}`
  const { outcomes, executions, kills, settled } = result
  expect(outcomes.size, because).toBe(2_000)
  expect(
    [...settled].filter(([, times]) => times !== 1),
    because,
  ).toEqual([])
  expect(settled.size, because).toBe(2_000)
  expect(
    [...executions].filter(([, times]) => times > 1),
    because,
  ).toEqual([])
  expect(
    those(result, (told, id) => told === false && executions.has(id)),
    because,
  ).toEqual([])
  expect(
    those(result, (told, id) => told === 'ok' && !executions.has(id)),
    because,
  ).toEqual([])
  // Neither all nor none: there were many kills, and most runs came through.
  expect(kills, because).toBeGreaterThan(20)
  expect(those(result, (told) => told === true).length, because).toBeGreaterThan(20)
  expect(those(result, (told) => told === 'ok').length, because).toBeGreaterThan(1_500)
})

test('500 runs of an idempotent agent under random kills: what was interrupted is run again, and all but a few succeed', async () => {
  const result = await storm(500, true, 60)
  const because = `FAULTS_SEED=${seed}`
  const { outcomes, executions, kills } = result
  expect(kills, because).toBeGreaterThan(3)
  expect(those(result, (told) => told === 'ok').length, because).toBeGreaterThan(470)
  expect(Math.max(...executions.values()), because).toBeGreaterThan(1)
  expect(Math.max(...executions.values()), because).toBeLessThanOrEqual(3)
  expect(
    [...outcomes.keys()].filter((id) => outcomes.get(id) === 'ok' && !executions.has(id)),
    because,
  ).toEqual([])
})
