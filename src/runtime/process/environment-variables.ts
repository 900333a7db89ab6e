/**
 * Owns the environment variables of agents and hosts: what they may see of Node's own, and what each is given beside it.
 */
import type { AgentDefinition } from '../../machines/definition.ts'
import type { Resources } from '../resources.ts'

const allowed =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|(HTTPS?|ALL|NO)_PROXY|(https?|all|no)_proxy)$/

/** The part of `env` that agents and hosts inherit. */
export function inheritedVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(env).filter(([name, value]) => allowed.test(name) && value !== undefined)
  return Object.fromEntries(entries) as Record<string, string>
}

/** An agent's whole environment. `host` is the mark of the host that starts it. */
export function agentVariables(
  { name, env }: AgentDefinition,
  resources: Pick<Resources, 'id' | 'env'>,
  host: string,
): Record<string, string> {
  const marks = { AXON_SYSTEM: resources.id, AXON_HOST: host, AXON_AGENT: name, PYDANTIC_AI_NO_BANNER: '1' }
  return { ...inheritedVariables(resources.env), ...env, ...marks }
}
