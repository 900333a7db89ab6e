import { expect, test } from 'vitest'
import type { AnyActorRef, InspectionEvent } from 'xstate'
import { agent, newAxon, next, rejection } from './axon.ts'

/** The ids of the actors, each with its parents' before it. */
function treeOf(refs: readonly AnyActorRef[]): string[] {
  const path = (ref: AnyActorRef | undefined): string =>
    ref === undefined ? '' : `${path((ref as unknown as { _parent?: AnyActorRef })._parent)}/${ref.id}`
  return [...new Set(refs.map(path))].sort()
}

test('the tree is that of the original design: the root, telemetry, topics, and of each agent its tasks, server and port', async () => {
  const refs: AnyActorRef[] = []
  const inspect = (event: InspectionEvent) => {
    if (event.type === '@xstate.actor') refs.push(event.actorRef as AnyActorRef)
  }
  const agents = { one: agent('echo'), two: agent('echo', { replicas: 2 }) }
  const axon = await newAxon({ agents, supervisors: { team: { agents: ['two'] } }, inspect }).start()
  await axon.agent('one').run({ prompt: 'hello' }, { run: 'first' })
  const tree = treeOf(refs)
  for (const path of [
    '/axon/telemetry',
    '/axon/pubsub',
    '/axon/groups',
    '/axon/tasks',
    '/axon/agent:one/tasks/run:first',
    '/axon/agent:one/server/0/port',
    '/axon/supervisor:team/agent:two/server/0/port',
    '/axon/supervisor:team/agent:two/server/1/port',
  ])
    expect(tree).toContain(path)
  expect(axon.actor.system.get('agent:two/1')).toBeDefined()
})

test('agents are in the groups of their definitions while they are in the system', async () => {
  const axon = await newAxon({ agents: { one: agent('echo', { groups: ['research', 'all'] }) } }).start()
  const members = (group: string) => axon.groups.members(group).map(({ id }) => id)
  await axon.spawn({ name: 'two', ...agent('echo', { groups: ['research'] }) })
  expect(members('research')).toEqual(['agent:one', 'agent:two'])
  expect(axon.groups.groups().sort()).toEqual(['all', 'research'])
  const left: unknown[] = []
  axon.groups.monitor('research', (event) => left.push(event.type))
  await axon.retire('one')
  expect(members('research')).toEqual(['agent:two'])
  expect(left).toEqual(['group.left'])
  await axon.apply({ agents: { two: agent('echo', { groups: ['other'] }) } })
  expect(axon.groups.groups()).toEqual(['other'])
})

test('topics and tasks of a system end with it', async () => {
  const axon = await newAxon({ agents: { one: agent('echo') } }).start()
  const heard: unknown[] = []
  axon.pubsub.subscribe('orders.*', ({ message }) => heard.push(message))
  axon.pubsub.publish('orders.created', 1)
  expect(heard).toEqual([1])
  const task = await axon.tasks.asyncNolink(async () => (await axon.agent('one').run({ prompt: 'hello' })).result)
  expect(await task.await()).toMatchObject({ prompt: 'hello' })
  const { promise: aborted, resolve } = Promise.withResolvers<void>()
  const closed = next(axon, 'system.closed')
  const endless = await axon.tasks.asyncNolink(
    (signal) => new Promise<void>(() => signal.addEventListener('abort', () => resolve())),
  )
  const outcome = rejection(endless.await())
  await axon.close()
  await Promise.all([aborted, closed])
  expect(await outcome).toMatchObject({ code: 'TASK_EXITED' })
  expect(() => axon.pubsub).toThrow(expect.objectContaining({ code: 'SUPERVISOR_CLOSED' }))
})
