/** supervisor_SUITE: supervisors that are children of supervisors. */
import { expect } from 'vitest'
import {
  type ChildSpec,
  type SupervisorOptions,
  supervisorMachine,
  supervisorOf,
} from '../../src/machines/supervision/index.ts'
import { conformanceCase } from './cases.ts'
import { fake } from './fake-child.ts'
import { countsOf, crashes, expectAlive, idsOf, refOf, settle, started, startedRig } from './supervisor-rig.ts'

const four = { intensity: 4, periodMs: 3_600_000 } as const

function inner(id: string, options: SupervisorOptions, restart: 'permanent' | 'transient' = 'permanent'): ChildSpec {
  return {
    id,
    logic: supervisorMachine,
    input: { ...four, ...options },
    restart,
    shutdown: 'infinity',
    type: 'supervisor',
  }
}

conformanceCase(
  {
    suite: 'supervisor_SUITE',
    verdict: 'same',
    name: 'tree',
    holds: 'a supervisor that is restarted has its static children again, and none of the dynamic ones',
  },
  async () => {
    let starts = 0
    const startsOnce = () => (starts++ === 0 ? ('ok' as const) : { throws: new Error('function_clause') })
    const { supervisor: top } = await startedRig({ ...four, strategy: 'one_for_all' })
    const staticChildren = [fake('child1', { shutdown: 1000 }), fake('child2', { shutdown: 1000 })]
    const sup1 = supervisorOf(await started(top, inner('supchild1', { children: staticChildren })))
    const sup2 = supervisorOf(await started(top, inner('supchild2', {})))
    await started(top, inner('supchild3', {}, 'transient'))
    await top.terminateChild('supchild3')
    expect(countsOf(top)).toEqual([3, 2, 3, 0])
    const workers = [refOf(sup1, 'child1'), refOf(sup1, 'child2')]
    expect(countsOf(sup1)).toEqual([2, 2, 0, 2])
    expect(countsOf(sup2)).toEqual([0, 0, 0, 0])

    const third = await started(sup2, fake('child3', { shutdown: 1000, starts: startsOnce }))
    const fourth = await started(sup2, fake('child4', { shutdown: 1000 }))
    expect(countsOf(sup1)).toEqual([2, 2, 0, 2])
    expect(countsOf(sup2)).toEqual([2, 2, 0, 2])

    // Only the one that dies is replaced.
    await crashes(fourth)
    expectAlive(...workers, third)
    expect([refOf(sup1, 'child1'), refOf(sup1, 'child2')]).toEqual(workers)
    expect(refOf(sup2, 'child3')).toBe(third)
    expect(refOf(sup2, 'child4')).not.toBe(fourth)
    expect(countsOf(sup2)).toEqual([2, 2, 0, 2])

    // One that cannot be started again takes its supervisor down, and with it the tree.
    await crashes(third)
    await settle()
    expect(idsOf(top)).toEqual(['supchild1', 'supchild2', 'supchild3'])
    expect(countsOf(top)).toEqual([3, 3, 3, 0])
    const [new1, new2, new3] = idsOf(top).map((id) => supervisorOf(refOf(top, id))) as [
      typeof sup1,
      typeof sup1,
      typeof sup1,
    ]
    expect(new1.actor).not.toBe(sup1.actor)
    expect(new2.actor).not.toBe(sup2.actor)
    expect(idsOf(new1)).toEqual(['child1', 'child2'])
    expect(countsOf(new1)).toEqual([2, 2, 0, 2])
    expect(workers).not.toContain(refOf(new1, 'child1'))
    expect(new2.whichChildren()).toEqual([])
    expect(countsOf(new2)).toEqual([0, 0, 0, 0])
    expect(new3.whichChildren()).toEqual([])
    expect(countsOf(new3)).toEqual([0, 0, 0, 0])
  },
)
