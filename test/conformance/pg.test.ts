/** OTP's pg_SUITE: joining, leaving, ending and monitoring, within one process. The cases of clusters stand in not-applicable.ts. */
import { expect, onTestFinished } from 'vitest'
import { type AnyActorRef, createActor } from 'xstate'
import type { GroupEvent } from '../../src/machines/supervision/group-table.ts'
import { type Groups, type GroupsActor, groupsLogic, groupsOf } from '../../src/machines/supervision/groups.ts'
import { createSupervisor } from '../../src/machines/supervision/index.ts'
import { type Mortal, mortal } from '../machines/supervision/mortal.ts'
import { conformanceCase } from './cases.ts'

const same = { suite: 'pg_SUITE', verdict: 'same' } as const
const adapted = { suite: 'pg_SUITE', verdict: 'adapted' } as const
const oneNode = 'There is one node: what the original does on another one is done by another actor of this one.'

function scopeOf(): Groups {
  const actor = createActor(groupsLogic).start()
  onTestFinished(() => void actor.stop())
  return groupsOf(actor)
}

/** What a monitor is told, in the words of the original. */
function toldOf(): { told: unknown[]; listener: (event: GroupEvent) => void } {
  const told: unknown[] = []
  const listener = ({ type, group, refs }: GroupEvent) =>
    void told.push([type === 'group.joined' ? 'join' : 'leave', group, refs])
  return { told, listener }
}

const notRunning = expect.objectContaining({ code: 'ACTOR_NOT_RUNNING' })

conformanceCase({ ...same, name: 'pg', holds: 'join, members, groups, leave; then the group is gone' }, () => {
  const groups = scopeOf()
  const self = mortal()
  groups.join('pg', self)
  expect(groups.members('pg')).toEqual([self])
  expect(groups.groups()).toEqual(['pg'])
  expect(groups.leave('pg', self)).toBe(true)
  expect(groups.members('pg')).toEqual([])
  expect(groups.groups()).toEqual([])
})

conformanceCase(
  {
    ...same,
    name: 'single',
    holds: 'one that joined three times leaves three times; one that is killed is no member any more',
  },
  () => {
    const groups = scopeOf()
    const self = mortal()
    groups.join('single', self)
    groups.join('single', [self, self])
    expect(groups.members('single')).toEqual([self, self, self])
    expect(groups.leave('$missing$', self)).toBe(false)
    expect(groups.leave('single', [self, self])).toBe(true)
    expect(groups.leave('single', self)).toBe(true)
    expect(groups.groups()).toEqual([])
    expect(groups.members('single')).toEqual([])
    groups.join('single', self)
    const other = mortal()
    groups.join('single', other)
    expect(groups.members('single')).toEqual([self, other])
    other.stop()
    expect(groups.members('single')).toEqual([self])
    expect(groups.leave('single', self)).toBe(true)
  },
)

conformanceCase(
  {
    ...same,
    name: 'leave_exit_race',
    holds: 'a hundred that end before, between and after joining and leaving leave nothing',
  },
  () => {
    const groups = scopeOf()
    const moments: ((ref: Mortal) => void)[] = [
      (ref) => {
        ref.send({ type: 'finish' })
        groups.join('test', ref)
        groups.leave('test', ref)
      },
      (ref) => {
        groups.join('test', ref)
        ref.send({ type: 'finish' })
        expect(groups.leave('test', ref)).toBe(false)
      },
      (ref) => {
        groups.join('test', ref)
        expect(groups.leave('test', ref)).toBe(true)
        ref.send({ type: 'finish' })
      },
    ]
    for (let turn = 0; turn < 100; turn++) moments[turn % 3]?.(mortal())
    expect(groups.groups()).toEqual([])
    expect(groups.actor.getSnapshot()).toMatchObject({ status: 'active', context: { groups: 0, members: 0 } })
  },
)

conformanceCase(
  {
    ...adapted,
    name: 'process_owner_check',
    holds: 'what is not an actor of this process cannot join, alone or beside one that is',
    reason: 'There is one node: what stands for an actor elsewhere is an object that is none.',
  },
  () => {
    const groups = scopeOf()
    const local = mortal()
    const remote = { id: 'x:1', sessionId: 'x:1', send: () => undefined } as unknown as AnyActorRef
    for (const refs of [remote, [remote, remote], [local, remote], undefined, [undefined]]) {
      expect(() => groups.join('group', refs as AnyActorRef)).toThrow(notRunning)
    }
    expect(groups.groups()).toEqual([])
  },
)

conformanceCase(
  {
    ...adapted,
    name: 'empty_group_by_remote_leave',
    holds: 'a group whose last members leave, in any order, is deleted',
    reason: oneNode,
  },
  () => {
    const groups = scopeOf()
    const [one, two] = [mortal(), mortal()]
    groups.join('group', one)
    expect(groups.actor.getSnapshot().context).toEqual({ groups: 1, members: 1 })
    groups.leave('group', one)
    expect(groups.actor.getSnapshot().context).toEqual({ groups: 0, members: 0 })
    groups.join('group', [one, two])
    expect(groups.members('group')).toEqual([one, two])
    groups.leave('group', [two, one])
    expect([groups.members('group'), groups.groups()]).toEqual([[], []])
  },
)

conformanceCase(
  { ...adapted, name: 'double', holds: 'joining alone and in a list counts twice', reason: oneNode },
  () => {
    const groups = scopeOf()
    const ref = mortal()
    groups.join('double', ref)
    groups.join('double', [ref])
    expect(groups.members('double')).toEqual([ref, ref])
  },
)

conformanceCase(
  {
    ...adapted,
    name: 'scope_restart',
    holds: 'membership is lost when the process of the scope is started again',
    reason: oneNode,
  },
  async () => {
    const supervisor = createSupervisor({ children: [{ id: 'pg', logic: groupsLogic, systemId: 'pg' }] })
    await supervisor.start()
    const current = () => groupsOf(supervisor.actor.system.get('pg') as GroupsActor)
    const ref = mortal()
    const before = current()
    before.join('group', [ref, ref])
    expect(current().members('group')).toEqual([ref, ref])
    await supervisor.terminateChild('pg')
    await supervisor.restartChild('pg')
    expect(current().actor).not.toBe(before.actor)
    expect(current().members('group')).toEqual([])
    current().join('group', ref)
    expect([current().members('group'), before.members('group')]).toEqual([[ref], []])
    await supervisor.stop()
  },
)

conformanceCase(
  {
    ...adapted,
    name: 'missing_scope_join',
    holds: 'joining and leaving a scope that is not there is an error',
    reason: oneNode,
  },
  () => {
    const actor = createActor(groupsLogic).start()
    actor.stop()
    const ref = mortal()
    expect(() => groupsOf(actor).join('group', ref)).toThrow(notRunning)
    expect(() => groupsOf(actor).leave('group', ref)).toThrow(notRunning)
  },
)

conformanceCase(
  {
    ...adapted,
    name: 'group_leave',
    holds: 'of 16 joins 4 are undone and 12 are left; with the end of its owner all are gone',
    reason: oneNode,
  },
  () => {
    const groups = scopeOf()
    const ref = mortal()
    groups.join('two', new Array(16).fill(ref))
    groups.leave('two', new Array(4).fill(ref))
    expect(groups.members('two')).toEqual(new Array(12).fill(ref))
    ref.stop()
    expect(groups.members('two')).toEqual([])
  },
)

conformanceCase(
  {
    ...adapted,
    name: 'monitor_nonempty_scope',
    holds: 'a monitor of the scope gives all its groups, each time',
    reason: oneNode,
  },
  () => {
    const groups = scopeOf()
    const refs = [mortal(), mortal()]
    groups.join('one', refs)
    const monitor = groups.monitorScope(() => undefined)
    expect(monitor.snapshot).toEqual(new Map([['one', refs]]))
    monitor.unmonitor()
    expect(groups.monitorScope(() => undefined).snapshot).toEqual(monitor.snapshot)
  },
)

/** The cases `monitor` and `monitor_scope` differ in the monitor only. */
function monitorsOf(monitorIn: (groups: Groups, listener: (event: GroupEvent) => void) => { unmonitor(): boolean }) {
  const groups = scopeOf()
  const [self, other] = [mortal(), mortal()]
  const first = toldOf()
  const { unmonitor } = monitorIn(groups, first.listener)
  groups.join('group', self)
  const second = toldOf()
  const { unmonitor: unmonitorSecond } = monitorIn(groups, second.listener)
  groups.join('group', [other, other])
  groups.leave('group', self)
  groups.leave('group', other)
  const seen = [
    ['join', 'group', [other, other]],
    ['leave', 'group', [self]],
    ['leave', 'group', [other]],
  ]
  expect(second.told).toEqual(seen)
  expect(first.told).toEqual([['join', 'group', [self]], ...seen])
  expect(unmonitorSecond()).toBe(true)
  other.stop()
  expect(first.told.at(-1)).toEqual(['leave', 'group', [other]])
  expect([first.told.length, second.told.length]).toEqual([5, 3])
  expect(unmonitor()).toBe(true)
  expect(unmonitor()).toBe(false)
  groups.join('group', self)
  expect(first.told).toHaveLength(5)
}

conformanceCase(
  {
    ...adapted,
    name: 'monitor',
    holds: 'joins and leaves of one group are told in order, and none after demonitor',
    reason: oneNode,
  },
  () => monitorsOf((groups, listener) => groups.monitor('group', listener)),
)

conformanceCase(
  {
    ...adapted,
    name: 'monitor_scope',
    holds: 'joins and leaves of the scope are told in order, and none after demonitor',
    reason: oneNode,
  },
  () => monitorsOf((groups, listener) => groups.monitorScope(listener)),
)

conformanceCase(
  { ...same, name: 'monitor_self', holds: 'a process that monitors the group that it joins may end' },
  () => {
    const groups = scopeOf()
    const self = mortal()
    groups.monitor('group', self)
    groups.join('group', self)
    self.send({ type: 'finish' })
    expect(groups.members('group')).toEqual([])
    expect(groups.actor.getSnapshot().status).toBe('active')
  },
)

conformanceCase(
  {
    ...same,
    name: 'multi_monitor',
    holds: 'one process monitors two groups and their scope, and hears of each join once from each',
  },
  () => {
    const groups = scopeOf()
    const self = mortal()
    const [one, two, scope] = [toldOf(), toldOf(), toldOf()]
    expect(groups.monitor('one', one.listener).snapshot).toEqual([])
    expect(groups.monitor('two', two.listener).snapshot).toEqual([])
    groups.monitorScope(scope.listener)
    groups.join('one', self)
    groups.join('two', self)
    expect(one.told).toEqual([['join', 'one', [self]]])
    expect(two.told).toEqual([['join', 'two', [self]]])
    expect(scope.told).toEqual([...one.told, ...two.told])
  },
)
