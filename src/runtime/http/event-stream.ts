/**
 * Owns the reading of `text/event-stream`: bytes in, events out, nothing kept but the unfinished event. What an event means
 * belongs to the caller.
 */

export interface ServerSentEvent {
  id: string
  event: string
  data: string
}

/** The longest event, in characters. A run's result is one event. */
export const maxEventChars = 64 * 1024 * 1024

/**
 * Yields the events of a body as they are complete. Comments and events without data are skipped; an unfinished event at the
 * end is dropped, as the format says.
 * @throws RangeError where one event is longer than 64 Mi characters
 */
export async function* readEventStream(body: AsyncIterable<Uint8Array>): AsyncGenerator<ServerSentEvent, void> {
  const decoder = new TextDecoder()
  let rest = ''
  let current: Partial<ServerSentEvent> = {}
  for await (const chunk of body) {
    // Only what is new is searched: a long line comes in many chunks.
    const text = decoder.decode(chunk, { stream: true })
    let start = 0
    for (let end = text.indexOf('\n'); end !== -1; end = text.indexOf('\n', start)) {
      const line = rest + text.slice(start, end)
      rest = ''
      start = end + 1
      if (line !== '' && line !== '\r') readField(line.endsWith('\r') ? line.slice(0, -1) : line, current)
      else {
        const { id = '', event = 'message', data } = current
        if (data !== undefined) yield { id, event, data }
        current = {}
      }
    }
    rest += text.slice(start)
    if (rest.length + (current.data?.length ?? 0) > maxEventChars) {
      throw new RangeError(`An event of the stream is longer than ${maxEventChars} characters.`)
    }
  }
}

function readField(line: string, event: Partial<ServerSentEvent>): void {
  const colon = line.indexOf(':')
  if (colon === 0) return
  const name = colon === -1 ? line : line.slice(0, colon)
  const value = colon === -1 ? '' : line.slice(line.charCodeAt(colon + 1) === 32 ? colon + 2 : colon + 1)
  if (name === 'data') event.data = event.data === undefined ? value : `${event.data}\n${value}`
  else if (name === 'event') event.event = value
  else if (name === 'id') event.id = value
}
