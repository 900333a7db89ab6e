import type { RunStream, RunStreamEvent } from '../../src/index.ts'

/** Reads a stream to its end. */
export async function eventsOf(stream: RunStream): Promise<RunStreamEvent[]> {
  const events: RunStreamEvent[] = []
  for await (const event of stream) events.push(event)
  return events
}
