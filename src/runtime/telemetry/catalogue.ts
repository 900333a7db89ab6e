/**
 * Owns the catalogue of events: every name, its level in the log, and what it says. docs/events.md is made from it.
 */
import type { AxonError } from '../../errors.ts'
import type { Fact } from '../../machines/facts.ts'
import type { EnvironmentProgress } from '../../machines/slots.ts'
import type { HostReadyFrame } from '../../protocol/host.ts'
import type { OutputLine } from '../process/output.ts'
import type { Swept } from '../state/sweep.ts'

/** Told by the runtime itself. */
export type RuntimeFact =
  | { type: 'environment.progress'; agent: string; progress: EnvironmentProgress }
  /** `replica`: which of Ray's replicas, where it is none of Axon's own notes. */
  | ({ type: 'process.output'; agent: string; generation: string; replica?: string } & OutputLine)
  /** `root` is the environment's directory; `why` says what keeps the host from forking, so that every start is cold. */
  | ({ type: 'host.ready'; root: string } & Omit<HostReadyFrame, 'type'>)
  /** For example that agents are executed from now on, because a thread has appeared in the host. */
  | { type: 'host.warned'; root: string; message: string }
  /** `pid`: undefined where it was never ready. */
  | { type: 'host.lost'; root: string; pid: number | undefined; how: string; lastLines: readonly string[] }
  | ({ type: 'host.output'; root: string } & OutputLine)
  | { type: 'connection.refused'; reason: string }
  /** `system` and `pid` are the dead one's. */
  | ({ type: 'system.swept' } & Swept)
  | { type: 'system.unrecorded'; error: AxonError }
  /** Runs that an earlier system had accepted and not ended. */
  | { type: 'journal.recovered'; resumed: number; interrupted: number }
  | { type: 'journal.failed'; error: AxonError }
  | { type: 'journal.restored' }
  | { type: 'log.failed'; message: string }
  /** At least so many lines are missing. */
  | { type: 'log.restored'; dropped: number }

export type AxonEvent = Fact | RuntimeFact
export type AxonEventName = AxonEvent['type']
/** The payload of an event, by its name. */
export type AxonEventOf<Name extends AxonEventName> = Extract<AxonEvent, { type: Name }>

export type Level = 'trace' | 'debug' | 'info' | 'warn' | 'error'

/** `unlogged` names a field that listeners get and the log does not: it may be secret, and the log is kept. */
export const catalogue: Readonly<Record<AxonEventName, { level: Level; says: string; unlogged?: string }>> = {
  'system.started': { level: 'info', says: 'The system runs; its agents are being spawned.' },
  'system.closing': { level: 'info', says: 'No new runs; agents drain and stop, the last started first.' },
  'system.closed': { level: 'info', says: 'Every agent has stopped.' },
  'event.refused': { level: 'warn', says: 'An event sent to the system could not be honoured.' },
  'agent.spawned': { level: 'info', says: 'An agent was added to the system.' },
  'agent.idle': { level: 'debug', says: 'The agent has let its process go, and waits for a run or a start.' },
  'agent.provisioning': { level: 'debug', says: 'The environment is being checked or made.' },
  'environment.progress': { level: 'debug', says: 'A step of making an environment.' },
  'environment.ready': { level: 'debug', says: 'The environment is complete.' },
  'agent.starting': { level: 'debug', says: 'A process is being started.' },
  'process.spawned': { level: 'debug', says: 'The process exists.' },
  'agent.ready': { level: 'info', says: 'The process serves; runs are sent to it.' },
  'process.heartbeat': { level: 'trace', says: 'Memory, processor time, loop lag and runs in flight of a process.' },
  'process.replicas': {
    level: 'trace',
    says: 'An application on Ray: its replicas, with their memory and processor time.',
  },
  'process.output': { level: 'debug', says: 'A line of standard output or error.' },
  'agent.suspect': {
    level: 'warn',
    says: 'No heartbeat for 10 s, or an event loop that has not answered for a second: nothing new is sent there.',
  },
  'agent.recovered': { level: 'info', says: 'A suspect process answered again.' },
  'agent.draining': { level: 'info', says: 'Runs in flight may finish; no new ones.' },
  'agent.stopping': { level: 'info', says: 'The process was asked to end, and will be made to.' },
  'process.exited': { level: 'debug', says: 'The process was reaped and all it said was read.' },
  'agent.crashed': { level: 'error', says: 'A process was lost, with its class and last lines.' },
  'agent.backoff': { level: 'warn', says: 'The next start waits.' },
  'agent.failed': { level: 'error', says: 'The restart policy gave up; runs are answered at once until agent.start.' },
  'agent.stopped': { level: 'info', says: 'The agent was stopped and has no process.' },
  'agent.scaled': { level: 'info', says: 'The agent is to have more or fewer replicas.' },
  'replica.removed': { level: 'debug', says: 'A replica that was let go has stopped and is gone.' },
  'rollout.started': {
    level: 'info',
    says: 'Processes are being replaced, each proved ready before the old one drains.',
  },
  'rollout.completed': { level: 'info', says: 'Every process that was to be replaced has a successor.' },
  'rollout.failed': { level: 'error', says: 'A new process was not ready; those not yet replaced go on.' },
  'agent.waiting': { level: 'debug', says: 'The agent is started when those are ready that it comes after.' },
  'supervisor.restarted': { level: 'error', says: 'A child that had ended by its failure was made anew.' },
  'supervisor.exceeded': {
    level: 'error',
    says: 'A supervisor had to restart more often than it permits, and ends; where it is the root, the system closes.',
  },
  'agent.retired': { level: 'info', says: 'The agent was taken out of the system.' },
  'run.accepted': { level: 'debug', says: 'A run was taken on.' },
  'run.started': { level: 'debug', says: 'The receipt: user code of the run begins.' },
  'run.requeued': {
    level: 'warn',
    says: 'An attempt came to nothing, and the run is sent again: its code had not begun, or its agent is idempotent.',
  },
  'run.abandoned': {
    level: 'warn',
    says: 'The code of a run that is over, or of an attempt of it, ignores its cancellation; its process is to be replaced.',
  },
  'run.settled': { level: 'info', says: 'The run has its one terminal state.' },
  'tool.called': { level: 'debug', says: 'The code of a run called a tool that Node has.' },
  'tool.returned': { level: 'debug', says: 'The tool returned a result.' },
  'tool.failed': { level: 'warn', says: 'The call came to nothing, and the agent was told why.' },
  'tool.approval': {
    level: 'info',
    says: 'A tool call waits for a person: run.approve, run.deny, or the end of its time.',
    unlogged: 'arguments',
  },
  'tool.approved': { level: 'info', says: 'A person let the tool be called.' },
  'tool.denied': {
    level: 'info',
    says: 'A person refused, or nobody answered in time; the model is told the message.',
  },
  'host.ready': {
    level: 'info',
    says: 'A host can start agents; where `canFork` is false, every start is cold, and `why` says what stands in the way.',
  },
  'host.warned': { level: 'warn', says: 'A host goes on otherwise than it was asked to.' },
  'host.lost': {
    level: 'error',
    says: 'A host ended without being asked; its agents went with it and are restarted by a new one.',
  },
  'host.output': { level: 'debug', says: 'A line that a host wrote to its standard error.' },
  'connection.refused': { level: 'warn', says: 'Somebody connected without the right nonce.' },
  'system.swept': { level: 'info', says: 'A system had died without being closed; what was left of it is gone.' },
  'system.unrecorded': {
    level: 'warn',
    says: 'The record of this system cannot be written; it works, but what a kill leaves of it will not be swept at the next boot.',
  },
  'journal.recovered': {
    level: 'warn',
    says: 'Node had ended in the middle of runs: those that waited are run, those that were sent are settled as interrupted.',
  },
  'journal.failed': {
    level: 'error',
    says: 'The journal cannot be used: runs are refused, or run unrecorded, as its `mode` says. Told once until it is restored.',
  },
  'journal.restored': { level: 'info', says: 'The journal can be written again.' },
  'log.failed': {
    level: 'error',
    says: 'The log cannot be written: lines are dropped and counted, and all else goes on. Told once until it is restored.',
  },
  'log.restored': { level: 'warn', says: 'The log is written again; `dropped` lines are missing, or more.' },
}
