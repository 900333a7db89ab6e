/** Owns the card of a tool call that waits for a person: until when, and the two answers. */
import { duration } from '../format.ts'
import { hasLetterKeys } from '../settings.ts'
import * as state from '../state.ts'
import type { ToolEntry } from './ledger.ts'
import { answerCall, answers, callKey } from './talks.ts'
import { ToolCall } from './tool-call.tsx'

export function Approval({ run, tool }: { run: string; tool: ToolEntry }) {
  const given = answers.value.get(callKey(run, tool.id))
  const left = tool.dueAt === undefined ? undefined : tool.dueAt - state.now.value
  const isOpen = (given === undefined || given.error !== undefined) && (left === undefined || left > 0)
  const isAllowed = state.takes('tool.approve') && isOpen
  const answer = (isApproved: boolean) => {
    if (isAllowed) void answerCall(run, tool.id, isApproved)
  }
  const keys = (event: KeyboardEvent) => {
    const key = event.key.toLowerCase()
    if (!hasLetterKeys.value || event.ctrlKey || event.metaKey || event.altKey || (key !== 'a' && key !== 'd')) return
    event.preventDefault()
    answer(key === 'a')
  }
  return (
    <fieldset class="tool approval tone-warn tinted" aria-label={`${tool.name} waits for approval`} onKeyDown={keys}>
      <ToolCall tool={tool} />
      <div class="approval-foot">
        <p>
          {given === undefined || given.error !== undefined
            ? waiting(left)
            : given.isApproved
              ? 'Approved.'
              : 'Denied: the model is told so.'}
          {given?.error !== undefined && <span class="toned tone-bad"> {given.error}</span>}
        </p>
        {isOpen && (
          <>
            <button type="button" class="button" aria-disabled={!isAllowed} onClick={() => answer(false)}>
              Deny <kbd>D</kbd>
            </button>
            <button type="button" class="button is-first" aria-disabled={!isAllowed} onClick={() => answer(true)}>
              Approve <kbd>A</kbd>
            </button>
          </>
        )}
      </div>
    </fieldset>
  )
}

function waiting(left: number | undefined) {
  if (left === undefined || Number.isNaN(left)) return 'Waits for your approval.'
  if (left <= 0) return 'Its time is over.'
  return (
    <>
      Waits for your approval. Its time ends in <b>{left < 59_000 ? `${Math.ceil(left / 1000)} s` : duration(left)}</b>.
    </>
  )
}
