/**
 * Owns the start of an agent's process: its command, environment and session, and the bootstrap line on its standard input.
 * What happens to it afterwards belongs to the port.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import type { PortInput } from '../../machines/slots.ts'
import { type Bootstrap, protocolVersion } from '../../protocol/control.ts'
import type { Resources } from '../resources.ts'

/** What an agent may see of Node's own environment; the rest it must declare. */
const allowed =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|(HTTPS?|ALL|NO)_PROXY|(https?|all|no)_proxy|COVERAGE_PROCESS_START)$/

/**
 * Starts `python -m axon_agent.agent` as the leader of a session of its own. What keeps it from starting is thrown, or is the
 * child's `error` event.
 */
export function launch(
  { definition, environment, generation }: PortInput,
  nonce: string,
  resources: Resources,
): ChildProcess {
  const child = spawn(environment.python, ['-m', 'axon_agent.agent'], {
    // `-m` puts the working directory on sys.path; the agent's own comes later, with the launch frame.
    cwd: environment.root,
    env: { ...agentEnv(resources.env), ...definition.env, ...marks(definition.name, resources.id) },
    detached: true,
    // Until the process has connected back, standard error is where an interpreter that dies at once leaves its last words.
    stdio: ['pipe', 'ignore', 'pipe'],
  })
  const bootstrap: Bootstrap = { protocol: protocolVersion, socket: resources.socketPath, generation, nonce }
  child.stdin.on('error', () => {})
  child.stdin.end(`${JSON.stringify(bootstrap)}\n`)
  return child
}

function agentEnv(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => allowed.test(name)))
}

function marks(agent: string, system: string): Record<string, string> {
  return { AXON_SYSTEM: system, AXON_AGENT: agent, PYDANTIC_AI_NO_BANNER: '1' }
}
