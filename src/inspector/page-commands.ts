/**
 * Owns what a page may ask: how a message is read, and what each command that changes something does. Watching and history are
 * the connection's.
 *
 * 1. Nothing is done that the closed list of an actor does not have, and nothing to another process than the page has seen.
 */
import * as z from 'zod'
import { AxonError } from '../errors.ts'
import { agentName } from '../runtime/config/fields.ts'
import type { Command } from './frames.ts'
import type { Recorder } from './recorder.ts'

/** Only the prompt of a run, with the messages before it, may be longer. */
export const maxMessageBytes = 2 ** 20
export const maxCommandBytes = 64 * 1_024

const ref = z.int().nonnegative()
const id = z.string().min(1).max(256)
const ids = z.array(id).max(200).optional()
const seq = z.int().nonnegative()

const command = z.discriminatedUnion('type', [
  z.strictObject({ ref, type: z.literal('watch'), actors: ids, logs: ids, runs: ids }),
  z.strictObject({ ref, type: z.literal('unwatch'), actors: ids, logs: ids, runs: ids }),
  z.strictObject({ ref, type: z.literal('history'), fromSeq: seq, toSeq: seq.optional() }),
  z.strictObject({
    ref,
    type: z.literal('send'),
    sessionId: id,
    generation: id.optional(),
    event: z.strictObject({ type: id, replicas: z.int().nonnegative().max(10_000).optional() }),
  }),
  z.strictObject({
    ref,
    type: z.literal('run.start'),
    agent: agentName,
    prompt: z.string().min(1),
    message_history: z.array(z.unknown()).optional(),
  }),
  z.strictObject({ ref, type: z.literal('run.cancel'), run: id }),
  z.strictObject({ ref, type: z.literal('tool.approve'), run: id, id, approved: z.boolean() }),
])
export type ReadCommand = z.output<typeof command>
type Same<Type extends Command['type']> = Extract<ReadCommand, { type: Type }>

/** @throws AxonError INSPECTOR_COMMAND_INVALID */
export function readCommand(given: unknown, bytes: number): ReadCommand {
  const parsed = command.safeParse(given)
  if (!parsed.success) throw invalid(z.prettifyError(parsed.error))
  if (bytes > maxCommandBytes && parsed.data.type !== 'run.start') throw invalid('it is longer than 64 KiB')
  return parsed.data
}

/** The number that an answer refers to; undefined where there is none. */
export function refOf(given: unknown): number | undefined {
  return ref.safeParse((given as { ref?: unknown } | null)?.ref).data
}

/** @throws AxonError INSPECTOR_EVENT_REFUSED */
export function sendEvent(recorder: Recorder, { sessionId, generation, event }: Same<'send'>): void {
  const actor = recorder.actor(sessionId)
  if (actor === undefined) throw refused('There is no such actor any more')
  const next = actor.next.find((one) => one.event === event.type)
  if (next === undefined) throw refused(`${event.type} is no event that this actor is sent from a page`)
  if (!next.allowed) throw refused(next.why ?? `${event.type} leads nowhere now`)
  if (actor.replica !== undefined && generation !== actor.generation)
    throw refused(`It is meant for ${generation ?? 'no process'}, and now there is ${actor.generation ?? 'none'}`)
  if ((event.type === 'agent.scale') !== (event.replicas !== undefined))
    throw invalid('agent.scale says how many replicas there are to be, and nothing else does')
  actor.ref.send(event)
}

function invalid(what: string): AxonError {
  return new AxonError('INSPECTOR_COMMAND_INVALID', `This is no command of a page: ${what}.`)
}

function refused(why: string): AxonError {
  return new AxonError('INSPECTOR_EVENT_REFUSED', `The event was not sent. ${why.replace(/\.$/, '')}.`)
}
