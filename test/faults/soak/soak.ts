/** Owns a soak: load, one random fault a second, and then whether everything held that must hold whatever happens. */
import { setTimeout } from 'node:timers/promises'
import { type Held, held } from '../held.ts'
import { seeded } from '../profile.ts'
import { forAll, soakFaults } from './faults.ts'
import { agents, newSoakSystem, type SoakSystem } from './system.ts'
import { Traffic } from './traffic.ts'
import { grown, type Latency, latency, remains, slowed } from './verdict.ts'

export interface SoakOptions {
  /** How long there are faults, one a second. */
  seconds: number
  /** The same seed is the same faults in the same order. */
  seed: number
  cacheDir: string
  progress: (line: string) => void
}

export interface SoakResult {
  seconds: number
  seed: number
  faults: number
  faultsByName: Record<string, number>
  /** Of every caller: `ok`, or the code of its error. */
  told: Record<string, number>
  /** Share of the callers that were answered. */
  answered: number
  /** Echo runs of an agent that no fault is aimed at, in milliseconds: before the faults, and under those of others. */
  calm: { before: Latency; under: Latency }
  /** What Node and the host held before the faults and after them. */
  held: { before: Held; after: Held }
  lost: number
  doubled: number
  leftBehind: number
  /** What did not hold, each with its invariant. None: all did. */
  findings: string[]
}

const warmUpMs = 10_000
const faultEveryMs = 1_000
const progressEvery = 10
/** A process that hangs is ended after 30 s, and starts anew. */
const recoveryMs = 90_000
/** Node closes connections that are idle for 4 s. */
const idleMs = 6_000
/** Who calls an agent that is stopped or in backoff is refused; that most are answered keeps this from passing trivially. */
const answeredFloor = 0.75
/** Speed is judged by long soaks only: a short one sees too little of it, and runs where others work too. */
const judgesSpeedFrom = 300
/** For so long a fault that hits all agents is felt. */
const feltMs = 3_000

export async function soak({ seconds, seed, cacheDir, progress }: SoakOptions): Promise<SoakResult> {
  const system = newSoakSystem(seed, cacheDir)
  try {
    await system.axon.start()
    const warmUp = new Traffic(system, 'w')
    await setTimeout(warmUpMs)
    await warmUp.stop()
    await setTimeout(idleMs)
    const before = held(system.host()?.pid as number)

    const traffic = new Traffic(system, 'r')
    const { faultsByName, felt } = await disturb(system, traffic, { seconds, seed, progress })
    await traffic.stop()
    await system.quiet()
    const findings = [...traffic.wrong, ...(await recover(system))]
    const { checker } = system
    const checked = [...checker.findings(), ...checker.compare({ executed: system.executed() })]
    findings.push(...checked.map(({ invariant, what }) => `${invariant}: ${what}`))
    const told = Object.fromEntries([...traffic.told].sort())
    const callers = Object.values(told).reduce((sum, count) => sum + count, 0)
    const answered = Math.round(((told.ok ?? 0) / callers) * 10_000) / 10_000
    if (answered < answeredFloor) findings.push(`I8: of ${callers} callers ${told.ok} were answered.`)
    const calm = {
      before: latency(warmUp.echoes),
      under: latency(traffic.echoes.filter(({ beganAt }) => !felt(beganAt))),
    }
    if (seconds >= judgesSpeedFrom) findings.push(...slowed(calm.before, calm.under).map((what) => `I6: ${what}`))

    await setTimeout(idleMs)
    // Neither are the books of the soak Axon's, nor the proxies.
    system.closeProxies()
    for (const book of [checker.settled, traffic.told]) book.clear()
    for (const book of [warmUp.echoes, traffic.echoes]) book.length = 0
    const after = await settled(system, before)
    findings.push(...grown(before, after).map((what) => `I5: ${what}`))
    await system.axon.close()
    findings.push(...remains(system).map((what) => `I4: ${what}`))

    const count = (what: RegExp) => findings.filter((finding) => what.test(finding)).length
    return {
      seconds,
      seed,
      faults: Object.values(faultsByName).reduce((sum, times) => sum + times, 0),
      faultsByName,
      told,
      answered,
      calm,
      held: { before, after },
      lost: count(/^I1/),
      doubled: count(/^I2/),
      leftBehind: count(/^I4/),
      findings,
    }
  } finally {
    await system.axon.destroy()
    system.remove()
  }
}

/** What is held at last: what has an end by itself, a timer or a process that starts, is waited for. */
async function settled(system: SoakSystem, before: Held): Promise<Held> {
  const until = performance.now() + recoveryMs
  for (;;) {
    const now = held(system.host()?.pid as number)
    if (grown(before, now).length === 0 || performance.now() > until) return now
    await setTimeout(idleMs)
  }
}

/** One fault a second, each kind as often as the others. */
async function disturb(
  system: SoakSystem,
  traffic: Traffic,
  { seconds, seed, progress }: Omit<SoakOptions, 'cacheDir'>,
) {
  const order = seeded(seed)
  const faultsByName: Record<string, number> = {}
  const feltAt: number[] = []
  let deck: string[] = []
  for (let second = 1; second <= seconds; second += 1) {
    if (deck.length === 0) deck = Object.keys(soakFaults)
    const [name = ''] = deck.splice(Math.floor(order() * deck.length), 1)
    faultsByName[name] = (faultsByName[name] ?? 0) + 1
    if (forAll.has(name)) feltAt.push(performance.now())
    soakFaults[name]?.(system, traffic)
    if (second % progressEvery === 0) {
      const { ok = 0, ...refused } = Object.fromEntries(traffic.told)
      progress(
        `${second} of ${seconds} s, last ${name}; answered ${ok}, ${JSON.stringify(refused)}; wrong ${traffic.wrong.length}`,
      )
    }
    await setTimeout(faultEveryMs)
  }
  return { faultsByName, felt: (at: number) => feltAt.some((since) => at > since - feltMs && at < since + feltMs) }
}

/** Every agent comes back by itself, or by a start where it was stopped, and answers. */
async function recover(system: SoakSystem): Promise<string[]> {
  const findings: string[] = []
  const until = performance.now() + recoveryMs
  for (const name of agents) {
    const agent = system.axon.agent(name)
    agent.send({ type: 'agent.scale', replicas: 2 })
    agent.send({ type: 'agent.start' })
    while (agent.snapshot()?.replicas.filter(({ state }) => state === 'ready').length !== 2) {
      if (performance.now() > until)
        return [...findings, `I8: ${name} does not come back: ${JSON.stringify(agent.snapshot())}`]
      await setTimeout(100)
    }
    const prompt = `last-${name}`
    await agent
      .run({ prompt }, { run: prompt })
      .catch((error: unknown) => findings.push(`I8: ${name} does not answer: ${error}`))
  }
  return findings
}
