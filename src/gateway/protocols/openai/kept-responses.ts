/**
 * Owns how a response is gone on from: its messages are a conversation of the system, in the store of all conversations, under
 * the response's id.
 *
 * 1. The id tells whose it is: nobody goes on from a response of somebody else.
 */
import { randomUUID } from 'node:crypto'
import type { RunRequest, RunResponse } from '../../../protocol/run.ts'
import type { Axon } from '../../../runtime/axon.ts'
import type { Caller } from '../../tokens.ts'
import { History, type Message } from '../history.ts'
import { textOf } from './answers.ts'
import { refused } from './errors.ts'

export function newResponseId({ tag }: Caller): string {
  return `resp_${tag}${randomUUID().replaceAll('-', '')}`
}

/** The conversation up to and with that response. @throws AxonError RUN_REQUEST_INVALID where there is none of this caller */
export async function messagesOf(axon: Axon, { tag }: Caller, agent: string, id: string): Promise<readonly unknown[]> {
  const isOwn = id.startsWith(`resp_${tag}`) && /^\w{1,100}$/.test(id)
  const messages = isOwn ? await axon.conversation(agent, id).messages() : []
  if (messages.length > 0) return messages
  const message = `There is no response ${JSON.stringify(id.slice(0, 100))} of yours by ${agent}, or none any more. Send the messages before as input.`
  throw refused('previous_response_id', message)
}

/**
 * Keeps what a response was asked and has answered. An agent that keeps no messages of its own is remembered by its text.
 * @param instructions what held for this response only
 * @throws AxonError CONVERSATION_STORE_FAILED
 */
export async function keepResponse(
  axon: Axon,
  agent: string,
  id: string,
  request: RunRequest,
  answer: RunResponse,
  instructions: string | undefined,
): Promise<void> {
  const messages = answer.messages.length > 0 ? answer.messages : [...(request.message_history ?? []), ...turn()]
  await axon.conversation(agent, id).replace(without(instructions, messages))

  function turn(): Message[] {
    const history = new History()
    history.user(request.prompt)
    history.text(textOf(answer.result))
    return history.messages
  }
}

function without(instructions: string | undefined, messages: readonly unknown[]): unknown[] {
  if (instructions === undefined) return [...messages]
  return (messages as Message[]).flatMap((message) => {
    const parts = message.parts.filter(
      ({ part_kind, content }) => part_kind !== 'system-prompt' || content !== instructions,
    )
    return parts.length === 0 ? [] : [{ ...message, parts }]
  })
}
