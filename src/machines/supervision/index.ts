/**
 * The public surface of axon-runtime/supervisor: OTP's supervisor for any XState logic.
 */
export type { ChildCounts, ChildInfo, ChildState } from './children.ts'
export { type ExitOutput, type ExitReason, exit, exitReasonOf } from './exit.ts'
export type { Answer, Reply, SupervisorAsk, SupervisorEvent, SupervisorFact, SupervisorSignal } from './facts.ts'
export { type SupervisorContext, supervisorMachine } from './machine.ts'
export type {
  AutoShutdown,
  BackoffOptions,
  ChildSpec,
  ChildType,
  RestartType,
  Strategy,
  SupervisorOptions,
} from './spec.ts'
export { createSupervisor, type Supervisor, supervisorOf } from './supervisor.ts'
