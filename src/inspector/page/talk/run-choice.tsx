/** Owns the choice of a run among those that are known, the newest first. */
import { useState } from 'preact/hooks'
import { secondOf } from '../format.ts'
import * as state from '../state.ts'
import { chosenRun } from './talks.ts'

interface Props {
  /** Undefined: of all agents. */
  agent: string | undefined
  /** The one that is looked at. */
  run: string
}

const most = 100

/** The list stands still from the moment it is opened. */
export function RunChoice({ agent, run }: Props) {
  const [runs, setRuns] = useState<readonly { run: string; text: string }[]>([])
  const look = () => {
    const all = [...state.shown.peek().runs.values()].filter((one) => agent === undefined || one.agent === agent)
    setRuns(
      all
        .slice(-most)
        .reverse()
        .map((one) => ({ run: one.run, text: `${one.run} · ${one.agent} · ${one.status} · ${secondOf(one.at)}` })),
    )
  }
  return (
    <select
      class="run-choice mono"
      aria-label="Run"
      value={run}
      onPointerDown={look}
      onFocus={look}
      onChange={(event) => {
        chosenRun.value = event.currentTarget.value
      }}
    >
      {!runs.some((one) => one.run === run) && <option value={run}>{run}</option>}
      {runs.map((one) => (
        <option key={one.run} value={one.run} label={one.text}>
          {one.text}
        </option>
      ))}
    </select>
  )
}
