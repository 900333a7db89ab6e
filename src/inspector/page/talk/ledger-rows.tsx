/** Owns the rows of a talk: prompt, text, tool calls with what they were given and answered, and how the run ended. */
import type { ComponentChildren } from 'preact'
import { duration, plural } from '../format.ts'
import { Approval } from './approval.tsx'
import type { Entry, Ledger, ToolEntry } from './ledger.ts'
import { ToolCall } from './tool-call.tsx'
import { inline } from './value.ts'

/** A result that is not longer stands open. */
const openChars = 96

export function Row({ time, children }: { time?: string; children: ComponentChildren }) {
  return (
    <div class="ledger-row">
      <span class="ledger-time">{time}</span>
      <div class="ledger-body">{children}</div>
    </div>
  )
}

/** Times count from `since`, in milliseconds since 1970. */
export function Entries({ run, ledger, since }: { run: string; ledger: Ledger; since: number }) {
  return (
    <>
      {ledger.entries.map((entry) => (
        <Row key={entry.key} time={entry.kind === 'tool' ? '' : `+${duration(Math.max(0, entry.at - since))}`}>
          <Body run={run} entry={entry} />
        </Row>
      ))}
    </>
  )
}

function Body({ run, entry }: { run: string; entry: Entry }) {
  switch (entry.kind) {
    case 'text':
      return <p class="ledger-text">{entry.text.trim()}</p>
    case 'thinking':
      return (
        <details class="ledger-thinking">
          <summary>Thinking</summary>
          <p class="ledger-text">{entry.text.trim()}</p>
        </details>
      )
    case 'tool':
      return entry.state === 'asked' ? <Approval run={run} tool={entry} /> : <Tool tool={entry} />
    case 'custom':
      return (
        <p class="mono quiet">
          {entry.name} {inline(entry.value)}
        </p>
      )
    case 'result':
      return <pre class="ledger-result">{JSON.stringify(entry.value, undefined, 2)}</pre>
  }
}

function Tool({ tool }: { tool: ToolEntry }) {
  const words: Partial<Record<ToolEntry['state'], string>> = { running: 'running', lost: 'no answer' }
  const spent = words[tool.state] ?? duration(tool.durationMs)
  if (tool.state === 'failed')
    return (
      <div class="tool">
        <div class="tool-head">
          <ToolCall tool={tool} />
          <span class="tool-spent">{spent}</span>
        </div>
        <p class="mono toned tone-bad">{tool.error}</p>
      </div>
    )
  const text = inline(tool.result, 4 * openChars)
  const isShort = text.length <= openChars && !Array.isArray(tool.result)
  if (tool.state !== 'done' || isShort)
    return (
      <div class="tool">
        <div class="tool-head">
          <ToolCall tool={tool} />
          <span class="tool-spent">{spent}</span>
        </div>
        {text !== '' && <p class="mono tool-result">{text}</p>}
      </div>
    )
  const size = Array.isArray(tool.result) ? ` · ${plural(tool.result.length, 'result')}` : ''
  return (
    <details class="tool">
      <summary class="tool-head">
        <ToolCall tool={tool} />
        <span class="tool-spent">
          {spent}
          {size} <span class="tool-twist" aria-hidden="true" />
        </span>
      </summary>
      <pre class="tool-result">
        {typeof tool.result === 'string' ? tool.result : JSON.stringify(tool.result, undefined, 2)}
      </pre>
    </details>
  )
}

interface Failure {
  code: string
  message: string
  started?: boolean | undefined
  attempt?: number | undefined
}

/** Of a run that did not succeed. A cancelled one has not failed. */
export function Failed({ error: { code, message, started, attempt } }: { error: Failure }) {
  const again = attempt !== undefined && attempt > 1 ? `retried, attempt ${attempt}` : 'not retried'
  return (
    <div class={`ledger-error tone-${code === 'RUN_CANCELLED' ? 'rest' : 'bad'}`}>
      <p>
        <b class="mono toned">{code}</b> {message}
      </p>
      {attempt !== undefined && (
        <p class="small">
          <code>started: {String(started ?? 'unknown')}</code>, {again}
        </p>
      )}
    </div>
  )
}
