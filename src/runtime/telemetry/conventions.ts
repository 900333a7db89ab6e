/**
 * Owns the names of what is told to OpenTelemetry: the semantic conventions for generative AI, which are still in development, and
 * Axon's own beside them. docs/observability.md lists them.
 */
import type { AgentDefinition } from '../../machines/definition.ts'

export const names = {
  operation: 'gen_ai.operation.name',
  provider: 'gen_ai.provider.name',
  agent: 'gen_ai.agent.name',
  conversation: 'gen_ai.conversation.id',
  model: 'gen_ai.request.model',
  inputTokens: 'gen_ai.usage.input_tokens',
  outputTokens: 'gen_ai.usage.output_tokens',
  inputMessages: 'gen_ai.input.messages',
  outputMessages: 'gen_ai.output.messages',
  tool: 'gen_ai.tool.name',
  toolType: 'gen_ai.tool.type',
  toolCall: 'gen_ai.tool.call.id',
  toolArguments: 'gen_ai.tool.call.arguments',
  toolResult: 'gen_ai.tool.call.result',
  tokenType: 'gen_ai.token.type',
  errorType: 'error.type',
  run: 'axon.run.id',
  mode: 'axon.run.mode',
  outcome: 'axon.run.outcome',
  attempt: 'axon.run.attempt',
  started: 'axon.run.started',
  generation: 'axon.generation',
  replica: 'axon.replica',
  crash: 'axon.crash.class',
} as const

/** Of those that the conventions name otherwise than pydantic-ai does. */
const providers: Readonly<Record<string, string>> = {
  bedrock: 'aws.bedrock',
  azure: 'azure.ai.openai',
  'google-gla': 'gcp.gemini',
  'google-vertex': 'gcp.vertex_ai',
  google: 'gcp.gen_ai',
  mistral: 'mistral_ai',
  grok: 'x_ai',
  moonshotai: 'moonshot_ai',
}

/** The attributes of whatever an agent does, spans and metrics alike. Who provides its model is known where its definition says so. */
export function agentAttributes({ name, model }: Pick<AgentDefinition, 'name' | 'model'>): Record<string, string> {
  const [, prefix, rest] = /^([a-z0-9-]+):(.+)$/.exec(model ?? '') ?? []
  return {
    [names.operation]: 'invoke_agent',
    [names.provider]: prefix === undefined ? 'axon' : (providers[prefix] ?? prefix),
    [names.agent]: name,
    ...(model !== undefined && { [names.model]: rest ?? model }),
  }
}
