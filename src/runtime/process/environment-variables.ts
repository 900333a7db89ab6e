/**
 * Owns what an agent may see of Node's own environment. The rest it must declare.
 */

const allowed =
  /^(PATH|HOME|USER|LOGNAME|SHELL|LANG|LANGUAGE|LC_\w+|TZ|TMPDIR|SSL_CERT_(FILE|DIR)|REQUESTS_CA_BUNDLE|(HTTPS?|ALL|NO)_PROXY|(https?|all|no)_proxy)$/

/** The part of `env` that agents and hosts inherit. */
export function inheritedVariables(env: NodeJS.ProcessEnv): Record<string, string> {
  const entries = Object.entries(env).filter(([name, value]) => allowed.test(name) && value !== undefined)
  return Object.fromEntries(entries) as Record<string, string>
}
