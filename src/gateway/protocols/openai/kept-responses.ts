/**
 * Owns how a request goes on from a response: the messages up to it are kept under its id.
 *
 * 1. The id tells whose it is: nobody goes on from a response of somebody else.
 */
import { randomUUID } from 'node:crypto'
import { AxonError } from '../../../errors.ts'
import type { RunRequest, RunResponse } from '../../../protocol/run.ts'
import type { ConversationStore } from '../../../runtime/conversations/store.ts'
import type { Caller } from '../../tokens.ts'
import { textOf } from '../answers.ts'
import { refused } from '../bodies.ts'
import { History, type Message } from '../history.ts'

export function newResponseId({ tag }: Caller): string {
  return `resp_${tag}${randomUUID().replaceAll('-', '')}`
}

export class KeptResponses {
  readonly #store: ConversationStore

  constructor(store: ConversationStore) {
    this.#store = store
  }

  /**
   * The messages up to that response, with it.
   * @throws AxonError RUN_REQUEST_INVALID where there is none of this caller by this agent, CONVERSATION_STORE_FAILED
   */
  async messages({ tag }: Caller, agent: string, id: string): Promise<readonly unknown[]> {
    const isOwn = id.startsWith(`resp_${tag}`) && /^\w{1,100}$/.test(id)
    const messages = isOwn ? await this.#tried(agent, id, () => this.#store.load(`${agent}/${id}`)) : undefined
    if (messages !== undefined && messages.length > 0) return messages
    const message = `There is no response ${JSON.stringify(id.slice(0, 100))} of yours by ${agent}, or none any more. Send the messages before as input.`
    throw refused('previous_response_id', message)
  }

  /**
   * Keeps what was asked and answered. An agent that has no messages of its own is remembered by its text.
   * @param instructions what held for this response only
   * @throws AxonError CONVERSATION_STORE_FAILED
   */
  async keep(
    agent: string,
    id: string,
    request: RunRequest,
    answer: RunResponse,
    instructions: string | undefined,
  ): Promise<void> {
    const messages = answer.messages.length > 0 ? answer.messages : told(request, answer)
    await this.#tried(agent, id, () => this.#store.save(`${agent}/${id}`, without(instructions, messages)))
  }

  async #tried<Outcome>(agent: string, id: string, work: () => Outcome | Promise<Outcome>): Promise<Outcome> {
    try {
      return await work()
    } catch (cause) {
      const message = `The store of responses failed at ${id} by ${agent}. Mend it, or ask with store: false.`
      throw new AxonError('CONVERSATION_STORE_FAILED', message, { agent, cause })
    }
  }
}

function told(request: RunRequest, answer: RunResponse): unknown[] {
  const turn = new History()
  turn.user(request.prompt)
  turn.text(textOf(answer.result))
  return [...(request.message_history ?? []), ...turn.messages]
}

function without(instructions: string | undefined, messages: readonly unknown[]): readonly unknown[] {
  if (instructions === undefined) return messages
  return (messages as readonly Message[]).flatMap((message) => {
    const parts = message.parts.filter(
      ({ part_kind, content }) => part_kind !== 'system-prompt' || content !== instructions,
    )
    return parts.length === 0 ? [] : [{ ...message, parts }]
  })
}
