/**
 * Owns what a user may say of where agents live: on this machine, or as applications of Ray Serve.
 */
import { isAbsolute } from 'node:path'
import * as z from 'zod'
import type { AgentDefinition, RayPlacement } from '../../machines/definition.ts'
import { agentName, invalid, options } from './fields.ts'

const address = z
  .string()
  .refine(isAddress, 'is no address: write http://host:port or https://host:port')
  .transform((given) => given.replace(/\/+$/, ''))

const ray = options({
  /** The dashboard of the cluster's head, for example `http://127.0.0.1:8265`. */
  address,
  /** Ray Serve's HTTP proxy. Default: port 8000 of the dashboard's host. */
  proxy: address.optional(),
  /** Ray's own token, for the dashboard. Default: `RAY_AUTH_TOKEN` of Node's environment. */
  token: z.string().min(1).optional(),
  /** The application is named `<applicationPrefix>-<agent>`; one prefix on a cluster is one configuration's. Default `axon`. */
  applicationPrefix: agentName.default('axon'),
  /** What becomes of the application when the system is closed: `delete`, or `keep`, for the next system to take it over. Default `delete`. */
  onClose: z.enum(['delete', 'keep']).default('delete'),
  /** Where Python packages come from: `image`, what the cluster's nodes have, or `pip`, which installs `dependencies` or `requirements` for each application and takes half a minute. Default `image`. */
  packages: z.enum(['image', 'pip']).default('image'),
  /** Files and directories below `cwd` that are not sent to the cluster, beside hidden ones, `node_modules`, caches and virtual environments. Default []. */
  exclude: z.array(z.string().min(1)).default([]),
  /** What each replica is scheduled with. Default: Ray's own, 1 CPU. */
  resources: options({
    /** Default: Ray's own, 1. */
    cpus: z.number().nonnegative().optional(),
    /** Default 0. */
    gpus: z.number().nonnegative().optional(),
    /** In MiB; Ray reckons with it and does not hold the replica to it. Default: none. */
    memoryMb: z.number().positive().optional(),
    /** Custom resources of the cluster's nodes, by name. Default {}. */
    custom: z.record(z.string().min(1), z.number().positive()).default({}),
  }).prefault({}),
  /** Whether runs go to the addresses that Ray lists for the application where they answer, rather than to `proxy`. Default true. */
  direct: z.boolean().default(true),
  /** Whether Serve's proxy, too, keeps runs of one `affinity` at one replica; those without one are then spread by chance rather than by load. Default false. */
  affinity: z.boolean().default(false),
})

/** `local`: processes of this machine. `{ ray }`: applications of Ray Serve. */
export const placement = z.union([z.literal('local'), options({ ray })])
export type PlacementOptions = z.input<typeof placement>
type GivenPlacement = z.output<typeof placement>

type Placed = Pick<AgentDefinition, 'port' | 'tools' | 'permissions' | 'limits' | 'module'>

/** Ray starts a node before it starts a replica, where it must. */
export const rayStartMs = 300_000

/**
 * The placement of an agent; undefined where it is this machine.
 * @throws AxonError CONFIG_INVALID where the agent asks for what there is not on Ray
 */
export function readPlacement(name: string, given: GivenPlacement, agent: Placed): AgentDefinition['placement'] {
  if (given === 'local') return undefined
  const refused = refusedOnRay(agent)
  if (refused) throw invalid(`agent ${name} is placed on Ray, and ${refused}`)
  const { token = process.env.RAY_AUTH_TOKEN, proxy = proxyOf(given.ray.address), ...ray } = given.ray
  return { ray: concealed({ ...ray, proxy, ...(token !== undefined && { token }) }) }
}

function refusedOnRay({ port, tools, permissions, limits, module }: Placed): string | undefined {
  if (port !== undefined) return 'has a port: leave it out, Ray Serve has its own'
  if (tools) return 'has tools of Node, which need a connection that there is not on Ray: write them in Python'
  if (permissions) return 'has permissions: there is no sandbox on Ray'
  if (limits) return 'has limits, to which it would not be held: write placement.ray.resources'
  if (isAbsolute(module))
    return 'its module is an absolute path: write one that is below cwd, which is sent to the cluster'
  return undefined
}

/** Whatever writes the definition as JSON, a log or an inspector, does not get the token. */
function concealed(ray: RayPlacement): RayPlacement {
  if (ray.token === undefined) return ray
  const toJSON = () => ({ ...ray, token: '[hidden]' })
  return Object.defineProperty(ray, 'toJSON', { value: toJSON, enumerable: false })
}

function proxyOf(dashboard: string): string {
  const { protocol, hostname } = new URL(dashboard)
  return `${protocol}//${hostname}:8000`
}

function isAddress(given: string): boolean {
  const url = URL.parse(given)
  return url !== null && /^https?:$/.test(url.protocol) && url.pathname === '/' && url.search === ''
}
