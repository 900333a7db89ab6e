/**
 * Owns what a user may say of a system as a whole: its options, the supervisors of its agents, and their order.
 */
import type { Logger } from 'pino'
import * as z from 'zod'
import type { TeamDefinition } from '../../machines/arrangement.ts'
import type { AgentDefinition } from '../../machines/definition.ts'
import type { SystemInput } from '../../machines/system.ts'
import type { Clock } from '../clock.ts'
import type { ConversationStore } from '../conversations/store.ts'
import { type AgentsOptions, parseAgents } from './agents.ts'
import { agentName, describe, invalid, options, positiveMs } from './fields.ts'
import { type PlacementOptions, placement } from './placement.ts'

const intensity = z.int().nonnegative().default(1)
const periodMs = positiveMs.default(5_000)

export const supervision = options({
  /** Restarts that are permitted within `periodMs`; one more closes the system. Default 1. */
  intensity,
  /** In milliseconds. Default 5 000. */
  periodMs,
})
export type SupervisionOptions = z.input<typeof supervision>

const supervisor = options({
  /** Whose processes are replaced when one of them is lost: its own (`one_for_one`), all (`one_for_all`), or those after it (`rest_for_one`). Default `one_for_one`. */
  strategy: z.enum(['one_for_one', 'one_for_all', 'rest_for_one']).default('one_for_one'),
  /** Restarts of agents that ended by `onFailed: 'escalate'`, permitted within `periodMs`; one more ends the supervisor. Default 1. */
  intensity,
  /** In milliseconds. Default 5 000. */
  periodMs,
  /** Its agents, in the order of their start; they are stopped in reverse. */
  agents: z.array(agentName).min(1),
})
/** Supervisors of agents, by name, as a user writes them. */
export const supervisors = z.record(agentName, supervisor)
export type SupervisorsOptions = Record<string, z.input<typeof supervisor>>

const conversations = options({
  store: z
    .custom<ConversationStore>(
      (value) =>
        typeof (value as ConversationStore)?.load === 'function' &&
        typeof (value as ConversationStore).save === 'function',
      'is no store: it has no load and save',
    )
    .optional(),
  maxConversations: z.int().positive().optional(),
  maxWaiting: z.int().positive().optional(),
})

/** What depends on the machine. */
export const ofMachine = {
  cacheDir: z.string().min(1).optional(),
  runtimeDir: z.string().min(1).optional(),
  stateDir: z.string().min(1).optional(),
  uv: z.union([z.string().min(1), z.literal(false)]).optional(),
  operator: z.boolean().optional(),
}

/** What can be written in code alone. */
export const inCode = {
  conversations: conversations.optional(),
  openTelemetry: z.union([z.boolean(), options({ captureMessageContent: z.boolean().optional() })]).optional(),
  inspect: z.custom((value) => ['function', 'object'].includes(typeof value), 'is no observer').optional(),
  logger: z.custom((value) => typeof (value as Logger)?.child === 'function', 'is no pino logger').optional(),
}

const axonOptions = options({
  agents: z.record(z.string(), z.unknown()).optional(),
  supervisors: z.record(z.string(), z.unknown()).optional(),
  supervision: z.unknown().optional(),
  placement: placement.optional(),
  journal: z.unknown().optional(),
  clock: z.custom((value) => typeof (value as Clock)?.setTimeout === 'function', 'is no clock').optional(),
  env: z.record(z.string(), z.string().optional()).optional(),
  ...ofMachine,
  ...inCode,
})

/** Checks what `createAxon` is given beside the agents themselves. @throws AxonError CONFIG_INVALID naming each field that is wrong */
export function checkOptions(given: unknown): void {
  const parsed = axonOptions.safeParse(given)
  if (!parsed.success) throw invalid(describe(parsed.error), parsed.error)
}

/**
 * Reads the agents of a system and their supervisors.
 * @throws AxonError CONFIG_INVALID naming each field that is wrong
 */
export function parseSystem(given: {
  agents: AgentsOptions
  supervisors?: SupervisorsOptions | undefined
  supervision?: SupervisionOptions | undefined
  placement?: PlacementOptions | undefined
}): SystemInput {
  const agents = parseAgents(given.agents, given.placement)
  const parsed = z
    .object({ supervisors: supervisors.default({}), supervision: supervision.prefault({}) })
    .safeParse({ supervisors: given.supervisors, supervision: given.supervision })
  if (!parsed.success) throw invalid(describe(parsed.error), parsed.error)
  const teams = Object.entries(parsed.data.supervisors).map(([name, team]) => ({ ...team, name }))
  checkTeams(teams)
  checkOrder(agents, [], teams)
  return { agents, supervisors: teams, ...parsed.data.supervision }
}

/**
 * Looks whether agents can be started in their order.
 * @param others agents that are there already
 * @throws AxonError CONFIG_INVALID where `after` names nobody, or goes round in a circle
 */
export function checkOrder(
  agents: readonly AgentDefinition[],
  others: readonly string[] = [],
  teams: readonly TeamDefinition[] = [],
): void {
  const ahead = new Map(agents.map(({ name, after }) => [name, [...after, ...earlier(teams, name)]]))
  for (const { name, after } of agents)
    for (const other of after)
      if (!ahead.has(other) && !others.includes(other))
        throw invalid(`agent ${name} comes after ${other}, and there is no agent of that name`)
  const done = new Set<string>()
  const visit = (name: string, path: readonly string[]) => {
    if (path.includes(name))
      throw invalid(`agents come after each other in a circle: ${[...path, name].join(' after ')}`)
    if (done.has(name)) return
    for (const other of ahead.get(name) ?? []) visit(other, [...path, name])
    done.add(name)
  }
  for (const name of ahead.keys()) visit(name, [])
}

function checkTeams(teams: readonly TeamDefinition[]): void {
  const owners = new Map<string, string>()
  for (const { name, agents } of teams) {
    for (const agent of agents) {
      const owner = owners.get(agent)
      if (owner !== undefined)
        throw invalid(`agent ${agent} is named by the supervisors ${owner} and ${name}; one may have it`)
      owners.set(agent, name)
    }
  }
}

/** Those that stand before an agent in its supervisor. */
function earlier(teams: readonly TeamDefinition[], agent: string): readonly string[] {
  const team = teams.find(({ agents }) => agents.includes(agent))?.agents ?? []
  return team.slice(0, Math.max(0, team.indexOf(agent)))
}
