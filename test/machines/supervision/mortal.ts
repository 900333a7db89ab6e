/**
 * Owns the small actors that the tests of this folder watch, link and register, and the ways in which they end.
 */
import { type Actor, type AnyActorRef, assign, createActor, setup } from 'xstate'
import { exit } from '../../../src/machines/supervision/exit.ts'

export const fault = new Error('a fault')

/** Ends when and as it is told. A `kept` event changes nothing. */
export const mortalMachine = setup({
  types: {
    context: {} as { reason: unknown },
    events: {} as { type: 'finish' } | { type: 'leave'; reason: unknown } | { type: 'crash' } | { type: 'kept' },
  },
  actions: {
    crash: () => {
      throw fault
    },
  },
}).createMachine({
  context: { reason: undefined },
  initial: 'alive',
  states: {
    alive: {
      on: {
        finish: 'finished',
        leave: { target: 'left', actions: assign({ reason: ({ event }) => event.reason }) },
        crash: { actions: 'crash' },
        kept: {},
      },
    },
    finished: { type: 'final' },
    left: { type: 'final' },
  },
  output: ({ context }) => (context.reason === undefined ? 'the result' : exit(context.reason)),
})

export type Mortal = Actor<typeof mortalMachine>

/** A root of its own, started. Somebody hears of its errors, so that they are no unhandled ones. */
export function mortal(id = 'mortal'): Mortal {
  const ref = createActor(mortalMachine, { id })
  ref.subscribe({ error: () => undefined })
  return ref.start()
}

/** How many observers an actor has: what a watch that is left behind would show. */
export const observersOf = (ref: AnyActorRef): number => (ref as unknown as { observers: Set<unknown> }).observers.size
