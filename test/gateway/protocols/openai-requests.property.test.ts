/** Whatever a client sends becomes a request that an agent takes, or an error that names its field. */
import * as fc from 'fast-check'
import { expect, test } from 'vitest'
import { isAxonError } from '../../../src/errors.ts'
import { readChatRequest } from '../../../src/gateway/protocols/openai/chat-request.ts'
import { readResponseRequest } from '../../../src/gateway/protocols/openai/response-request.ts'
import { type RunRequest, runRequest } from '../../../src/protocol/run.ts'

const text = fc.oneof(
  fc.string(),
  fc.constantFrom('', 'a', 'data:image/png;base64,aGk=', 'https://a.example/b.png', 'file:///a'),
)
const id = fc.constantFrom('a', 'b', '')
const anything = fc.oneof(text, fc.jsonValue({ maxDepth: 2 }) as fc.Arbitrary<unknown>)
/** What is mostly right. */
const mostly = <Value>(right: fc.Arbitrary<Value>) =>
  fc.oneof({ weight: 12, arbitrary: right }, { weight: 1, arbitrary: anything })

const record = (fields: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record(Object.fromEntries(Object.entries(fields).map(([name, value]) => [name, mostly(value)])))
const type = (name: string) => fc.constant(name)

const chatPart = fc.oneof(
  record({ type: type('text'), text }),
  record({ type: type('image_url'), image_url: record({ url: text }) }),
  record({ type: type('input_audio'), input_audio: record({ data: text, format: fc.constantFrom('wav', 'mp3') }) }),
  record({ type: type('file'), file: record({ file_data: text, filename: text }) }),
)
const message = fc.oneof(
  record({ role: fc.constantFrom('system', 'developer'), content: text }),
  record({ role: type('user'), content: fc.oneof(text, fc.array(mostly(chatPart), { maxLength: 3 })) }),
  record({
    role: type('assistant'),
    content: fc.oneof(text, fc.constant(null)),
    tool_calls: fc.array(record({ id, type: type('function'), function: record({ name: id, arguments: text }) }), {
      maxLength: 2,
    }),
  }),
  record({ role: type('tool'), tool_call_id: id, content: text }),
)
const chat = record({
  model: id,
  messages: fc.array(message, { maxLength: 5 }),
  user: id,
  metadata: fc.dictionary(id, text),
})

const inputPart = fc.oneof(
  record({ type: fc.constantFrom('input_text', 'output_text'), text }),
  record({ type: type('refusal'), refusal: text }),
  record({ type: type('input_image'), image_url: text }),
  record({ type: type('input_file'), file_url: text }),
  record({ type: type('input_file'), file_data: text, filename: text }),
)
const content = fc.oneof(text, fc.array(mostly(inputPart), { maxLength: 3 }))
const item = fc.oneof(
  record({ role: fc.constantFrom('system', 'user', 'assistant'), content }),
  record({ type: type('message'), role: type('user'), content }),
  record({ type: type('function_call'), call_id: id, name: id, arguments: text }),
  record({ type: type('function_call_output'), call_id: id, output: content }),
  record({ type: type('reasoning') }),
)
const response = record({ model: id, input: fc.oneof(text, fc.array(item, { maxLength: 5 })), instructions: text })

test.each<[string, fc.Arbitrary<unknown>, (body: unknown) => { request: RunRequest }]>([
  ['chat completion', chat, readChatRequest],
  ['response', response, readResponseRequest],
])('a body for a %s is read, or refused by name', (_, bodies, read) => {
  let taken = 0
  fc.assert(
    fc.property(bodies, (body) => {
      try {
        const { request } = read(body)
        taken += 1
        expect(runRequest.parse(request)).toEqual(request)
        for (const message of request.message_history ?? [])
          expect(message).toMatchObject({ kind: expect.stringMatching(/^re(quest|sponse)$/), parts: expect.any(Array) })
      } catch (error) {
        if (!isAxonError(error)) throw error
        expect(error.code).toBe('RUN_REQUEST_INVALID')
        expect(error.context.param).toMatch(/^\w+/)
      }
    }),
    { numRuns: 2_000 },
  )
  expect(taken).toBeGreaterThan(50)
})
