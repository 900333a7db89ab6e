/**
 * Owns the reading of what Ray tells of an application: how it stands, in Axon's words. Pure; what follows from it is port.ts's.
 */
import type { RayReplica } from '../../../machines/slots.ts'
import { agentFrame, type FailedFrame } from '../../../protocol/control.ts'
import { isSame } from './application.ts'
import type { Application, ApplicationConfig, Details } from './dashboard.ts'

/**
 * `coming`: being deployed. `running`: as wanted. `ailing`: Ray is at work on it. `failed`: it will not come. `changed`: somebody
 * else has written over it. `gone`: it is not there, or on its way out.
 */
export type StandingKind = 'coming' | 'running' | 'ailing' | 'failed' | 'changed' | 'gone'

export interface Standing {
  is: StandingKind
  /** What Ray says of it, a line each. */
  lines: readonly string[]
  /** What axon_agent said of a replica that could not be made. */
  failure?: FailedFrame | undefined
}

const kinds: Readonly<Record<string, StandingKind>> = {
  NOT_STARTED: 'coming',
  DEPLOYING: 'coming',
  RUNNING: 'running',
  UNHEALTHY: 'ailing',
  DEPLOY_FAILED: 'failed',
  DELETING: 'gone',
}

/** How an application stands, whatever it was made of. One that is not there is gone. */
export function kindOf(application: Application | undefined): StandingKind {
  return application === undefined ? 'gone' : (kinds[application.status] ?? 'ailing')
}

/** Whether it serves, or is being deployed. */
export function isWell(application: Application | undefined): boolean {
  return ['coming', 'running'].includes(kindOf(application))
}

/** @param written as which it is known */
export function standingOf({ applications }: Details, written: ApplicationConfig): Standing {
  const application = applications[written.name]
  if (application === undefined) return { is: 'gone', lines: [] }
  const lines = linesOf(application)
  const is = kindOf(application)
  if (is === 'gone') return { is, lines }
  if (!isSame(application.deployed_app_config, written)) return { is: 'changed', lines }
  // Ray tries it twice more; what an import has raised, it raises again.
  const failure = is === 'coming' || is === 'failed' ? failureOf(lines) : undefined
  return { is: failure ? 'failed' : is, lines, failure }
}

/** The addresses of the application's replicas. While there is none, Ray lists its proxies there. */
export function targetsOf({ target_groups: groups }: Details, name: string): string[] {
  const own = (groups ?? []).filter(
    ({ route_prefix, protocol }) => route_prefix === `/${name}` && (protocol ?? 'HTTP') === 'HTTP',
  )
  const targets = own.flatMap(({ targets }) => targets ?? []).filter(({ name }) => name?.startsWith('SERVE_REPLICA'))
  return targets.map(({ ip, port }) => `http://${ip.includes(':') ? `[${ip}]` : ip}:${port}`)
}

/** What the application consists of; what each uses Ray does not tell. */
export function replicasOf({ applications }: Details, name: string): RayReplica[] {
  const deployments = Object.values(applications[name]?.deployments ?? {})
  return deployments
    .flatMap(({ replicas }) => replicas ?? [])
    .map(({ replica_id: id, state, actor_id: actor, node_ip: node, pid }) => ({
      id: id ?? '',
      state: state ?? '',
      actor: actor ?? undefined,
      node: node ?? undefined,
      pid: pid ?? undefined,
      rss: undefined,
      cpu: undefined,
      inFlight: undefined,
    }))
}

/** The application's message says that a deployment failed; why, says the deployment's. */
export function linesOf({ status, message, deployments }: Application): string[] {
  const messages = [message, ...Object.values(deployments ?? {}).map((deployment) => deployment.message)]
  const said = messages.flatMap((each) => each?.split('\n') ?? []).filter((line) => line.trim() !== '')
  return [`Ray: ${status}`, ...said]
}

const failed = 'axon_agent failed: '

/** The last one that was told. */
function failureOf(lines: readonly string[]): FailedFrame | undefined {
  const line = lines.findLast((each) => each.includes(failed))
  if (line === undefined) return undefined
  try {
    const frame = agentFrame.parse(JSON.parse(line.slice(line.lastIndexOf(failed) + failed.length)))
    return frame.type === 'failed' ? frame : undefined
  } catch {
    return undefined
  }
}
