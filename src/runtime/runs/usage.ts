/**
 * Owns the reading of a run's tokens from its answer, as facts tell them.
 */
import type { RunFact } from '../../machines/facts.ts'
import type { RunResponse } from '../../protocol/run.ts'

type Tokens = Pick<Extract<RunFact, { type: 'run.settled' }>, 'totalTokens' | 'inputTokens' | 'outputTokens'>

/** What the agent's framework does not count is missing. */
export function tokensOf(response: RunResponse | undefined): Tokens {
  if (response === undefined) return {}
  const { total_tokens, input_tokens, output_tokens } = response.usage
  return { totalTokens: total_tokens, inputTokens: counted(input_tokens), outputTokens: counted(output_tokens) }
}

/** The answer is a process's own: only its total was checked. */
function counted(value: unknown): number | undefined {
  return typeof value === 'number' && value >= 0 ? value : undefined
}
