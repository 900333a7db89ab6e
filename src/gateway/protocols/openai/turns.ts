/**
 * Owns what a client's messages are to an agent, whichever protocol they came in: the last of the user is the prompt, all others
 * are its history.
 *
 * 1. Every tool call in a history has its answer: a model would otherwise be asked to go on where it cannot.
 */

import { refused } from '../bodies.ts'
import { History, type Prompt } from '../history.ts'

/** What one message, or a part of one, says. `param` names it in the request. */
export type Turn = { param: string } & (
  | { is: 'system'; text: string }
  | { is: 'user'; prompt: Prompt }
  | { is: 'text'; text: string }
  | { is: 'call'; id: string; name: string; arguments: string }
  | { is: 'return'; id: string; content: string }
)

export interface Conversation {
  prompt: Prompt
  /** All but the prompt. */
  history: unknown[]
}

/** @throws AxonError RUN_REQUEST_INVALID */
export function conversationOf(turns: readonly Turn[], param: string): Conversation {
  const last = turns.findLastIndex(({ is }) => is === 'user')
  const asked = turns[last]
  if (asked?.is !== 'user' || turns.slice(last + 1).some(({ is }) => is !== 'system'))
    throw refused(param, 'The last one must be of the user: it is the prompt.')
  const history = new History()
  const open = new Map<string, string>()
  for (const turn of turns) {
    const [unanswered] = open.keys()
    if (unanswered !== undefined && (turn.is === 'user' || turn.is === 'system'))
      throw refused(turn.param, `The tool call ${unanswered} before it has no answer. Add it.`)
    if (turn !== asked) add(turn, history, open)
  }
  return { prompt: asked.prompt, history: history.messages }
}

/** @param open names of the tools whose calls have no answer yet, by the calls' ids */
function add(turn: Turn, history: History, open: Map<string, string>): void {
  if (turn.is === 'system') history.system(turn.text)
  else if (turn.is === 'user') history.user(turn.prompt)
  else if (turn.is === 'text') history.text(turn.text)
  else if (turn.is === 'call') {
    open.set(turn.id, turn.name)
    history.toolCall(turn.id, turn.name, turn.arguments)
  } else {
    const name = open.get(turn.id)
    if (name === undefined) throw refused(turn.param, 'No tool call before it has this id.')
    open.delete(turn.id)
    history.toolReturn(turn.id, name, turn.content)
  }
}
