/**
 * The public surface of axon-runtime.
 */
export {
  AxonError,
  type ErrorCode,
  errorCodes,
  isAxonError,
  ProcessError,
  PythonEnvError,
  RunError,
} from './errors.ts'
export { createGateway, type Gateway } from './gateway/gateway.ts'
export type { GatewayOptions, TokenOptions } from './gateway/options.ts'
export { createInspector, type Inspector } from './inspector/inspector.ts'
export { createLivePage, type LivePage } from './inspector/live-page.ts'
export type { InspectorOptions, LivePageOptions } from './inspector/page-options.ts'
export { agentMachine } from './machines/agent.ts'
export type { Crash } from './machines/crash.ts'
export type { AgentDefinition } from './machines/definition.ts'
export { poolMachine } from './machines/pool.ts'
export type { CrashClass, RestartPolicy } from './machines/restart-policy.ts'
export { decideRestart } from './machines/restart-policy.ts'
export type {
  AgentSlots,
  Environment,
  EnvironmentProgress,
  EnvironmentSpec,
  ExitRecord,
  RunSlots,
} from './machines/slots.ts'
export { type SystemCommand, systemMachine } from './machines/system.ts'
export type { AchievedLimits, AgentLimits, ExceededLimit } from './protocol/host.ts'
export type { RunRequest, RunResponse, RunStreamEvent, Usage } from './protocol/run.ts'
export type { AchievedSandbox, Permissions, SandboxLevel } from './protocol/sandbox.ts'
export type { AgentSchema } from './protocol/schema.ts'
export type { AgentHandle, AgentHandleCommand } from './runtime/agent-handle.ts'
export { type AgentInput, type AgentStreamEvent, agentLogic, agentStreamLogic } from './runtime/agent-logic.ts'
// An application adds to AgentTypes by this module's name, which reaches only what is exported as a whole.
export type * from './runtime/agent-types.ts'
export type { AgentSnapshot, AgentState, ProcessResources, ReplicaSnapshot } from './runtime/agent-view.ts'
export { type Axon, type AxonOptions, createAxon } from './runtime/axon.ts'
export {
  type AgentOptions,
  type AgentsOptions,
  type AgentsWith,
  parseAgent,
  parseAgents,
} from './runtime/config/agents.ts'
export { type AxonConfig, defineConfig, type LogLevel } from './runtime/config/file.ts'
export type { JournalOptions } from './runtime/config/journal.ts'
export { loadConfig } from './runtime/config/load.ts'
export { parseSystem, type SupervisionOptions, type SupervisorsOptions } from './runtime/config/system.ts'
export type { Conversation, ConversationRequest, ConversationsOptions } from './runtime/conversations/conversation.ts'
export type { ConversationStore } from './runtime/conversations/store.ts'
export { ensureEnvironment } from './runtime/environment/environment.ts'
export type { JournaledRun, RunFilter, RunLookup } from './runtime/journal/lookup.ts'
export { provideRuntime, type RuntimeOptions } from './runtime/provide.ts'
export type { RunParent } from './runtime/runs/parent.ts'
export type { RunOptions } from './runtime/runs/run-options.ts'
export type { RunStream } from './runtime/runs/run-stream.ts'
export type { ResumeOptions, StreamOptions } from './runtime/runs/streams.ts'
export { type AxonEvent, type AxonEventName, type AxonEventOf, catalogue } from './runtime/telemetry/catalogue.ts'
export { createMetrics, type Metrics, type MetricsOptions } from './runtime/telemetry/prometheus.ts'
export { readTraceHeaders, type TraceHeaders } from './runtime/telemetry/trace-context.ts'
export type { OpenTelemetryOptions } from './runtime/telemetry/traces.ts'
export type { AgentCall, AgentCalls } from './runtime/tools/agent-calls.ts'
export { type AgentToolOptions, agentTool } from './runtime/tools/agent-tool.ts'
export type { PendingApproval } from './runtime/tools/approvals.ts'
export { type Tool, type ToolContext, type ToolOptions, tool } from './runtime/tools/tool.ts'
export type { AxonOf } from './runtime/typed-axon.ts'
