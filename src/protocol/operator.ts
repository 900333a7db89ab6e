/**
 * Owns what is said on the operator's socket of a system: newline-delimited JSON, questions one way, answers the other. Nothing
 * can be changed there.
 */
import * as z from 'zod'

/** The longest question, newline included. */
export const maxQuestionBytes = 4 * 1024

/** In the directory of the system's sockets. */
export const operatorSocket = 'operator.sock'

export const operatorQuestion = z.discriminatedUnion('type', [
  /** Answered by one `snapshot`. */
  z.object({ type: z.literal('snapshot') }),
  /** Answered by `event`, as often as one is told, until the connection ends. Asked again, the new filter is the one that holds. */
  z.object({
    type: z.literal('events'),
    /** Only events of this agent. */
    agent: z.string().max(64).optional(),
    /** Only events of this name; `run.*` are all that begin so. Default: all but heartbeats. */
    name: z.string().max(100).optional(),
  }),
])
export type OperatorQuestion = z.infer<typeof operatorQuestion>
export type EventFilter = Omit<Extract<OperatorQuestion, { type: 'events' }>, 'type'>

/** `time` is in milliseconds since 1970. `Table` and `Event` are those of the runtime. */
export type OperatorAnswer<Table = unknown, Event = unknown> =
  | { type: 'snapshot'; table: Table }
  | { type: 'events.following' }
  | { type: 'event'; time: number; event: Event }
  /** The connection ends. */
  | { type: 'refused'; message: string }
