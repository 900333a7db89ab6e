/**
 * Owns the child that the cases supervise: a machine whose start, exits and answer to a shutdown the test decides. It has the parts of
 * OTP's supervisor_1 to supervisor_4 and supervisor_deadlock. Real processes belong to python-child.ts.
 */
import { type AnyActorRef, assign, setup } from 'xstate'
import { type ChildSpec, exit } from '../../src/machines/supervision/index.ts'

/** `wait`: it is active, but not ready, until `fake.ready`. `exit`: it ends before it has started. `throws`: its start throws. */
export type Start = 'ok' | 'wait' | { exit: unknown } | { throws: Error }

/** `hang` takes the event and does nothing; `untrapped` does not take it. */
export type OnShutdown = { exit: unknown; afterMs?: number } | 'hang' | 'untrapped'

export interface FakeInput {
  /** Asked at each start, by the actor that starts. Default: `ok`. */
  starts?: (self: AnyActorRef) => Start
  /** Default: it exits with `shutdown` at once. */
  onShutdown?: OnShutdown
  /** What a dynamic child was started with. */
  argument?: unknown
}

type FakeEvent =
  | { type: 'fake.ready' }
  | { type: 'fake.exit'; reason: unknown }
  | { type: 'fake.crash'; error: unknown }
  | { type: 'fake.sleep' }
  | { type: 'supervisor.shutdown' }

interface FakeContext {
  start: Start
  onShutdown: OnShutdown
  argument: unknown
  reason: unknown
}

function contextOf(
  { starts = () => 'ok', onShutdown = { exit: 'shutdown' }, argument }: FakeInput,
  self: AnyActorRef,
): FakeContext {
  const start = starts(self)
  if (typeof start === 'object' && 'throws' in start) throw start.throws
  const reason = typeof start === 'object' ? start.exit : undefined
  return { start, onShutdown, argument, reason }
}

/** What the child leaves behind: nothing where it ends normally. */
export const fakeChild = setup({
  types: {} as { context: FakeContext; input: FakeInput; events: FakeEvent; output: unknown },
  actions: {
    throwError: ({ event }) => {
      throw (event as { error: unknown }).error
    },
    sleepOn: () => {},
    keepReason: assign({ reason: ({ event }) => (event as { reason: unknown }).reason }),
    keepShutdownReason: assign({ reason: ({ context }) => (context.onShutdown as { exit: unknown }).exit }),
  },
  guards: {
    endsAtStart: ({ context }) => typeof context.start === 'object',
    waits: ({ context }) => context.start === 'wait',
    hangs: ({ context }) => context.onShutdown === 'hang',
    takesItsTime: ({ context }) => (context.onShutdown as { afterMs?: number }).afterMs !== undefined,
    isTrapping: ({ context }) => context.onShutdown !== 'untrapped',
  },
  delays: { farewell: ({ context }) => (context.onShutdown as { afterMs?: number }).afterMs ?? 0 },
}).createMachine({
  id: 'fake',
  context: ({ input, self }) => contextOf(input ?? {}, self),
  initial: 'starting',
  output: ({ context }: { context: FakeContext }) => (context.reason === 'normal' ? undefined : exit(context.reason)),
  on: {
    'fake.exit': { target: '.gone', actions: 'keepReason' },
    'fake.crash': { actions: 'throwError' },
  },
  states: {
    starting: {
      always: [{ guard: 'endsAtStart', target: 'gone' }, { guard: 'waits', target: 'waiting' }, { target: 'alive' }],
    },
    waiting: { on: { 'fake.ready': 'alive' } },
    alive: {
      on: {
        'fake.sleep': 'asleep',
        'supervisor.shutdown': [
          { guard: 'hangs', target: 'asleep' },
          { guard: 'takesItsTime', target: 'leaving', actions: 'keepShutdownReason' },
          { guard: 'isTrapping', target: 'gone', actions: 'keepShutdownReason' },
        ],
      },
    },
    // It traps exits and never looks into its mailbox.
    asleep: { on: { 'supervisor.shutdown': { actions: 'sleepOn' } } },
    leaving: { after: { farewell: 'gone' } },
    gone: { type: 'final' },
  },
})

/** A spec with the fake child as its logic. `starts` and `onShutdown` go to the child, everything else is the spec's. */
export function fake(
  id: string,
  { starts, onShutdown, ...spec }: Omit<Partial<ChildSpec>, 'id' | 'input'> & FakeInput = {},
): ChildSpec {
  const input = { ...(starts && { starts }), ...(onShutdown && { onShutdown }) }
  return { id, logic: fakeChild, input, ...spec }
}

/** As `spec.ready`: what the start of a child waits for whose start is `wait`. */
export const isAlive = (snapshot: { value?: unknown }): boolean => snapshot.value === 'alive'
