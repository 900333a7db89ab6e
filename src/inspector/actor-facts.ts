/**
 * Owns what a command may need to know of the actor that it is for.
 */
import type { AnyActorRef, AnyMachineSnapshot } from 'xstate'
import { type AgentContext, generationOf } from '../machines/agent-context.ts'
import type { Known } from './actors.ts'
import type { SnapshotView } from './frames.ts'
import { viewSnapshot } from './snapshot-view.ts'

export interface ActorFacts {
  /** Where an event is sent to. Undefined: a run, which is sent `run.cancel` through the system. */
  readonly ref: AnyActorRef | undefined
  readonly agent: string | undefined
  /** `support/0`, of a replica. */
  readonly replica: string | undefined
  /** The process that a replica has, or had last: `support/0#3`. */
  readonly generation: string | undefined
  readonly run: string | undefined
  /** The closed list of what may be sent to it, and whether now. */
  readonly next: SnapshotView['next']
}

export function factsOf({ ref, kind, since, frame: { agent, replica } }: Known): ActorFacts {
  const { next } = viewSnapshot(ref, kind, since)
  const { context } = ref.getSnapshot() as AnyMachineSnapshot & { context: AgentContext }
  return {
    ref,
    agent,
    replica,
    generation: kind === 'replica' ? generationOf(context) : undefined,
    run: undefined,
    next,
  }
}

export function factsOfRun(run: string, agent: string): ActorFacts {
  const next = [{ event: 'run.cancel', allowed: true }]
  return { ref: undefined, agent, replica: undefined, generation: undefined, run, next }
}
