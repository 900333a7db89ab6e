/**
 * Owns what a command may need to know of the actor that it is for.
 */
import type { AnyActorRef, AnyMachineSnapshot } from 'xstate'
import { type AgentContext, generationOf } from '../machines/agent-context.ts'
import type { Known } from './actors.ts'
import type { SnapshotView } from './frames.ts'
import { viewSnapshot } from './snapshot-view.ts'

export interface ActorFacts {
  /** Where an event is sent to. */
  readonly ref: Pick<AnyActorRef, 'send'>
  readonly agent: string | undefined
  /** `support/0`, of a replica. */
  readonly replica: string | undefined
  /** The process that a replica has, or had last: `support/0#3`. */
  readonly generation: string | undefined
  /** The closed list of what may be sent to it, and whether now. */
  readonly next: SnapshotView['next']
}

/** @param root hears what is meant for an agent: it knows which agents come before it */
export function factsOf({ ref, kind, since, frame: { agent, replica } }: Known, root: AnyActorRef): ActorFacts {
  const { next } = viewSnapshot(ref, kind, since)
  const { context } = ref.getSnapshot() as AnyMachineSnapshot & { context: AgentContext }
  const generation = kind === 'replica' ? generationOf(context) : undefined
  const throughRoot = { send: (event: { type: string }) => root.send({ ...event, agent }) }
  return { ref: kind === 'agent' ? throughRoot : ref, agent, replica, generation, next }
}
