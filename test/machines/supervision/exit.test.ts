import { describe, expect, it } from 'vitest'
import { type AnyActorLogic, createActor, fromCallback, fromPromise, fromTransition } from 'xstate'
import { isOrderly, recordEnd, recordExit } from '../../../src/machines/supervision/exit.ts'
import { exit, exitReasonOf } from '../../../src/machines/supervision/index.ts'
import { settle } from '../agent-rig.ts'
import { worker } from './rig.ts'

function started(logic: AnyActorLogic) {
  const actor = createActor(logic)
  actor.subscribe({ error: () => {} })
  return actor.start()
}

describe('the reason of an exit', () => {
  it('is undefined while the actor lives', () => {
    expect(exitReasonOf(started(worker()))).toBeUndefined()
  })

  it.each(['normal', 'shutdown', { shutdown: 'info' }, 'anything', undefined])(
    'is what was given to exit(): %j',
    async (reason) => {
      const actor = started(fromPromise(() => Promise.resolve(exit(reason))))
      await settle()
      expect(exitReasonOf(actor)).toEqual(reason)
    },
  )

  it.each([undefined, 'shutdown', { reason: 'shutdown' }, null])(
    'is normal for the output %j, which is not from exit()',
    async (output) => {
      const actor = started(fromPromise(() => Promise.resolve(output)))
      await settle()
      expect(exitReasonOf(actor)).toBe('normal')
    },
  )

  it('is the error of a crash, also of one that is no Error', async () => {
    const actor = started(fromPromise(() => Promise.reject('a text')))
    await settle()
    expect(exitReasonOf(actor)).toBe('a text')
  })

  it('of an actor that was stopped is shutdown, or what was recorded before', () => {
    const [first, second] = [started(fromCallback(() => {})), started(fromCallback(() => {}))]
    recordExit(second, 'killed')
    expect(exitReasonOf(second)).toBeUndefined()
    first.stop()
    second.stop()
    expect([exitReasonOf(first), exitReasonOf(second)]).toEqual(['shutdown', 'killed'])
  })

  it('of logic that stays active when it is stopped is what was recorded, once its end was', () => {
    const actor = started(fromTransition((state: number) => state, 0))
    recordExit(actor, 'killed')
    actor.stop()
    expect(actor.getSnapshot().status).toBe('active')
    expect(exitReasonOf(actor)).toBeUndefined()
    recordEnd(actor)
    expect(exitReasonOf(actor)).toBe('killed')
  })
})

it.each([
  ['normal', true],
  ['shutdown', true],
  [{ shutdown: 1 }, true],
  [{ shutdown: undefined }, true],
  ['killed', false],
  ['boom', false],
  [undefined, false],
  [{}, false],
  [Object.assign(new Error('x'), { shutdown: true }), false],
])('%j is an orderly end: %s', (reason, expected) => {
  expect(isOrderly(reason)).toBe(expected)
})
