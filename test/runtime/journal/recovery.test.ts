import { expect, test } from 'vitest'
import type { AgentDefinition } from '../../../src/machines/definition.ts'
import type { UnfinishedRun } from '../../../src/runtime/journal/messages.ts'
import type { JournalRecord, Settlement } from '../../../src/runtime/journal/record.ts'
import { Recovery } from '../../../src/runtime/journal/recovery.ts'
import { definitionOf } from '../../machines/samples.ts'

/** A system in which agents come and go, and what is done with the runs that were found. */
class RecoveryRig {
  readonly agents = new Map<string, AgentDefinition>()
  readonly resumed: string[] = []
  readonly recorded: string[] = []
  readonly told: unknown[] = []
  readonly recovery = new Recovery({
    definitionOf: (agent) => this.agents.get(agent),
    record: ({ run }) => {
      const settled = async ({ status }: Settlement) => void this.recorded.push(`${run} ${status}`)
      return { settled } as unknown as JournalRecord
    },
    resume: ({ run }) => this.resumed.push(run),
    tell: (fact) => this.told.push(fact),
  })

  add(name: string, isIdempotent = false): void {
    this.agents.set(name, { ...definitionOf(name), idempotent: isIdempotent } as AgentDefinition)
  }
}

function found(run: string, changes: Partial<UnfinishedRun> = {}): UnfinishedRun {
  const about = { agent: 'writer', isIdempotent: false, status: 'sent', attempt: 1, body: '{}' } as const
  const unsaid = { runMs: undefined, affinity: undefined, parent: undefined }
  return { key: 0, run, ...about, createdAt: Date.now() - 1_000, ...unsaid, ...changes }
}

test('what waited is run, and what was sent is settled as interrupted, with nobody knowing whether it began', async () => {
  const rig = new RecoveryRig()
  rig.add('writer')
  await rig.recovery.begin([found('a'), found('b', { status: 'queued' })])
  expect(rig.resumed).toEqual(['b'])
  expect(rig.recorded).toEqual(['a interrupted'])
  expect(rig.told).toEqual([
    {
      type: 'run.settled',
      agent: 'writer',
      run: 'a',
      status: 'interrupted',
      started: undefined,
      attempt: 1,
      durationMs: expect.closeTo(1_000, -3),
      error: expect.objectContaining({ code: 'RUN_INTERRUPTED', started: undefined, run: 'a' }),
    },
    { type: 'journal.recovered', resumed: 1, interrupted: 1 },
  ])
})

test.each([
  ['was idempotent and is', true, true, { resumed: ['a'], recorded: [] }],
  ['was idempotent and is not', true, false, { resumed: [], recorded: ['a interrupted'] }],
  ['was not idempotent and is', false, true, { resumed: [], recorded: ['a interrupted'] }],
])('a run that was sent to an agent that %s', async (_, was, is, outcome) => {
  const rig = new RecoveryRig()
  rig.add('writer', is)
  await rig.recovery.begin([found('a', { isIdempotent: was })])
  expect({ resumed: rig.resumed, recorded: rig.recorded }).toEqual(outcome)
})

test('a child is not run without the run that waited for it, also where its agent is idempotent', async () => {
  const rig = new RecoveryRig()
  rig.add('writer', true)
  const waited = found('b', { status: 'queued', parent: 'a' })
  await rig.recovery.begin([found('a'), waited, found('c', { isIdempotent: true, parent: 'a' })])
  expect(rig.resumed).toEqual([])
  expect(rig.recorded).toEqual(['a interrupted', 'b interrupted', 'c interrupted'])
  expect(rig.told).toContainEqual(
    expect.objectContaining({ run: 'b', started: false, error: expect.objectContaining({ code: 'RUN_INTERRUPTED' }) }),
  )
})

test('a run that waited for an agent that is not there waits until it comes', async () => {
  const rig = new RecoveryRig()
  await rig.recovery.begin([found('a', { status: 'queued' }), found('b', { isIdempotent: true })])
  expect(rig.told).toEqual([{ type: 'journal.recovered', resumed: 2, interrupted: 0 }])
  rig.recovery.welcome('writer')
  rig.add('reader')
  rig.recovery.welcome('reader')
  expect(rig.resumed).toEqual([])
  rig.add('writer')
  rig.recovery.welcome('writer')
  rig.recovery.welcome('writer')
  expect(rig.resumed).toEqual(['a'])
  expect(rig.recorded).toEqual(['b interrupted'])
})

test('where nothing is found nothing is told', async () => {
  const rig = new RecoveryRig()
  await rig.recovery.begin([])
  expect(rig.told).toEqual([])
})
