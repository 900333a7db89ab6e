/** Owns the band below the head: what keeps the page from being live, and the way back. One at a time, the most urgent. */
import { useEffect, useRef, useState } from 'preact/hooks'
import { retryNow, withToken } from './connection.ts'
import { count, duration, secondOf, timeOf } from './format.ts'
import { openRecording } from './recording.ts'
import * as state from './state.ts'
import { goLive } from './time.ts'

export function Bands() {
  const connection = state.connection.value
  switch (connection.phase) {
    case 'lost':
      return <Lost {...connection} />
    case 'unauthorized':
      return <Unauthorized address={connection.address} />
    case 'static':
      return <Static />
    case 'closed':
      if (state.playhead.value === undefined) {
        return (
          <div class="band" role="status">
            The system stopped at {secondOf(connection.at)}. What was recorded stays here.
          </div>
        )
      }
  }
  return state.isReplay.value ? <Replay /> : null
}

function Replay() {
  const world = state.shown.value
  const isRecording = state.connection.value.phase === 'recording'
  const end = isRecording ? state.live.value.at : Date.now() + state.clockOffset.value
  const ago = end - world.at
  return (
    <div class="band is-ink" role="status">
      <span>
        <b>Replay</b> {timeOf(world.at)}, event {count(world.seq)}
        {isRecording ? ` of ${(state.connection.value as { name: string }).name}. ` : `, ${duration(ago)} ago. `}
        <span class="is-wide">Events cannot be sent.</span>
      </span>
      <button type="button" class="button" onClick={goLive}>
        {isRecording ? 'To the end' : 'Back to live'} <kbd>L</kbd>
      </button>
    </div>
  )
}

function Lost({ since, retryAt, wasTooSlow }: { since: number; retryAt: number; wasTooSlow: boolean }) {
  useTick()
  const next = Math.max(0, Math.ceil((retryAt - Date.now()) / 1000))
  const when = next === 0 ? 'Trying now.' : `Next try in ${next} s.`
  const text = wasTooSlow
    ? `This page was too slow and was disconnected; it resumes from event ${count(state.newestSeq.value)}. ${when}`
    : `Connection lost ${Math.floor((Date.now() - since) / 1000)} s ago. ${when}`
  return (
    <div class="band is-warn">
      <span>{text}</span>
      <button type="button" class="button" onClick={retryNow}>
        Retry
      </button>
    </div>
  )
}

/** Draws the caller again twice a second; the clock of the page stands still without a connection. */
function useTick(): void {
  const [, set] = useState(0)
  useEffect(() => {
    const timer = setInterval(() => set((n) => n + 1), 500)
    return () => clearInterval(timer)
  }, [])
}

function Unauthorized({ address }: { address: string }) {
  const field = useRef<HTMLInputElement>(null)
  return (
    <form
      class="band is-warn"
      onSubmit={(event) => {
        event.preventDefault()
        withToken(field.current?.value ?? '')
      }}
    >
      <label for="token">{address} refuses this token. Another one:</label>
      <input id="token" class="field mono" type="password" autocomplete="off" ref={field} required />
      <button type="submit" class="button">
        Connect
      </button>
    </form>
  )
}

function Static() {
  return (
    <div class="band">
      <span>This page has no system. Drop a recording (.axon.ndjson) on it, or choose one.</span>
      <OpenButton />
    </div>
  )
}

/** A file chooser that looks like a button. */
export function OpenButton() {
  const input = useRef<HTMLInputElement>(null)
  return (
    <>
      <button type="button" class="button" onClick={() => input.current?.click()}>
        Open a recording
      </button>
      <input
        ref={input}
        type="file"
        class="unseen"
        tabIndex={-1}
        aria-label="A recording"
        accept=".ndjson,.gz"
        onChange={({ currentTarget }) => {
          const file = currentTarget.files?.[0]
          if (file !== undefined) void openRecording(file)
          currentTarget.value = ''
        }}
      />
    </>
  )
}
