/**
 * Plays random sequences to the real supervisor and to the reference: after each step they must say the same of every child, of
 * every answer, of every start and end in its order, and of the end of the supervisor.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { createActor, fromCallback, setup } from 'xstate'
import type { Reply, SupervisorAsk } from '../../../src/machines/supervision/facts.ts'
import {
  type ChildSpec,
  exit,
  exitReasonOf,
  type SupervisorOptions,
  supervisorMachine,
} from '../../../src/machines/supervision/index.ts'
import { SteppedClock } from '../stepped-clock.ts'
import { type Command, type Options, type Reason, Reference, type Spec, type Spoiled, startMs } from './reference.ts'

interface World {
  log: string[]
  spoiled: Map<string, { how: Spoiled; times: number }>
}

const outputs: Record<Exclude<Reason, 'crash'>, unknown> = {
  normal: undefined,
  shutdown: exit('shutdown'),
  'shutdown info': exit({ shutdown: 'info' }),
  boom: exit('boom'),
  hopeless: exit('hopeless'),
}

/** What a child of the reference is in reality. */
const puppet = (asked: Spec['asked']) =>
  setup({
    types: {
      context: {} as { spec: Spec; world: World; how: Spoiled | undefined; reason: Exclude<Reason, 'crash'> },
      input: {} as { spec: Spec; world: World },
      events: {} as { type: 'exit'; reason: Reason } | { type: 'supervisor.shutdown' } | { type: 'ready' },
    },
    actors: {
      life: fromCallback<{ type: 'x' }, { spec: Spec; world: World }>(({ input: { spec, world } }) => {
        world.log.push(`start ${spec.id}`)
        return () => void world.log.push(`end ${spec.id}`)
      }),
    },
    delays: { readyMs: ({ context }) => context.spec.readyMs ?? 0 },
  }).createMachine({
    context: ({ input: { spec, world } }) => {
      const spoiled = world.spoiled.get(spec.id)
      const isSpoiled = spoiled !== undefined && spoiled.times > 0
      if (isSpoiled) spoiled.times -= 1
      const how = isSpoiled ? spoiled.how : undefined
      if (how === 'hopeless') throw 'hopeless'
      if (how === 'fails') throw new Error('no start')
      return { spec, world, how, reason: 'normal' }
    },
    initial: 'new',
    states: {
      new: {
        always: [{ guard: ({ context }) => context.how === 'ignores', target: 'ignored' }, 'alive'],
      },
      alive: {
        invoke: { src: 'life', input: ({ context: { spec, world } }) => ({ spec, world }) },
        initial: 'early',
        states: { early: { after: { readyMs: 'ready' } }, ready: {} },
        on: {
          exit: [
            {
              guard: ({ event }) => event.reason === 'crash',
              actions: () => {
                throw new Error('crash')
              },
            },
            { target: 'ended', actions: ({ context, event }) => void Object.assign(context, { reason: event.reason }) },
          ],
          ...(asked === 'ends' ? { 'supervisor.shutdown': 'ended' } : {}),
          ...(asked === 'stays' ? { 'supervisor.shutdown': { actions: () => {} } } : {}),
        },
      },
      ended: { type: 'final' },
      ignored: { type: 'final' },
    },
    output: ({ context }) => (context.how === 'ignores' ? exit('ignore') : outputs[context.reason]),
  })

const puppets = { ends: puppet('ends'), stays: puppet('stays'), cannot: puppet('cannot') }

class Stage {
  readonly clock = new SteppedClock()
  readonly world: World = { log: [], spoiled: new Map() }
  readonly answers: string[] = []
  readonly actor

  constructor(options: Options) {
    this.actor = createActor(supervisorMachine, { clock: this.clock, input: this.options(options) })
  }

  options({ children, maxChildren, ...rest }: Options): SupervisorOptions {
    return {
      ...rest,
      ...(rest.strategy === 'simple_one_for_one'
        ? { maxChildren }
        : { children: children.map((spec) => this.spec(spec)) }),
      isRestartable: (reason) => reason !== 'hopeless',
      random: () => 1,
    }
  }

  spec(spec: Spec): ChildSpec {
    const { id, restart, significant, shutdown, readyMs, asked } = spec
    const ready = (snapshot: { matches: (value: unknown) => boolean }) => snapshot.matches({ alive: 'ready' })
    return {
      ...{ id, restart, significant, shutdown, logic: puppets[asked], input: { spec, world: this.world } },
      ...(readyMs === undefined ? {} : { ready, startMs }),
    }
  }

  get supervision() {
    return this.actor.getSnapshot().context.supervision
  }

  exit(id: string, reason: Reason): void {
    this.supervision.child(id)?.ref?.send({ type: 'exit', reason })
  }

  ask(command: Parameters<Reference['ask']>[0]): void {
    const index = this.answers.push('waiting') - 1
    const reply: Reply<unknown> = (answer) => {
      const isStart = ['start', 'restart'].includes(command.type)
      this.answers[index] = !answer.ok ? answer.error.code : isStart && answer.value === undefined ? 'ignored' : 'ok'
    }
    this.actor.send(this.event(command, reply))
  }

  event(command: Parameters<Reference['ask']>[0], reply: Reply<unknown>): SupervisorAsk {
    switch (command.type) {
      case 'start':
        return { type: 'supervisor.startChild', spec: this.spec(command.spec), reply }
      case 'change':
        return { type: 'supervisor.change', options: this.options(command.options), reply }
      case 'stop':
        return { type: 'supervisor.stop', reply }
      default:
        return { type: `supervisor.${command.type}Child`, id: command.id, reply }
    }
  }
}

function play(options: Options, spoiled: [string, Spoiled][], commands: readonly Command[]): void {
  const stage = new Stage(options)
  const isSimple = options.strategy === 'simple_one_for_one'
  for (const [id, how] of spoiled) stage.world.spoiled.set(id, { how, times: 1 })
  const reference = new Reference(options, spoiled)
  stage.actor.start()
  compare(stage, reference, isSimple)
  for (const [index, command] of commands.entries()) {
    if (reference.over !== undefined && reference.isIdle) break
    act(isSimple ? named(command, index, reference) : command, stage, reference)
    if (reference.isIdle) compare(stage, reference, isSimple)
  }
  stage.clock.advance(60_000)
  reference.advance(60_000)
  compare(stage, reference, isSimple)
}

/** Dynamic children may have the name of another; what they are called then is no matter of the reference. */
function named(command: Command, index: number, { isIdle, kids }: Reference): Command {
  if (command.type !== 'start' || (isIdle && !kids.some(({ id }) => id === command.spec.id))) return command
  return { ...command, spec: { ...command.spec, id: `${command.spec.id}${index}` } }
}

function act(command: Command, stage: Stage, reference: Reference): void {
  switch (command.type) {
    case 'tick':
      stage.clock.advance(command.ms)
      return reference.advance(command.ms)
    case 'spoil':
      if (!reference.isIdle) return
      for (const { spoiled } of [stage.world, reference])
        spoiled.set(command.id, { how: command.how, times: command.times })
      return
    case 'exit': {
      // The reference does an operation at once: nobody ends by itself in the middle of one.
      const { running } = reference
      const kid = running[command.child % running.length]
      if (kid === undefined || !reference.isIdle) return
      stage.exit(kid.id, command.reason)
      return reference.exit(kid, command.reason)
    }
    default:
      if (reference.over !== undefined) return
      stage.ask(command)
      reference.ask(command)
  }
}

function compare(stage: Stage, reference: Reference, isSimple: boolean): void {
  if (!reference.isIdle) return
  // The order in which dynamic children end is undefined.
  const logOf = (log: readonly string[]) => (isSimple ? [...log].sort() : log)
  const isOver = stage.actor.getSnapshot().status !== 'active'
  const reason = exitReasonOf(stage.actor) as { shutdown?: { failed_to_start_child?: { id: string } } } | undefined
  const failed = reason?.shutdown?.failed_to_start_child
  expect({
    children: stage.supervision.children().map(({ id, state, ref }) => `${id} ${state}${ref ? ' alive' : ''}`),
    answers: stage.answers,
    over: isOver ? (failed ? `failed to start ${failed.id}` : reason) : undefined,
    log: logOf(stage.world.log),
  }).toEqual({
    children: reference.kids.map(({ id, state }) => `${id} ${state}${state === 'running' ? ' alive' : ''}`),
    answers: reference.answers,
    over: reference.over,
    log: logOf(reference.log),
  })
}

const ids = ['a', 'b', 'c', 'd', 'e'] as const
const anySpec = fc.record({
  id: fc.constantFrom(...ids),
  restart: fc.constantFrom('permanent' as const, 'transient' as const, 'temporary' as const),
  significant: fc.boolean(),
  shutdown: fc.constantFrom(701, 1303, 'brutal' as const),
  asked: fc.constantFrom('ends' as const, 'ends' as const, 'stays' as const, 'cannot' as const),
  readyMs: fc.constantFrom(undefined, undefined, undefined, 307, 1009),
})
const fitting = (spec: Spec, { autoShutdown }: { autoShutdown: string }): Spec => ({
  ...spec,
  significant: spec.significant && spec.restart !== 'permanent' && autoShutdown !== 'never',
})
const anyOptions = fc
  .record({
    strategy: fc.constantFrom(...(['one_for_one', 'one_for_all', 'rest_for_one', 'simple_one_for_one'] as const)),
    intensity: fc.constantFrom(0, 1, 1, 2, 3, 5),
    periodMs: fc.constantFrom(1000, 5000),
    autoShutdown: fc.constantFrom(
      'never' as const,
      'never' as const,
      'any_significant' as const,
      'all_significant' as const,
    ),
    maxChildren: fc.constantFrom(undefined, undefined, 2),
    backoff: fc.constantFrom(
      undefined,
      undefined,
      { firstMs: 0, baseMs: 431, maxMs: 1201, stableMs: 2003 },
      { firstMs: 113, baseMs: 227, maxMs: 613, stableMs: 2003 },
    ),
    coolDownMs: fc.constantFrom(undefined, undefined, 3001),
    children: fc.uniqueArray(anySpec, { maxLength: 4, selector: ({ id }) => id }),
  })
  .map((options): Options => {
    const isSimple = options.strategy === 'simple_one_for_one'
    const autoShutdown = isSimple ? 'never' : options.autoShutdown
    const children = isSimple ? [] : options.children.map((spec) => fitting(spec, { autoShutdown }))
    return { ...options, autoShutdown, children }
  })

const reasons: readonly Reason[] = [
  'normal',
  'shutdown',
  'shutdown info',
  'boom',
  'crash',
  'crash',
  'crash',
  'hopeless',
]
const anySpoiled = fc.constantFrom('fails' as const, 'fails' as const, 'ignores' as const, 'hopeless' as const)
const anyCommand = (first: Options): fc.Arbitrary<Command> =>
  fc.oneof(
    {
      weight: 24,
      arbitrary: fc.record({
        type: fc.constant('exit' as const),
        child: fc.nat(4),
        reason: fc.constantFrom(...reasons),
      }),
    },
    { weight: 15, arbitrary: anySpec.map((spec) => ({ type: 'start' as const, spec: fitting(spec, first) })) },
    {
      weight: 18,
      arbitrary: fc.record({
        type: fc.constantFrom('terminate' as const, 'delete' as const, 'restart' as const),
        id: fc.constantFrom(...ids),
      }),
    },
    {
      weight: 3,
      arbitrary: anyOptions.map((options): Command => {
        const isSimple = first.strategy === 'simple_one_for_one'
        const strategy = isSimple
          ? first.strategy
          : options.strategy === 'simple_one_for_one'
            ? 'one_for_all'
            : options.strategy
        return {
          type: 'change',
          options: { ...options, strategy, ...(isSimple ? { autoShutdown: 'never', children: [] } : {}) },
        }
      }),
    },
    {
      weight: 12,
      arbitrary: fc.record({
        type: fc.constant('spoil' as const),
        id: fc.constantFrom(...ids),
        how: anySpoiled,
        times: fc.integer({ min: 1, max: 4 }),
      }),
    },
    { weight: 18, arbitrary: fc.constantFrom(0, 50, 500, 1500, 5000).map((ms) => ({ type: 'tick' as const, ms })) },
    { weight: 1, arbitrary: fc.constant({ type: 'stop' as const }) },
  )

const runs = 20_000

it('any sequence of starts, ends, asks, changes and waits goes as OTP and its additions say', () => {
  const anyPlay = anyOptions.chain((options) =>
    fc.tuple(
      fc.constant(options),
      fc.array(fc.tuple(fc.constantFrom(...ids), anySpoiled), { maxLength: 1 }),
      fc.array(anyCommand(options), { minLength: 1, maxLength: 30 }),
    ),
  )
  fc.assert(
    fc.property(anyPlay, ([options, spoiled, commands]) => play(options, spoiled, commands)),
    { numRuns: runs },
  )
})
