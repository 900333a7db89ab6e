/** Owns the gates of test/fixtures/agents/gate.py: a run waits there until its file is made. */
import { writeFile } from 'node:fs/promises'

/** Lets through whoever waits at this path, now or later. */
export async function open(path: string): Promise<void> {
  await writeFile(path, '')
}
