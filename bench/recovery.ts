/**
 * From SIGKILL of the agent's process to the next answer, for Axon, PM2 and supervisord, on the same agent and environment. Each
 * process has served for a moment when it is killed; for Axon also one that is killed right after its first answer, when the
 * host has had no time to make the next one ahead.
 */
import { setTimeout } from 'node:timers/promises'
import { createAxon } from 'axon-runtime'
import { agentOptions, benchEnvironment } from './environment.ts'
import type { BenchResult } from './main.ts'
import { type Peer, startPm2, startSupervisord } from './managers.ts'
import { round, summarize } from './statistics.ts'

const servesMs = 300

export async function recovery(rounds = 40): Promise<BenchResult> {
  const environment = await benchEnvironment()
  const axonMs = await measureAxon(rounds, servesMs)
  const atOnceMs = await measureAxon(rounds, 0)
  const peerRounds = Math.max(3, Math.round(rounds / 8))
  const pm2Ms = await measurePeer(await startPm2(environment.python), peerRounds)
  const supervisordMs = await measurePeer(await startSupervisord(environment.python), peerRounds)
  const axon = summarize(axonMs)
  const pm2 = summarize(pm2Ms)
  const supervisord = summarize(supervisordMs)
  const toPm2 = round(pm2.p50 / axon.p50)
  const toSupervisord = round(supervisord.p50 / axon.p50)
  return {
    figures: {
      axonMs: axon,
      axonAtOnceMs: summarize(atOnceMs),
      pm2Ms: pm2,
      supervisordMs: supervisord,
      pm2OverAxon: toPm2,
      supervisordOverAxon: toSupervisord,
    },
    targets: [
      { target: 'SIGKILL to next answer, p50 at most 40 ms', measured: axon.p50, isMet: axon.p50 <= 40 },
      { target: 'PM2 takes at least 25 times as long', measured: toPm2, isMet: toPm2 >= 25 },
      { target: 'supervisord takes at least 40 times as long', measured: toSupervisord, isMet: toSupervisord >= 40 },
    ],
  }
}

async function measureAxon(rounds: number, servesMs: number): Promise<number[]> {
  const restart = { maxRestarts: rounds * 2, stableMs: 0 }
  const axon = await createAxon({ agents: { support: { ...agentOptions, restart } } }).start()
  try {
    const agent = axon.agent('support')
    await agent.run({ prompt: 'warm up' })
    const times: number[] = []
    for (let round = 0; round < rounds; round += 1) {
      await setTimeout(servesMs)
      const pid = agent.snapshot()?.pid as number
      const begunAt = performance.now()
      process.kill(pid, 'SIGKILL')
      await agent.run({ prompt: 'Are you there?' })
      times.push(performance.now() - begunAt)
      if (agent.snapshot()?.pid === pid) throw new Error('The answer came from the killed process.')
    }
    return times
  } finally {
    await axon.close()
  }
}

async function measurePeer(peer: Peer, rounds: number): Promise<number[]> {
  try {
    const times: number[] = []
    let pid = await peer.answer()
    for (let round = 0; round < rounds; round += 1) {
      await setTimeout(servesMs)
      const begunAt = performance.now()
      process.kill(pid, 'SIGKILL')
      pid = await peer.answer(pid)
      times.push(performance.now() - begunAt)
    }
    return times
  } finally {
    await peer.stop()
  }
}
