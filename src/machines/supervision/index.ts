/**
 * The public surface of axon-runtime/supervisor: OTP's supervisor for any XState logic, and what actors have besides it: monitors, links,
 * registries, groups, topics and tasks.
 */
export { AxonError, type ErrorCode, isAxonError } from '../../errors.ts'
export type { ChildCounts, ChildInfo, ChildState } from './children.ts'
export type { Listener } from './deliveries.ts'
export { type ExitOutput, type ExitReason, exit, exitReasonOf } from './exit.ts'
export type { Answer, Reply, SupervisorAsk, SupervisorEvent, SupervisorFact, SupervisorSignal } from './facts.ts'
export type { GroupEvent } from './group-table.ts'
export {
  type GroupMonitor,
  type Groups,
  type GroupsActor,
  type GroupsCommand,
  type GroupsSnapshot,
  groupsLogic,
  groupsOf,
} from './groups.ts'
export { type ActorExit, type Down, link, type Monitor, monitor } from './links.ts'
export { type SupervisorContext, supervisorMachine } from './machine.ts'
export { createPartitions, type Partitions, type PartitionsOptions } from './partitions.ts'
export {
  type PubSub,
  type PubSubActor,
  type PubSubCommand,
  type PubSubSnapshot,
  pubsubLogic,
  pubsubOf,
} from './pubsub.ts'
export {
  createRegistry,
  type Registry,
  type RegistryEntry,
  type RegistryEvent,
  type RegistryOptions,
} from './registry.ts'
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
export type { Task, TaskFunction, TaskOutcome } from './task.ts'
export type { StreamOptions, StreamOutcome } from './task-stream.ts'
export {
  createTasks,
  type TaskOptions,
  type Tasks,
  type TasksOptions,
  taskSupervisorOptions,
  tasksOf,
} from './tasks.ts'
export type { PubSubMessage } from './topic-table.ts'
