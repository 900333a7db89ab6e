/**
 * What callers of a pool notice of its work: new processes in the place of old ones under 200 runs a second, and a pool of four
 * of which one is killed every second. Each run leaves a record before it does anything else, so that none is counted twice.
 */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { type AgentOptions, type Axon, createAxon } from 'axon-runtime'
import { benchRoot } from './environment.ts'
import { Load, type Outcome } from './load.ts'
import type { BenchResult } from './main.ts'
import { quantile, round } from './statistics.ts'

const runsPerSecond = 200
const killEveryMs = 1_000
const betweenRolloutsMs = 500

/** @param seconds of the kills; the rollouts, and the time before them, have a third each */
export async function pool(_rounds: number | undefined, seconds = 60): Promise<BenchResult> {
  const loadBefore = round(loadavg()[0] ?? 0)
  const rolling = await measureRolling(Math.max(1, seconds / 3))
  const kills = await measureKills(seconds)
  const violations = rolling.failed + rolling.twice + kills.untyped + kills.twice + kills.missing
  return {
    isViolated: violations > 0,
    figures: { runsPerSecond, loadBefore, loadAfter: round(loadavg()[0] ?? 0), rolling, kills },
    targets: [
      { target: 'runs that fail during rollouts: none', measured: rolling.failed, isMet: rolling.failed === 0 },
      { target: 'several rollouts', measured: rolling.rollouts, isMet: rolling.rollouts >= Math.min(5, seconds / 3) },
      {
        target: 'runs that fail under kills, but those that had begun on the dead: none',
        measured: kills.untyped,
        isMet: kills.untyped === 0,
      },
      {
        target: 'runs that ran twice: none',
        measured: rolling.twice + kills.twice,
        isMet: rolling.twice + kills.twice === 0,
      },
      { target: 'runs that succeeded without having run: none', measured: kills.missing, isMet: kills.missing === 0 },
    ],
  }
}

async function measureRolling(seconds: number) {
  return withPool({ replicas: 2, takesS: 0.005 }, async (axon, records) => {
    const agent = axon.agent('pool')
    const load = new Load(agent, runsPerSecond)
    await setTimeout(seconds * 1_000)
    const before = load.take()
    let rollouts = 0
    const endsAt = performance.now() + seconds * 1_000
    const off = axon.on('rollout.completed', () => (rollouts += 1))
    while (performance.now() < endsAt) {
      const settled = nextRollout(axon)
      agent.send({ type: 'agent.restart' })
      await settled
      await setTimeout(betweenRolloutsMs)
    }
    off()
    const during = [...(await load.end())]
    const all = [...before, ...during]
    const [calm, busy] = [latencies(before), latencies(during)]
    return {
      runs: all.length,
      rollouts,
      failed: all.filter(({ error }) => error !== undefined).length,
      errors: codesOf(all),
      twice: twice(records()),
      beforeMs: calm,
      duringMs: busy,
      p99DuringOverBefore: round(busy.p99 / calm.p99),
    }
  })
}

async function measureKills(seconds: number) {
  return withPool({ replicas: 4, takesS: 0.05 }, async (axon, records) => {
    const agent = axon.agent('pool')
    const killed = new Set<string>()
    let requeued = 0
    axon.on('run.requeued', () => (requeued += 1))
    const load = new Load(agent, runsPerSecond)
    for (let number = 0; number < seconds; number += 1) {
      await setTimeout(killEveryMs)
      const ready = agent.snapshot()?.replicas.filter(({ state }) => state === 'ready') ?? []
      const victim = ready[number % ready.length]
      if (victim?.pid === undefined) continue
      killed.add(victim.generation)
      process.kill(victim.pid, 'SIGKILL')
    }
    const outcomes = await load.end()
    const executed = records()
    const interrupted = outcomes.filter((outcome) => isInterrupted(outcome, killed))
    const succeeded = outcomes.filter(({ error }) => error === undefined)
    return {
      runs: outcomes.length,
      kills: killed.size,
      succeeded: succeeded.length,
      interrupted: interrupted.length,
      /** Neither answered nor told that they had begun on a process that was killed. */
      untyped: outcomes.length - succeeded.length - interrupted.length,
      errors: codesOf(outcomes),
      requeued,
      twice: twice(executed),
      missing: succeeded.filter(({ run }) => !executed.has(run)).length,
      latencyMs: latencies(succeeded),
    }
  })
}

/** The run had begun on a process that was killed, and its caller was told so. */
function isInterrupted({ error }: Outcome, killed: ReadonlySet<string>): boolean {
  return error?.code === 'RUN_INTERRUPTED' && error.started === true && killed.has(String(error.context.generation))
}

/** A pool that is ended afterwards. `records` tells how often each run has run. */
async function withPool<Result>(
  { replicas, takesS }: { replicas: number; takesS: number },
  measure: (axon: Axon, records: () => Map<string, number>) => Promise<Result>,
): Promise<Result> {
  const directory = mkdtempSync(join(tmpdir(), 'axon-bench-pool-'))
  const path = join(directory, 'records')
  const options: AgentOptions = {
    module: 'agents.records',
    cwd: benchRoot,
    dependencies: [],
    env: { RECORDS: path, TAKES_S: String(takesS) },
    replicas,
    restart: { maxRestarts: 100_000, stableMs: 0 },
  }
  const axon = await createAxon({ agents: { pool: options } }).start()
  try {
    await axon.agent('pool').run({ prompt: 'warm up' })
    return await measure(axon, () => count(readFileSync(path, 'utf8')))
  } finally {
    await axon.close()
    rmSync(directory, { recursive: true, force: true })
  }
}

function nextRollout(axon: Axon): Promise<void> {
  return new Promise((resolve, reject) => {
    const offs = [
      axon.on('rollout.completed', () => end(resolve)),
      axon.on('rollout.failed', ({ error }) => end(() => reject(error))),
    ]
    const end = (settle: () => void) => {
      for (const off of offs) off()
      settle()
    }
  })
}

function count(records: string): Map<string, number> {
  const executed = new Map<string, number>()
  for (const run of records.split('\n')) if (run) executed.set(run, (executed.get(run) ?? 0) + 1)
  return executed
}

const twice = (executed: ReadonlyMap<string, number>): number =>
  [...executed.values()].filter((times) => times > 1).length

function codesOf(outcomes: readonly Outcome[]): Record<string, number> {
  const codes: Record<string, number> = {}
  for (const { error } of outcomes) if (error) codes[error.code] = (codes[error.code] ?? 0) + 1
  return codes
}

function latencies(outcomes: readonly Outcome[]) {
  const values = outcomes.map(({ ms }) => ms)
  return { n: values.length, p50: quantile(values, 0.5), p99: quantile(values, 0.99), max: quantile(values, 1) }
}
