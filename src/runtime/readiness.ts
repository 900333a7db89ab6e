/**
 * Owns the wait for agents: who waits for which agent to be ready, stopped or gone, answered by the facts that are told.
 */
import { AxonError } from '../errors.ts'
import type { Telemetry } from './telemetry/telemetry.ts'

interface Waiter {
  resolve: () => void
  reject: (error: AxonError) => void
}

/** How an agent is: as many of its replicas are ready as it is to have, or none will be by itself, or neither. */
export type Standing = 'up' | 'stopped' | 'other'

export class Readiness {
  #ready = new Map<string, Waiter[]>()
  #rolledOut = new Map<string, Waiter[]>()
  #retired = new Map<string, Waiter[]>()

  constructor(telemetry: Telemetry, standingOf: (agent: string) => Standing) {
    telemetry.on('agent.ready', ({ agent }) => {
      if (standingOf(agent) === 'up') this.#settle(this.#ready, agent)
    })
    telemetry.on('agent.failed', ({ agent, error }) => this.#settle(this.#ready, agent, () => error))
    telemetry.on('agent.stopped', ({ agent }) => {
      if (standingOf(agent) === 'stopped') this.#settle(this.#ready, agent, () => stopped(agent))
    })
    telemetry.on('rollout.completed', ({ agent }) => this.#settle(this.#rolledOut, agent))
    telemetry.on('rollout.failed', ({ agent, error }) => this.#settle(this.#rolledOut, agent, () => error))
    telemetry.on('agent.retired', ({ agent }) => {
      this.#settle(this.#ready, agent, () => stopped(agent))
      this.#settle(this.#rolledOut, agent, () => stopped(agent))
      this.#settle(this.#retired, agent)
    })
  }

  /** Resolves when as many replicas are ready as there are to be; rejects where one fails or the agent is stopped before. */
  ready(agent: string): Promise<void> {
    return wait(this.#ready, agent)
  }

  /** Resolves when the rollout that is under way is complete; rejects where it fails. */
  rolledOut(agent: string): Promise<void> {
    return wait(this.#rolledOut, agent)
  }

  /** Resolves when the agent has been taken out of the system. */
  retired(agent: string): Promise<void> {
    return wait(this.#retired, agent)
  }

  /** Rejects everybody: nothing more will be told. */
  close(error: AxonError): void {
    for (const waiters of [this.#ready, this.#rolledOut])
      for (const agent of [...waiters.keys()]) this.#settle(waiters, agent, () => error)
    for (const agent of [...this.#retired.keys()]) this.#settle(this.#retired, agent)
  }

  #settle(waiters: Map<string, Waiter[]>, agent: string, error?: () => AxonError): void {
    const list = waiters.get(agent)
    waiters.delete(agent)
    for (const { resolve, reject } of list ?? []) {
      if (error) reject(error())
      else resolve()
    }
  }
}

function wait(waiters: Map<string, Waiter[]>, agent: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const list = waiters.get(agent)
    if (list) list.push({ resolve, reject })
    else waiters.set(agent, [{ resolve, reject }])
  })
}

function stopped(agent: string): AxonError {
  return new AxonError('AGENT_STOPPED', `Agent ${agent} was stopped before it was ready.`, { agent })
}
