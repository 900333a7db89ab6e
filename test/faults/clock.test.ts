/** A wall clock that is set while a system runs: what waits, waits as long as it was told to. */
import { execFile } from 'node:child_process'
import { globSync, readFileSync } from 'node:fs'
import { join, relative } from 'node:path'
import { promisify } from 'node:util'
import { DefaultChatTransport } from 'ai'
import { expect, onTestFinished, test, vi } from 'vitest'
import { agent, cacheDir, fixtures, root, scratch } from '../e2e/axon.ts'
import { serve, tokens } from '../gateway/gateway.ts'
import { Chat } from '../gateway/protocols/chat.ts'

test('a wall clock that jumps by days, in Node and in Python, changes no backoff, no deadline, no heartbeat and no kept answer', async ({
  signal,
}) => {
  const program = [join(fixtures, 'jumping.ts'), cacheDir, scratch()]
  const { stdout } = await promisify(execFile)(process.execPath, program, { signal, killSignal: 'SIGKILL' })
  const { backoffMs, deadline, ...rest } = JSON.parse(stdout)
  expect(rest).toEqual({ told: [], executed: ['once'], answered: ['well?', 'and you?'], hasJumped: true })
  // Timers of Node may be early by a millisecond.
  expect(backoffMs).toBeGreaterThan(1_490)
  expect(deadline.code).toBe('RUN_TIMEOUT')
  expect(deadline.elapsedMs).toBeGreaterThan(1_490)
})

test('a run whose client was told to come back waits as long as its approval, though the clock is set meanwhile', async () => {
  const { gateway, post } = await serve({}, { tooled: agent('tooled') })
  const realNow = Date.now
  let days = 0
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => realNow() + days++ * 24 * 60 * 60_000)
  onTestFinished(() => clock.mockRestore())
  const headers = { authorization: `Bearer ${tokens[0].token}` }
  const talk = new Chat({
    transport: new DefaultChatTransport({ api: `${gateway.url}/agents/tooled/ai-sdk`, headers }),
  })
  await talk.sendMessage({ text: JSON.stringify({ approve: 'pay', with: { euros: 5 } }) })
  const part = talk.messages.at(-1)?.parts.find(({ type }) => type === 'tool-pay')
  const { approval } = part as unknown as { approval: { id: string } }
  await talk.addToolApprovalResponse({ id: approval.id, approved: true })
  const rest = await post('/agents/tooled/ai-sdk', { messages: talk.messages })
  expect([rest.status, await rest.text()]).toEqual([200, expect.stringContaining('{"approved":true,')])
  expect(days).toBeGreaterThan(1)
})

/** Where the time of day is what is meant, and why. */
const timesOfDay: Record<string, string> = {
  'src/cli/dev.ts': 'shown',
  'src/cli/env.ts': 'shown',
  'src/cli/events.ts': 'shown',
  'src/gateway/protocols/a2a/messages.ts': 'told',
  'src/gateway/protocols/a2a/task-events.ts': 'told',
  'src/gateway/protocols/ag-ui/stream.ts': 'told',
  'src/gateway/protocols/answers.ts': 'told',
  'src/gateway/runs.ts': 'told',
  'src/inspector/live-page.ts': 'told',
  'src/inspector/xstate-frames.ts': 'told',
  'src/runtime/environment/inventory.ts': 'compared with the times of files',
  'src/runtime/environment/listings.ts': 'compared with the times of files',
  'src/runtime/environment/store.ts': 'the time of a file',
  'src/runtime/journal/opening.ts': 'a name',
  'src/runtime/journal/recall.ts': 'kept over boots',
  'src/runtime/journal/record.ts': 'kept over boots',
  'src/runtime/journal/recovery.ts': 'kept over boots',
  'src/runtime/journal/thread.ts': 'kept over boots',
  'src/runtime/operator/server.ts': 'told',
  'src/runtime/process/owner.ts': "compared with the times of other machines' files",
  'src/runtime/runs/run-id.ts': 'a name',
  'src/runtime/state/sweep.ts': "compared with the times of other machines' files",
  'src/runtime/telemetry/table.ts': 'told',
  'src/runtime/tools/approvals.ts': 'told',
  'python/src/axon_agent/logs.py': 'told',
  'python/src/axon_agent/messages.py': 'told',
}

test('the time of day is read where it is told, shown or kept over boots, and nowhere to measure how long something takes', () => {
  const files = [
    ...globSync(join(root, 'src/**/*.ts'), { exclude: (path) => path.endsWith('inspector/page') }),
    ...globSync(join(root, 'python/src/**/*.py')),
  ]
  expect(files.length).toBeGreaterThan(200)
  const readers = files.filter((file) =>
    /Date\.now|new Date\b|time\.time\(|datetime\b/.test(readFileSync(file, 'utf8')),
  )
  expect(readers.map((file) => relative(root, file)).sort()).toEqual(Object.keys(timesOfDay).sort())
})
