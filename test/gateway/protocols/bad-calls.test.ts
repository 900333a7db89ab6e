import { expect, test } from 'vitest'
import { agent } from '../../e2e/axon.ts'
import { serve } from '../gateway.ts'

const call = (method: string, params: unknown) => ({ jsonrpc: '2.0', id: 1, method, params })
const message = (fields: object) => call('SendMessage', { message: { messageId: 'm', role: 'ROLE_USER', ...fields } })
const bodies: unknown[] = [
  null,
  1,
  'text',
  [],
  [[]],
  {},
  { jsonrpc: '2.0' },
  { jsonrpc: '2.0', id: {}, method: 'GetTask', params: {} },
  call('', {}),
  ...['initialize', 'tools/list', 'tools/call', 'notifications/cancelled', 'subscriptions/listen'].flatMap((method) => [
    call(method, null),
    call(method, { name: 1, arguments: [], _meta: 1, requestId: {} }),
  ]),
  ...['SendMessage', 'SendStreamingMessage', 'GetTask', 'ListTasks', 'CancelTask', 'SubscribeToTask'].flatMap(
    (method) => [
      call(method, null),
      call(method, {}),
      call(method, { id: 1, message: 1, pageSize: 'many', status: 'NONE', pageToken: {}, tenant: {} }),
    ],
  ),
  message({ parts: [1, null, {}] }),
  message({ parts: [{ text: {} }] }),
  message({ parts: [{ text: 1 }] }),
  message({ parts: [{ raw: 5, mediaType: {} }] }),
  message({ parts: [{ raw: { length: 2 ** 31 } }] }),
  message({ parts: [{ url: 'file:///etc/passwd' }] }),
  message({ parts: [{ text: 'a' }], contextId: 1, taskId: {} }),
  message({ parts: [{ text: 'a' }], contextId: 'x'.repeat(2_000) }),
  message({ messageId: 5, parts: [{ data: null }] }),
]

test.each([['/mcp'], ['/agents/echo/a2a']])('no body is a fault of the gateway: %s', async (path) => {
  const { post } = await serve({}, { echo: agent('echo') })
  const headers = {
    accept: 'application/json, text/event-stream',
    'a2a-version': '1.0',
    'content-type': 'application/json',
  }
  const statuses = await Promise.all(
    bodies.map(async (body) => {
      const answer = await post(path, body, { headers })
      const text = await answer.text()
      return { body, status: answer.status, isFault: answer.status >= 500 || /-32603|\n\s+at /.test(text), text }
    }),
  )
  expect(statuses.filter(({ isFault }) => isFault)).toEqual([])
  expect((await post('/agents/echo/run_sync', { prompt: 'still there' })).status).toBe(200)
})
