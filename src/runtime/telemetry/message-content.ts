/**
 * Owns the contents of a run as the GenAI conventions write them: `gen_ai.input.messages` and `gen_ai.output.messages`.
 */
import type { RunRequest, RunResponse } from '../../protocol/run.ts'

/** The prompt of a request; its history is on the spans of the runs before it. */
export function inputMessages(body: string): string {
  const { prompt } = JSON.parse(body) as RunRequest
  const given = typeof prompt === 'string' ? [{ type: 'text' as const, text: prompt }] : prompt
  const parts = given.map((part) => {
    if (part.type === 'text') return { type: 'text', content: part.text }
    const { media_type } = part
    if ('url' in part) return { type: 'uri', mime_type: media_type, uri: part.url }
    // Of a file's bytes the length says enough.
    return { type: 'blob', mime_type: media_type, content: `${part.data.length} characters of base64` }
  })
  return JSON.stringify([{ role: 'user', parts }])
}

export function outputMessages({ result }: RunResponse): string {
  const content = typeof result === 'string' ? result : JSON.stringify(result)
  return JSON.stringify([{ role: 'assistant', parts: [{ type: 'text', content }], finish_reason: 'stop' }])
}
