/**
 * Owns the environment variables of agents and hosts: what they may see of Node's own, and what each is given beside it.
 */
import type { AgentDefinition } from '../../machines/definition.ts'
import type { Resources } from '../resources.ts'

const plain = /^(PATH|LANG|LANGUAGE|LC_\w+|TZ|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE)$/
const personal = /^(HOME|USER|LOGNAME|SHELL|TMPDIR)$/
/** They may hold a password. */
const proxies = /^((HTTPS?|ALL|NO)_PROXY|(https?|all|no)_proxy)$/

/** The part of `env` that hosts get. An agent that is forked from one can read it, whatever its own environment is. */
export function hostVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  return pick(env, (name) => plain.test(name) || personal.test(name))
}

/** An agent's whole environment. `host` is the mark of the host that starts it, `temporary` what it may write to in its sandbox. */
export function agentVariables(
  { name, env, permissions }: AgentDefinition,
  resources: Pick<Resources, 'id' | 'env'>,
  host: string,
  temporary?: string,
): Record<string, string> {
  const marks = { AXON_SYSTEM: resources.id, AXON_HOST: host, AXON_AGENT: name, PYDANTIC_AI_NO_BANNER: '1' }
  if (permissions === undefined || temporary === undefined)
    return { ...hostVariables(resources.env), ...pick(resources.env, (each) => proxies.test(each)), ...env, ...marks }
  const isPermitted = (each: string) => permissions.env === true || permissions.env.some((one) => fits(each, one))
  const inherited = pick(resources.env, (each) => plain.test(each) || isPermitted(each))
  // Answers of the resolver over TCP: datagrams could not be kept to any port.
  const resolver = permissions.net === true ? {} : { RES_OPTIONS: 'use-vc' }
  return { HOME: temporary, ...inherited, TMPDIR: temporary, ...resolver, ...env, ...marks }
}

function fits(name: string, permitted: string): boolean {
  return permitted.endsWith('*') ? name.startsWith(permitted.slice(0, -1)) : name === permitted
}

function pick(env: NodeJS.ProcessEnv, isWanted: (name: string) => boolean): Record<string, string> {
  const entries = Object.entries(env).filter(([name, value]) => isWanted(name) && value !== undefined)
  return Object.fromEntries(entries) as Record<string, string>
}
