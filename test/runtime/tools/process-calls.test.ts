import { expect, test } from 'vitest'
import * as z from 'zod'
import type { AgentDefinition } from '../../../src/machines/definition.ts'
import type { NodeFrame } from '../../../src/protocol/control.ts'
import { maxCalls } from '../../../src/runtime/tools/process-calls.ts'
import { type Tool, type ToolContext, tool } from '../../../src/runtime/tools/tool.ts'
import { type FakeProcess, RunRig, settle } from '../runs/rig.ts'

/** An agent with one tool, `pay`, whose calls are held until the test ends them. */
class ToolRig extends RunRig {
  readonly held: { input: unknown; context: ToolContext; end: (result: unknown) => void }[] = []
  readonly pay: Tool

  constructor(changes: Partial<AgentDefinition> = {}, needsApproval = false) {
    super(changes)
    this.pay = tool({
      description: 'Pays',
      input: z.object({ amount: z.number() }),
      needsApproval,
      timeoutMs: 1_000,
      execute: (input, context) => new Promise((end) => this.held.push({ input, context, end })),
    })
    const definition = this.definitions.get('writer') as AgentDefinition
    this.definitions.set('writer', { ...definition, tools: { pay: this.pay } })
  }
}

const amount = { amount: 1 }

function invoke(
  process: FakeProcess,
  changes: Partial<Record<'run' | 'id' | 'tool', string>> & { attempt?: number } = {},
) {
  const named = { run: 'r1', attempt: 1, id: 'c1', tool: 'pay', ...changes }
  process.link.listener?.onTool({ type: 'tool.invoke', ...named, arguments: amount })
}

/** What the process was told of tools. */
const toldOf = (process: FakeProcess) =>
  process.told.filter((frame): frame is Extract<NodeFrame, { id: string }> => 'id' in frame)

/** A run that is under way on a process. */
async function underWay(rig: ToolRig, run = 'r1') {
  const process = rig.ready()
  const result = rig.run(run)
  result.catch(() => {})
  process.receipt(run)
  await settle()
  return { process, result }
}

const foreign: [string, Parameters<typeof invoke>[1], string][] = [
  ['a run that is not there', { run: 'r2' }, 'TOOL_CANCELLED'],
  ['another attempt of the run', { attempt: 2 }, 'TOOL_CANCELLED'],
  ['a tool that the agent does not have', { tool: 'rob' }, 'TOOL_UNKNOWN'],
  ['a name that every object has', { tool: 'constructor' }, 'TOOL_UNKNOWN'],
]

test.each(foreign)('a call of %s is answered by an error, and runs nothing', async (_, changes, code) => {
  const rig = new ToolRig()
  const { process } = await underWay(rig)
  invoke(process, changes)
  await settle()
  expect(toldOf(process)).toMatchObject([{ type: 'tool.returned', id: 'c1', error: { code } }])
  expect(rig.held).toEqual([])
})

test('a run of another process cannot be spoken for', async () => {
  const rig = new ToolRig()
  await underWay(rig)
  const other = rig.ready(1, 1)
  invoke(other)
  await settle()
  expect(toldOf(other)).toMatchObject([{ error: { code: 'TOOL_CANCELLED' } }])
  expect(rig.held).toEqual([])
})

test('an id that is in use is refused, and the call that has it goes on', async () => {
  const rig = new ToolRig()
  const { process } = await underWay(rig)
  invoke(process)
  invoke(process)
  await settle()
  expect(toldOf(process)).toMatchObject([{ error: { code: 'TOOL_CANCELLED' } }])
  rig.held[0]?.end('paid')
  await settle()
  expect(toldOf(process)[1]).toMatchObject({ type: 'tool.returned', run: 'r1', attempt: 1, id: 'c1', result: 'paid' })
})

test('a process has a bounded number of calls, and functions that heed no signal count until they return', async () => {
  const rig = new ToolRig()
  const { process } = await underWay(rig)
  for (let call = 0; call <= maxCalls; call += 1) invoke(process, { id: `c${call}` })
  await settle()
  expect(rig.held).toHaveLength(maxCalls)
  expect(toldOf(process)).toMatchObject([{ id: `c${maxCalls}`, error: { code: 'TOOL_REJECTED' } }])
  rig.clock.increment(1_000)
  await settle()
  invoke(process, { id: 'late' })
  expect(toldOf(process).at(-1)).toMatchObject({ id: 'late', error: { code: 'TOOL_REJECTED' } })
  for (const { end } of rig.held) end('paid')
  await settle()
  invoke(process, { id: 'later' })
  await settle()
  expect(rig.held).toHaveLength(maxCalls + 1)
})

const ends: [string, (rig: ToolRig, process: FakeProcess) => void][] = [
  [
    'the process takes it back',
    (_, process) => process.link.listener?.onTool({ type: 'tool.cancel', run: 'r1', attempt: 1, id: 'c1' }),
  ],
  ['its attempt has ended', (_, process) => process.settled('r1')],
  ['its run is cancelled', (rig) => rig.dispatcher.hear({ type: 'run.cancel', run: 'r1' })],
  ['its run has its answer', (rig) => rig.call().succeed()],
  ['the process is gone', (_, process) => process.bury()],
  ['its time is over', (rig) => rig.clock.increment(1_000)],
]

test.each(ends)('when %s its signal is aborted, what it made ends, and no timer is left', async (_, end) => {
  const rig = new ToolRig()
  const { process } = await underWay(rig)
  invoke(process)
  await settle()
  const { context, end: late } = rig.held[0] as (typeof rig.held)[0]
  expect(context.signal.aborted).toBe(false)
  end(rig, process)
  await settle()
  expect([context.signal.aborted, context.run.signal.aborted]).toEqual([true, true])
  // The function goes on, and holds nothing.
  rig.dispatcher.close()
  await settle()
  expect(rig.clock.pending).toBe(0)
  late('too late')
  await settle()
  expect(toldOf(process).filter((frame) => 'result' in frame)).toEqual([])
  expect(rig.told('tool.called')).toHaveLength(1)
  expect(rig.told('tool.failed')).toHaveLength(1)
})

test('a run that a tool makes has its parent, its depth, and no more time than that has left', async () => {
  const rig = new ToolRig()
  const { process } = await underWay(rig)
  invoke(process)
  await settle()
  const { context, end } = rig.held[0] as (typeof rig.held)[0]
  const child = context.axon.agent('writer').run({ prompt: 'go on' }, { run: 'child' })
  await settle()
  expect(rig.told('run.accepted').at(-1)).toMatchObject({ run: 'child', parent: 'r1' })
  expect(rig.call().call.deadlineMs).toBeLessThan(60_000)
  // The tool does not wait for it: it ends with the call.
  end('paid')
  await expect(child).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
  expect(context.signal.aborted).toBe(false)
  await expect(context.axon.agent('writer').run({ prompt: 'later' })).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
})

test('a run that others wait for goes on without the parent that began it', async () => {
  const rig = new ToolRig()
  const { process } = await underWay(rig)
  invoke(process)
  await settle()
  const { context, end } = rig.held[0] as (typeof rig.held)[0]
  const child = context.axon.agent('writer').run({ prompt: 'hi' }, { run: 'child', idempotencyKey: 'k' })
  const other = rig.ask('k')
  await settle()
  end('paid')
  await expect(child).rejects.toMatchObject({ code: 'RUN_CANCELLED' })
  rig.call().succeed()
  expect(await other).toMatchObject({ result: 'done' })
})

test.each(ends.slice(0, 5))('when %s nobody can approve its call any more, and it is not made', async (_, end) => {
  const rig = new ToolRig({}, true)
  const { process } = await underWay(rig)
  invoke(process)
  await settle()
  expect(rig.dispatcher.approvals.pending()).toMatchObject([{ run: 'r1', id: 'c1' }])
  end(rig, process)
  await settle()
  expect(rig.dispatcher.approvals.pending()).toEqual([])
  rig.dispatcher.hear({ type: 'run.approve', run: 'r1', id: 'c1' })
  await settle()
  expect(rig.told('event.refused')).toMatchObject([{ error: { code: 'TOOL_APPROVAL_UNKNOWN' } }])
  expect(rig.held).toEqual([])
})

test('an approval waits until the end of its run at most, and is then nobody else’s', async () => {
  const rig = new ToolRig({ approvalMs: 500_000 }, true)
  const { process } = await underWay(rig)
  invoke(process)
  await settle()
  const [asked] = rig.told('tool.approval')
  expect(toldOf(process)).toMatchObject([{ type: 'tool.pending', dueAt: asked?.dueAt }])
  expect((asked?.dueAt ?? 0) - Date.now()).toBeLessThanOrEqual(60_000)
  rig.call().succeed()
  await settle()
  expect(rig.dispatcher.approvals.pending()).toEqual([])
  rig.dispatcher.hear({ type: 'run.approve', run: 'r1', id: 'c1' })
  expect(rig.told('event.refused')).toMatchObject([{ error: { code: 'TOOL_APPROVAL_UNKNOWN' } }])
  expect(rig.held).toEqual([])
  rig.dispatcher.close()
  await settle()
  expect(rig.clock.pending).toBe(0)
})
