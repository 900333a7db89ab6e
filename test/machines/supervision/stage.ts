/**
 * Owns the real supervisor on which the property test plays: its children do what the specifications of the reference say, on
 * simulated time.
 */
import { createActor, fromCallback, setup } from 'xstate'
import type { Reply, SupervisorAsk } from '../../../src/machines/supervision/facts.ts'
import {
  type ChildSpec,
  exit,
  type SupervisorOptions,
  supervisorMachine,
} from '../../../src/machines/supervision/index.ts'
import { SteppedClock } from '../stepped-clock.ts'
import { type Ask, type Options, type Reason, type Spec, type Spoiled, startMs } from './commands.ts'

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

export class Stage {
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

  ask(command: Ask): void {
    const index = this.answers.push('waiting') - 1
    const reply: Reply<unknown> = (answer) => {
      const isStart = ['start', 'restart'].includes(command.type)
      this.answers[index] = !answer.ok ? answer.error.code : isStart && answer.value === undefined ? 'ignored' : 'ok'
    }
    this.actor.send(this.event(command, reply))
  }

  event(command: Ask, reply: Reply<unknown>): SupervisorAsk {
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
