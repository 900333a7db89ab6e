/** Owns the systems of the tests against a stand-in for Ray: one agent, placed there. */
import type { AgentOptions, Axon, AxonOptions } from '../../../../src/index.ts'
import { fixtures, newAxon } from '../../../e2e/axon.ts'
import type { FakeRay } from './fake-ray.ts'

type Wishes = Partial<Exclude<AxonOptions['placement'], string | undefined>['ray']>

export const echo = (options: Partial<AgentOptions> = {}): AgentOptions => ({
  module: 'agents.echo',
  cwd: fixtures,
  ...options,
})

export async function system(ray: FakeRay, options: Partial<AgentOptions> = {}, wishes: Wishes = {}): Promise<Axon> {
  const placement = { ray: { ...ray.placement.ray, ...wishes } }
  return await newAxon({ placement, agents: { echo: echo(options) } }).start()
}

/** One of several systems that face a cluster. */
export function facing(ray: FakeRay, options: Partial<AgentOptions> = {}): Promise<Axon> {
  return system(ray, options, { onClose: 'keep' })
}
