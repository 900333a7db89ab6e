/** Owns the gates of test/fixtures/agents/gate.py: a run waits there until its file is made. */
import { writeFile } from 'node:fs/promises'
import { appears } from './appears.ts'

/** Lets through whoever waits at this path, now or later. */
export async function open(path: string): Promise<void> {
  await writeFile(path, '')
}

/** A run waits there: from now on a cancel finds it in user code. Call it before the run. */
export function waits(path: string): Promise<void> {
  return appears(`${path}.waiting`)
}

/** The run that waited there has been cancelled. Call it before the cancel. */
export function cancelled(path: string): Promise<void> {
  return appears(`${path}.cancelled`)
}
