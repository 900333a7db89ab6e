/**
 * Plays random sequences to the real supervisor and to the reference: after each step they must say the same of every child, of
 * every answer, of every start and end in its order, and of the end of the supervisor.
 */
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { exitReasonOf } from '../../../src/machines/supervision/index.ts'
import type { Command, Options, Spoiled } from './commands.ts'
import { Reference } from './reference.ts'
import { anyPlay } from './sequences.ts'
import { Stage } from './stage.ts'

it('any sequence of starts, ends, asks, changes and waits goes as OTP and its additions say', () => {
  fc.assert(
    fc.property(anyPlay, ([options, spoiled, commands]) => play(options, spoiled, commands)),
    { numRuns: 12_000 },
  )
})

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
