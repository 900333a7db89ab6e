/** Owns the card of the last crash. It answers without a click: what, when and after how long, which runs, and what comes next. */
import type { CrashFrame } from '../../frames.ts'
import { duration, generationNumber, plural, timeOf } from '../format.ts'
import { now } from '../state.ts'
import { StateShape } from '../state-shape.tsx'
import { topState } from '../states.ts'
import type { Actor } from '../world.ts'
import { afterCrash } from './after-crash.ts'

const titles: Readonly<Record<string, string>> = {
  oom: 'Out of memory',
  import: 'Import failed',
  start_timeout: 'Not ready in time',
  hang: 'Stopped answering',
  protocol: 'Protocol broken',
  host_lost: 'Host lost',
  environment: 'No environment',
  signal: 'Ended by a signal',
  exit: 'Process exited',
}
const shownRuns = 4

export function CrashCard({ actor, crash }: { actor: Actor; crash: CrashFrame }) {
  const { signal, code } = crash
  const end = signal ?? (code === null ? undefined : `code ${code}`)
  return (
    <section class="panel crash" aria-label="Last crash">
      <header>
        <h2>{titles[crash.class] ?? 'Crashed'}</h2>
        <span class="mono quiet-ink">
          class {crash.class}
          {end !== undefined && `, ${end}`}
        </span>
        <time class="crash-time" dateTime={new Date(crash.at).toISOString()}>
          {timeOf(crash.at)}
        </time>
      </header>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it */}
      <section class="crash-body" tabIndex={0} aria-label="What happened">
        <p class="crash-text">
          {lived(crash)} {saidOf(crash)} <Runs runs={crash.runs} />
        </p>
        {crash.lines.length > 0 && (
          <div class="crash-lines mono">
            {crash.lines.map(({ atMs, stream, text }, i) => (
              <div key={i} class={`crash-line${isTrouble(stream, text) ? ' is-bad' : ''}`}>
                <span class="crash-at">{secondsBefore(atMs)}</span>
                <span class="crash-stream">{stream}</span>
                <span class="crash-said">{text}</span>
              </div>
            ))}
          </div>
        )}
        {crash.traceback !== undefined && (
          <details class="crash-traceback">
            <summary>Traceback</summary>
            {/* biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it */}
            <pre tabIndex={0}>{crash.traceback}</pre>
          </details>
        )}
      </section>
      <Next actor={actor} crash={crash} />
    </section>
  )
}

function lived({ pid, generation, livedMs, phase }: CrashFrame) {
  const who =
    pid === undefined ? (
      'A process'
    ) : (
      <>
        Process <b>{pid}</b>
      </>
    )
  return (
    <>
      {who} (generation {generationNumber(generation)}) {livedMs === undefined ? 'ended' : 'ended after '}
      {livedMs !== undefined && <b>{duration(livedMs)}</b>}
      {phase !== undefined && <> in {phase}</>}.
    </>
  )
}

/** The error's sentence; its last output stands below. */
function saidOf({ message, lines }: CrashFrame): string {
  return lines.length === 0 ? message : message.replace(/ Its last output: .*$/s, '')
}

function Runs({ runs }: Pick<CrashFrame, 'runs'>) {
  if (runs.length === 0) return <>No run was hit.</>
  return (
    <>
      {runs.length === 1 ? 'One run was hit: ' : `${plural(runs.length, 'run')} were hit: `}
      {runs.slice(0, shownRuns).map(({ run, started, retried }, i) => (
        <span key={run}>
          {i > 0 && '; '}
          <b class="mono">{run}</b>, {started === undefined ? 'perhaps started' : started ? 'started' : 'not started'},{' '}
          {retried ? 'retried' : 'not retried'}
        </span>
      ))}
      {runs.length > shownRuns && <>; {runs.length - shownRuns} more</>}.
    </>
  )
}

/** `-0.72 s`: how long before the end. */
function secondsBefore(atMs: number | null): string {
  if (atMs === null) return ''
  return atMs > -99_950 ? `${atMs === 0 ? ' ' : ''}${(atMs / 1000).toFixed(2)} s` : `−${duration(-atMs)}`
}

function isTrouble(stream: string, text: string): boolean {
  return stream === 'err' && /\b(?:\w*(?:Error|Exception)|fatal|Traceback)\b/.test(text)
}

function Next({ actor, crash }: { actor: Actor; crash: CrashFrame }) {
  const isWaiting = topState(actor.snapshot.value) === 'backoff'
  const next = afterCrash(actor, crash, isWaiting ? now.value : 0)
  return (
    <footer class={`crash-next tone-${next.tone}`}>
      {next.shape !== undefined && <StateShape state={next.shape} size={14} left={next.left ?? 1} />}
      <b>{next.text}</b>
      {next.left !== undefined && (
        <span class="crash-bar" aria-hidden="true">
          <span style={{ width: `${Math.round((1 - next.left) * 100)}%` }} />
        </span>
      )}
      <span class="small crash-used">{next.used}</span>
    </footer>
  )
}
