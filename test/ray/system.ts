/** Owns the systems of the tests against Ray: where they are placed, and their end. */
import { type AgentHandle, type AgentOptions, type Axon, type AxonOptions, createAxon } from '../../src/index.ts'
import { clear, fixtures, ray } from './cluster.ts'

type Wishes = Partial<Exclude<AxonOptions['placement'], string | undefined>['ray']>

const systems = new Set<Axon>()

/** A system of which every agent is placed on Ray. */
export function system(agents: Record<string, AgentOptions>, wishes: Wishes = {}): Axon {
  const placement = { ray: { address: ray.address, proxy: ray.proxy, token: ray.token, ...wishes } }
  const axon = createAxon({ placement, agents })
  systems.add(axon)
  return axon
}

/** Ends every system, then deletes every application. */
export async function leave(): Promise<void> {
  await Promise.all([...systems].map((axon) => axon.destroy()))
  systems.clear()
  await clear()
}

/** An agent of test/fixtures/agents. */
export function agent(module: string, options: Partial<AgentOptions> = {}): AgentOptions {
  return { module: `agents.${module}`, cwd: fixtures, ...options }
}

/** Asks one run after another until told to stop; resolves with how many were answered. A run that fails ends it. */
export function ask(agent: AgentHandle): { stop: () => Promise<number> } {
  let isAsking = true
  const asked = (async () => {
    let answers = 0
    for (; isAsking; answers += 1) await agent.run({ prompt: `${answers}` })
    return answers
  })()
  asked.catch(() => {})
  return {
    stop: () => {
      isAsking = false
      return asked
    },
  }
}
