import { join } from 'node:path'
import { beforeAll, expect, test } from 'vitest'
import * as z from 'zod'
import { type AgentOptions, type RunStreamEvent, tool } from '../../src/index.ts'
import { agent, makeEnvironment, newAxon, next, pydanticAi, rejection, scratch } from './axon.ts'
import { eventsOf } from './events-of.ts'

beforeAll(() => makeEnvironment(pydanticAi))

const ask = (asked: object) => ({ prompt: JSON.stringify(asked) })
const callRefund = ask({ call: 'refund', with: { id: '7', amount: 20 } })

/** An agent with a tool that needs an approval; `refunded` has the calls that were let through. */
async function shop(options: Partial<AgentOptions> = {}, needsApproval: boolean | 'above 10' = true) {
  const refunded: string[] = []
  const refund = tool({
    description: 'Pays an order back',
    input: z.object({ id: z.string(), amount: z.number().default(0) }),
    needsApproval: needsApproval === 'above 10' ? ({ amount }) => amount > 10 : needsApproval,
    execute: ({ id }) => {
      refunded.push(id)
      return `refunded ${id}`
    },
  })
  const journal = { path: join(scratch(), 'journal.db') }
  const agents = { shop: agent('tooled', { tools: { refund }, ...options }) }
  return { axon: await newAxon({ journal, agents }).start(), refunded }
}

test('a call that needs an approval waits in the lookup of its run, and is made once it is approved', async () => {
  const { axon, refunded } = await shop()
  const asked = next(axon, 'tool.approval')
  const running = axon.agent('shop').run(callRefund, { run: 'r1' })
  const { run, id, tool: name, arguments: given, dueAt } = await asked
  expect({ run, name, given }).toEqual({ run: 'r1', name: 'refund', given: { id: '7', amount: 20 } })
  expect(dueAt - Date.now()).toBeGreaterThan(500_000)
  expect(axon.runs.approvals()).toMatchObject([{ agent: 'shop', run, id, tool: 'refund', dueAt }])
  expect(await axon.runs.get('r1')).toMatchObject({ status: 'sent', approvals: [{ id }] })
  expect(refunded).toEqual([])
  const approved = next(axon, 'tool.approved')
  axon.runs.approve(run, id)
  expect(await approved).toMatchObject({ run, id, tool: 'refund' })
  expect((await running).result).toBe('refunded 7')
  expect(axon.runs.approvals()).toEqual([])
  expect(await axon.runs.get('r1')).not.toHaveProperty('approvals')
})

test('a call that is denied is not made, and the agent is told why', async () => {
  const { axon, refunded } = await shop()
  const asked = next(axon, 'tool.approval')
  const running = axon.agent('shop').run(callRefund)
  const { run, id } = await asked
  const denied = next(axon, 'tool.denied')
  axon.runs.deny(run, id, { message: 'Not on Sundays.' })
  expect(await denied).toMatchObject({ why: 'asked', message: 'Not on Sundays.' })
  expect((await running).result).toMatchObject({ code: 'TOOL_DENIED', message: 'Not on Sundays.' })
  expect(refunded).toEqual([])
})

test('an approval that nobody gives in time is denied', async () => {
  const { axon, refunded } = await shop({ approvalMs: 100 })
  const denied = next(axon, 'tool.denied')
  expect((await axon.agent('shop').run(callRefund)).result).toMatchObject({ code: 'TOOL_DENIED' })
  expect((await denied).why).toBe('expired')
  expect(refunded).toEqual([])
})

test('an approval is given once, to a call that waits; by event, what comes to nothing is told as event.refused', async () => {
  const { axon } = await shop()
  const asked = next(axon, 'tool.approval')
  const running = axon.agent('shop').run(callRefund)
  const { run, id } = await asked
  axon.actor.send({ type: 'run.approve', run, id })
  expect((await running).result).toBe('refunded 7')
  const unknown = { code: 'TOOL_APPROVAL_UNKNOWN', context: { run, id } }
  expect(() => axon.runs.approve(run, id)).toThrow(expect.objectContaining(unknown))
  const refused = next(axon, 'event.refused')
  axon.actor.send({ type: 'run.deny', run, id, message: 'too late' })
  expect(await refused).toMatchObject({ event: 'run.deny', error: unknown })
})

test('whether an approval is needed may be asked of the input', async () => {
  const { axon } = await shop({}, 'above 10')
  const small = ask({ call: 'refund', with: { id: '8', amount: 5 } })
  expect((await axon.agent('shop').run(small)).result).toBe('refunded 8')
  const asked = next(axon, 'tool.approval')
  const running = axon.agent('shop').run(callRefund)
  const { run, id } = await asked
  axon.runs.approve(run, id)
  expect((await running).result).toBe('refunded 7')
})

test('the stream of a run that waits for a person tells so, and the answer may be given from the event', async () => {
  const { axon } = await shop()
  const events: RunStreamEvent[] = []
  const stream = axon.agent('shop').stream(callRefund)
  for await (const event of stream) {
    events.push(event)
    if (event.event === 'tool.approval') axon.runs.approve(stream.id, event.data.id)
  }
  const given = { name: 'refund', arguments: { id: '7', amount: 20 }, due_at: expect.any(Number) }
  expect(events).toMatchObject([
    { event: 'run.started' },
    { event: 'tool.approval', data: given },
    { event: 'run.result', data: { result: 'refunded 7' } },
  ])
  expect(events.map(({ id }) => id)).toEqual([1, 2, 3])
})

test('a listener that approves at once still leaves the event in the stream', async () => {
  const { axon } = await shop()
  axon.on('tool.approval', ({ run, id }) => axon.runs.approve(run, id))
  const events = await eventsOf(axon.agent('shop').stream(callRefund))
  expect(events.map(({ event }) => event)).toEqual(['run.started', 'tool.approval', 'run.result'])
})

test('a run that waits for a person is not ended by the timeouts of its connection, as a whole or as a stream', async () => {
  const timeouts = { firstByteMs: 1_000, idleMs: 20_000 }
  const { axon } = await shop({ timeouts })
  for (const how of ['whole', 'stream']) {
    const asked = next(axon, 'tool.approval')
    const handle = axon.agent('shop')
    const running = how === 'whole' ? handle.run(callRefund) : handle.stream(callRefund).result
    const { run, id } = await asked
    // Longer than firstByteMs, which undici looks at now and then.
    const late = next(axon, 'process.heartbeat').then(() => next(axon, 'process.heartbeat'))
    await late
    axon.runs.approve(run, id)
    expect((await running).result).toBe('refunded 7')
  }
})

test('an error that comes after a wait for a person is the error of its run', async () => {
  const { axon } = await shop()
  const asked = next(axon, 'tool.approval')
  const running = rejection(axon.agent('shop').run(ask({ call: 'refund', with: { id: '7' }, raise: 'afterwards' })))
  const { run, id } = await asked
  axon.runs.deny(run, id)
  expect(await running).toMatchObject({ code: 'AGENT_RAISED', kind: 'ValueError', started: true })
})

test('a run that is cancelled while it waits leaves nothing to approve', async () => {
  const { axon, refunded } = await shop()
  const asked = next(axon, 'tool.approval')
  const controller = new AbortController()
  const running = rejection(axon.agent('shop').run(callRefund, { signal: controller.signal }))
  const { run, id } = await asked
  const failed = next(axon, 'tool.failed')
  controller.abort()
  expect(await running).toMatchObject({ code: 'RUN_CANCELLED' })
  await failed
  expect(axon.runs.approvals()).toEqual([])
  expect(() => axon.runs.approve(run, id)).toThrow(expect.objectContaining({ code: 'TOOL_APPROVAL_UNKNOWN' }))
  expect(refunded).toEqual([])
})

test('code in Python asks a person about what it is to do itself', async () => {
  const { axon } = await shop()
  const asked = next(axon, 'tool.approval')
  const running = axon.agent('shop').run(ask({ approve: 'send_mail', with: { to: 'ada' } }))
  const { run, id, tool: name, arguments: given } = await asked
  expect([name, given]).toEqual(['send_mail', { to: 'ada' }])
  axon.runs.deny(run, id, { message: 'ask her first' })
  expect((await running).result).toEqual({ approved: false, message: 'ask her first' })
})

test("pydantic-ai's own requires_approval waits for a person, with its call and its result in the stream", async () => {
  const options = { dependencies: pydanticAi, env: { WITH_REFUND: 'yes' } }
  const axon = await newAxon({ agents: { support: agent('tool_user', options) } }).start()
  for (const approved of [true, false]) {
    const events: RunStreamEvent[] = []
    const stream = axon.agent('support').stream({ prompt: 'hi' })
    for await (const event of stream) {
      events.push(event)
      if (event.event !== 'tool.approval') continue
      if (approved) axon.runs.approve(stream.id, event.data.id)
      else axon.runs.deny(stream.id, event.data.id, { message: 'not today' })
    }
    const of = events.filter(({ event }) => event.startsWith('tool.'))
    expect(of).toMatchObject([
      { event: 'tool.call', data: { name: 'refund' } },
      { event: 'tool.approval', data: { name: 'refund', arguments: { id: 'a' } } },
      { event: 'tool.result', data: { result: approved ? 'refunded a' : 'not today' } },
    ])
    expect(new Set(of.map(({ data }) => (data as { id: string }).id)).size).toBe(1)
  }
})
