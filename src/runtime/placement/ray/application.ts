/**
 * Owns what an agent is as an application of Ray Serve: its name, its configuration, and the token of its requests. The Python
 * side of it is axon_agent.ray.
 *
 * 1. What the configuration says beside its scale has one revision: of the same revision, an application is taken over as it is.
 * 2. Nothing in it is secret but what the definition's `env` says: Ray tells configurations to whoever may ask its dashboard.
 */
import { createHash, createHmac, randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { AxonError } from '../../../errors.ts'
import type { AgentDefinition, RayPlacement } from '../../../machines/definition.ts'
import type { ApplicationConfig } from './dashboard.ts'
import { hashOf, type Packages } from './packages.ts'

/** The one deployment of an application. */
const deploymentName = 'agent'

const keepingRouter = 'ray.serve.experimental.consistent_hash_router:ConsistentHashRouter'
const revisionVariable = 'AXON_REVISION'

/** Where Ray has no token, no other Node is to have this one's either: an application is then written over, never taken over. */
const ownSecret = randomBytes(32)

/** The application of an agent; while its processes are replaced, a second one stands beside it, and so on. */
export function applicationName({ applicationPrefix }: RayPlacement, agent: string, index: number): string {
  const first = `${applicationPrefix}-${agent}`
  return index === 0 ? first : `${first}.${index}`
}

type Tokened = Pick<RayPlacement, 'token'>

/** Where an application is, behind a proxy or at a replica's own port. */
export interface Address {
  /** Of every path. */
  prefix: string
  /** Bearer token of every request. */
  token: string
}

/** Whether an application of that name is one of the agent's. No agent has a dot in its name. */
export function isApplicationOf(placement: RayPlacement, agent: string, name: string): boolean {
  const first = applicationName(placement, agent, 0)
  return name === first || (name.startsWith(`${first}.`) && /^\d+$/.test(name.slice(first.length + 1)))
}

/** Bearer token of every request to the application: whoever has Ray's token has it, on any machine and after a restart. */
function tokenOf({ token }: Tokened, application: string): string {
  return createHmac('sha256', token ?? ownSecret)
    .update(`axon:${application}`)
    .digest('base64url')
}

/** What a request to the application needs. */
export function addressOf(placement: Tokened, application: string): Address {
  return { prefix: `/${application}`, token: tokenOf(placement, application) }
}

/** All that the cluster has of the token. */
function tokenHashOf(placement: Tokened, application: string): string {
  return createHash('sha256').update(tokenOf(placement, application)).digest('hex')
}

/** What `applicationConfig` needs to know of an agent beside its definition. */
export interface Provisions {
  packages: Packages
  /** What is to be installed for it, as PEP 508 strings; none where the cluster has it. */
  requirements: readonly string[]
}

/** @throws AxonError CONFIG_INVALID where its requirements file cannot be read */
export async function requirementsOf(definition: AgentDefinition): Promise<readonly string[]> {
  if (definition.placement?.ray.packages !== 'pip') return []
  if (definition.dependencies) return definition.dependencies
  if (definition.requirements === undefined) return []
  const path = resolve(definition.cwd, definition.requirements)
  const text = await readFile(path, 'utf8').catch((cause) => {
    const message = `The requirements of agent ${definition.name} cannot be read: ${path}. Correct the name.`
    throw new AxonError('CONFIG_INVALID', message, { agent: definition.name, cause })
  })
  return text.split('\n').flatMap((line) => line.replace(/(^|\s)#.*$/, '').trim() || [])
}

/** What the application of an agent is; where it is, says `renamed`. */
export function applicationConfig(
  definition: AgentDefinition,
  placement: RayPlacement,
  { packages, requirements }: Provisions,
): Omit<ApplicationConfig, 'name'> {
  const { name, module, model = null, env } = definition
  const args = { agent: name, module, model }
  const runtime = {
    working_dir: `gcs://${packages.directory.name}`,
    py_modules: [`gcs://${packages.wheel.name}`],
    ...(requirements.length > 0 && { pip: requirements }),
  }
  // What an agent says goes to its worker's own streams, and at once: Serve would keep it until there is more.
  const variables = { ...env, AXON_AGENT: name, PYDANTIC_AI_NO_BANNER: '1', RAY_SERVE_LOG_TO_STDERR: '1' }
  const deployment = deploymentConfig(definition, placement)
  const revision = hashOf(
    JSON.stringify({ args, runtime, variables: Object.entries(variables), actor: deployment.ray_actor_options }),
  )
  return {
    import_path: 'axon_agent.ray:application',
    args,
    // Runs are told by Axon.
    logging_config: { enable_access_log: false },
    runtime_env: { ...runtime, env_vars: { ...variables, [revisionVariable]: revision } },
    deployments: [deployment],
  }
}

/** The configuration as an application of this name. */
export function renamed(
  config: Omit<ApplicationConfig, 'name'>,
  placement: RayPlacement,
  application: string,
): ApplicationConfig {
  const args = { ...(config.args as object), token_sha256: tokenHashOf(placement, application) }
  return { ...config, name: application, route_prefix: `/${application}`, args }
}

/** The configuration, which may be another system's, with the scale of this definition. */
export function scaledConfig(
  config: ApplicationConfig,
  definition: AgentDefinition,
  placement: RayPlacement,
): ApplicationConfig {
  const [{ ray_actor_options } = {}] = (config.deployments ?? []) as ReturnType<typeof deploymentConfig>[]
  const deployment = deploymentConfig(definition, placement)
  return { ...config, deployments: [{ ...deployment, ...(ray_actor_options && { ray_actor_options }) }] }
}

/** Whether a configuration that was read is one of Axon's, of an application that takes the token of this placement. */
export function isReachable(placement: RayPlacement, config: ApplicationConfig | null | undefined): boolean {
  return revisionOf(config) !== undefined && givenHash(config) === tokenHashOf(placement, config?.name ?? '')
}

/** Whether what was read is what was written, but for its scale. */
export function isSame(read: ApplicationConfig | null | undefined, written: ApplicationConfig): boolean {
  return revisionOf(read) === revisionOf(written) && givenHash(read) === givenHash(written)
}

function givenHash(config: ApplicationConfig | null | undefined): unknown {
  return (config?.args as { token_sha256?: unknown } | undefined)?.token_sha256
}

/** The revision of a configuration that was read; undefined where it is none of Axon's. */
export function revisionOf(config: Omit<ApplicationConfig, 'name'> | null | undefined): string | undefined {
  const { env_vars: variables } = (config?.runtime_env ?? {}) as { env_vars?: Record<string, string> }
  return variables?.[revisionVariable]
}

/** Ray changes it without a new replica. */
function deploymentConfig(
  { replicas, concurrency, queue, shutdownMs }: AgentDefinition,
  { resources, affinity }: RayPlacement,
) {
  const { min, max } = replicas
  const { cpus, gpus, memoryMb, custom } = resources
  const scale =
    min === max
      ? { num_replicas: max }
      : { autoscaling_config: { min_replicas: min, max_replicas: max, target_ongoing_requests: concurrency / 2 } }
  return {
    name: deploymentName,
    ...scale,
    max_ongoing_requests: concurrency,
    // Node sends what all replicas can take, also while there are fewer of them.
    max_queued_requests: Math.max(queue, concurrency * max),
    ...(affinity && { request_router_config: { request_router_class: keepingRouter } }),
    // By which a replica that was killed is noticed, and replaced.
    health_check_period_s: 1,
    graceful_shutdown_timeout_s: Math.max(1, shutdownMs / 1_000),
    ray_actor_options: {
      ...(cpus !== undefined && { num_cpus: cpus }),
      ...(gpus !== undefined && { num_gpus: gpus }),
      ...(memoryMb !== undefined && { memory: memoryMb * 2 ** 20 }),
      ...(Object.keys(custom).length > 0 && { resources: custom }),
    },
  }
}
