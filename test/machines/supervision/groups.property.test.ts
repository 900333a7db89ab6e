import fc from 'fast-check'
import { expect, it } from 'vitest'
import { type AnyActorRef, createActor } from 'xstate'
import type { GroupEvent } from '../../../src/machines/supervision/group-table.ts'
import { groupsLogic, groupsOf } from '../../../src/machines/supervision/groups.ts'
import { mortal } from './mortal.ts'

const names = ['a', 'b', 'c'] as const
const actorCount = 4

const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      does: fc.constantFrom('join', 'leave'),
      group: fc.constantFrom(...names),
      who: fc.array(fc.nat(actorCount - 1), { minLength: 1, maxLength: 3 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ does: fc.constant('end'), who: fc.nat(actorCount - 1) }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('monitor'), group: fc.constantFrom(...names, undefined) }) },
)

/** A list from which one joins and leaves by hand: the plainest form of a group. */
class Reference {
  readonly lists = new Map<string, AnyActorRef[]>()

  members(group: string): AnyActorRef[] {
    return this.lists.get(group) ?? []
  }

  set(group: string, members: AnyActorRef[]): void {
    if (members.length > 0) this.lists.set(group, members)
    else this.lists.delete(group)
  }

  apply({ type, group, refs }: Pick<GroupEvent, 'type' | 'group' | 'refs'>): void {
    const members = [...this.members(group)]
    for (const ref of refs) {
      if (type === 'group.joined') members.push(ref)
      else if (members.includes(ref)) members.splice(members.indexOf(ref), 1)
    }
    this.set(group, members)
  }
}

const sorted = (refs: readonly AnyActorRef[]) => refs.map(({ sessionId }) => sessionId).sort()
const contentOf = (lists: ReadonlyMap<string, readonly AnyActorRef[]>) =>
  [...lists].map(([group, refs]) => [group, sorted(refs)] as const).sort(([one], [other]) => one.localeCompare(other))

it('groups agree with plain lists, and every monitor’s snapshot with what it was told since, over random sequences', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const actor = createActor(groupsLogic).start()
      const groups = groupsOf(actor)
      const refs = Array.from({ length: actorCount }, (_, index) => mortal(`mortal ${index}`))
      const expected = new Reference()
      const monitors: { group: string | undefined; seen: Reference }[] = []
      for (const one of steps) {
        if (one.does === 'end') {
          const ref = refs[one.who as number] as (typeof refs)[number]
          ref.stop()
          for (const name of names)
            expected.set(
              name,
              expected.members(name).filter((other) => other !== ref),
            )
        } else if (one.does === 'monitor') {
          const { group } = one as { group: string | undefined }
          const seen = new Reference()
          const listener = (event: GroupEvent) => seen.apply(event)
          if (group === undefined) {
            for (const [name, members] of groups.monitorScope(listener).snapshot) seen.set(name, [...members])
          } else seen.set(group, [...groups.monitor(group, listener).snapshot])
          monitors.push({ group, seen })
        } else {
          const { does, group, who } = one as { does: 'join' | 'leave'; group: string; who: number[] }
          const chosen = who.map((index) => refs[index] as AnyActorRef)
          const wasMember = chosen.some((ref) => expected.members(group).includes(ref))
          if (does === 'join') groups.join(group, chosen)
          else expect(groups.leave(group, chosen)).toBe(wasMember)
          const living = does === 'join' ? chosen.filter((ref) => ref.getSnapshot().status === 'active') : chosen
          expected.apply({ type: does === 'join' ? 'group.joined' : 'group.left', group, refs: living })
        }
        expect(contentOf(new Map(groups.groups().map((name) => [name, groups.members(name)])))).toEqual(
          contentOf(expected.lists),
        )
        for (const { group, seen } of monitors) {
          const ofMonitor = [...expected.lists].filter(([name]) => group === undefined || name === group)
          expect(contentOf(seen.lists)).toEqual(contentOf(new Map(ofMonitor)))
        }
      }
      const members = new Set([...expected.lists.values()].flat())
      expect(actor.getSnapshot().context).toEqual({ groups: expected.lists.size, members: members.size })
      actor.stop()
    }),
    { numRuns: 200 },
  )
})
