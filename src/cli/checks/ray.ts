/**
 * Owns what `axon doctor --ray` asks of a Ray cluster: its dashboard, its token, Serve's proxy, and how the applications of the
 * configuration's agents stand. It changes nothing there.
 */
import { request } from 'undici'
import type { AgentDefinition, RayPlacement } from '../../machines/definition.ts'
import { isApplicationOf } from '../../runtime/placement/ray/application.ts'
import { Dashboard, type Details } from '../../runtime/placement/ray/dashboard.ts'
import { isWell, linesOf, targetsOf } from '../../runtime/placement/ray/status.ts'
import { type Finding, fault, messageOf, ok, warning } from './check.ts'

const probeMs = 5_000
const noAgentThere = 'No agent can be placed there.'

/** Every cluster that an agent is placed on. */
export async function checkRay(agents: readonly AgentDefinition[]): Promise<Finding[]> {
  const clusters = new Map<string, { placement: RayPlacement; names: string[] }>()
  for (const { name, placement } of agents) {
    if (placement === undefined) continue
    const { address, applicationPrefix } = placement.ray
    const key = `${address} ${applicationPrefix}`
    const cluster = clusters.get(key) ?? { placement: placement.ray, names: [] }
    cluster.names.push(name)
    clusters.set(key, cluster)
  }
  if (clusters.size === 0) return [ok('ray', 'no agent of the configuration is placed on Ray')]
  const found = await Promise.all([...clusters.values()].map(({ placement, names }) => checkCluster(placement, names)))
  return found.flat()
}

async function checkCluster(placement: RayPlacement, names: readonly string[]): Promise<Finding[]> {
  const { address, token } = placement
  const dashboard = new Dashboard(address, token)
  try {
    const version = await dashboard.version()
    const details = await dashboard.details()
    return [
      ok('ray', `${version} at ${address}`),
      checkToken(token),
      await checkProxy(placement, details),
      ...names.flatMap((name) => checkApplications(placement, name, details)),
    ]
  } catch (error) {
    return [fault('ray', messageOf(error), noAgentThere, 'See docs/ray.md for what must be there.')]
  } finally {
    await dashboard.close()
  }
}

function checkToken(token: string | undefined): Finding {
  if (token !== undefined) return ok('ray token', 'given')
  const follows =
    'Whoever reaches the dashboard runs code on the cluster, and no application is taken over by another Node.'
  return warning('ray token', 'none', follows, 'Start Ray with RAY_AUTH_MODE=token, and give Node its RAY_AUTH_TOKEN.')
}

async function checkProxy({ proxy }: RayPlacement, { proxies }: Details): Promise<Finding> {
  if (Object.keys(proxies ?? {}).length === 0)
    return ok('ray proxy', 'Serve is not started yet; the first agent starts it')
  try {
    const { statusCode, body } = await request(`${proxy}/-/healthz`, { signal: AbortSignal.timeout(probeMs) })
    await body.dump()
    if (statusCode === 200) return ok('ray proxy', proxy)
    throw new Error(`it answers ${statusCode}`)
  } catch (error) {
    const mend = 'Set placement.ray.proxy to an address of Serve that Node reaches.'
    return fault(
      'ray proxy',
      `${proxy}: ${messageOf(error)}`,
      'No run reaches an agent there but by ports of replicas.',
      mend,
    )
  }
}

function checkApplications(placement: RayPlacement, agent: string, details: Details): Finding[] {
  const name = `ray agent ${agent}`
  const own = Object.entries(details.applications).filter(([application]) =>
    isApplicationOf(placement, agent, application),
  )
  if (own.length === 0) return [ok(name, 'not deployed; starting the system deploys it')]
  return own.map(([application, told]) => {
    const ports = targetsOf(details, application).length
    const found = `${application} is ${told.status}, ${ports === 0 ? 'reached over the proxy' : `with ${ports} ports of replicas`}`
    if (isWell(told)) return ok(name, found)
    const why = linesOf(told).slice(1).at(-1)?.trim() ?? 'Ray does not say why.'
    return warning(name, found, why.slice(0, 500), 'Mend what Ray names, and start the agent again.')
  })
}
