/**
 * Owns what there is instead of an environment for an agent on Ray: the packages that are sent to the cluster, and that there is
 * one. What has them installed is the cluster's image, or Ray.
 */
import type { AgentDefinition, RayPlacement } from '../../../machines/definition.ts'
import type { Environment } from '../../../machines/slots.ts'
import { requirementsOf } from './application.ts'
import type { Cluster } from './cluster.ts'
import { hashOf, packagesOf } from './packages.ts'

/**
 * Packs the agent's directory, and asks the dashboard who it is.
 * @throws AxonError RAY_UNREACHABLE, RAY_REFUSED, CONFIG_INVALID where the directory is too large
 */
export async function provideOnRay(
  definition: AgentDefinition,
  { address, exclude }: RayPlacement,
  cluster: Cluster,
): Promise<Environment> {
  const begunAt = performance.now()
  const { name, cwd } = definition
  const [version, packages, requirements] = await Promise.all([
    cluster.dashboard.version(),
    packagesOf(name, cwd, exclude),
    requirementsOf(definition),
  ])
  cluster.provisions.set(name, { packages, requirements })
  const made = JSON.stringify([packages.directory.name, packages.wheel.name, requirements])
  return {
    python: address,
    root: address,
    fingerprint: hashOf(made),
    version,
    installer: requirements.length > 0 ? 'pip' : 'none',
    isWarm: false,
    elapsedMs: performance.now() - begunAt,
  }
}
