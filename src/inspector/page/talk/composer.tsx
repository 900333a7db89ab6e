/** Owns the field for the next prompt, with Send, Cancel, and why there is none. */
import * as state from '../state.ts'
import { goLive } from '../time.ts'
import { say, talkWith } from './talks.ts'

interface Props {
  agent: string
  /** The run that is looked at, while it goes on. */
  running: string | undefined
  /** It is of this talk: the next prompt waits for its end. */
  isBusy: boolean
}

export function cancelRun(run: string): void {
  if (state.takes('run.cancel')) void state.send({ type: 'run.cancel', run })
}

export function Composer({ agent, running, isBusy }: Props) {
  const { draft } = talkWith(agent)
  if (state.isReplay.value) return <Replay />
  const isAllowed = state.takes('run.start')
  const isReady = isAllowed && !isBusy && draft.value.trim() !== ''
  const submit = () => {
    if (isReady) void say(agent)
  }
  return (
    <form
      class="composer"
      onSubmit={(event) => {
        event.preventDefault()
        submit()
      }}
    >
      <textarea
        class="field"
        rows={1}
        aria-label={`Message ${agent}`}
        placeholder={isAllowed ? `Message ${agent} …` : why()}
        value={draft.value}
        onInput={(event) => {
          draft.value = event.currentTarget.value
        }}
        onKeyDown={(event) => {
          if (event.key !== 'Enter' || !(event.ctrlKey || event.metaKey)) return
          event.preventDefault()
          submit()
        }}
      />
      {running !== undefined && (
        <button
          type="button"
          class="button"
          aria-disabled={!state.takes('run.cancel')}
          onClick={() => cancelRun(running)}
        >
          Cancel run <kbd>Esc</kbd>
        </button>
      )}
      <button type="submit" class={`button${isReady ? ' is-first' : ''}`} aria-disabled={!isReady}>
        Send <kbd>Ctrl ↵</kbd>
      </button>
    </form>
  )
}

function why(): string {
  if (state.connection.value.phase === 'closed') return 'The system has stopped.'
  if (state.connection.value.phase !== 'live') return 'Not connected. What you write stays here.'
  return state.role.value === 'read' ? 'This page may only look.' : 'This server starts no runs from a page.'
}

function Replay() {
  const isRecording = state.connection.value.phase === 'recording'
  return (
    <div class="composer">
      <p class="composer-off">
        {isRecording ? 'A recording cannot be talked to.' : 'This is the past: nothing can be said there.'}
      </p>
      {!isRecording && (
        <button type="button" class="button" onClick={goLive}>
          Back to live <kbd>L</kbd>
        </button>
      )}
    </div>
  )
}
