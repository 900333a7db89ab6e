/** Owns which run a view looks at, and the frame of it. */
import { useComputed, useSignal } from '@preact/signals'
import type { RunFrame } from '../../frames.ts'
import * as state from '../state.ts'
import { chosenRun, runInView } from './talks.ts'

/** Of an agent, or of all. It does not give way to the next run by itself. */
export function useRunInView(agent: string | undefined): string | undefined {
  const held = useSignal<string | undefined>(undefined)
  const found = useComputed(() => runInView(state.shown.value, agent, chosenRun.value ?? held.value)).value
  if (held.peek() === undefined) held.value = found
  return found
}

/** The frame of a run; changes with that run alone. */
export function useRun(run: string): RunFrame | undefined {
  const id = useSignal(run)
  id.value = run
  return useComputed(() => state.shown.value.runs.get(id.value)).value
}
