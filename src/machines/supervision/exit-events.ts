/**
 * Owns how a machine hears of the ends of its children: by two types of events, whatever their ids. XState keeps something of
 * every type that a machine ever heard, for as long as the program runs, and names the end of each child after its id.
 */
import type { AnyEventObject, AnyStateMachine } from 'xstate'

/**
 * Makes a machine, and those that `provide` makes of it, hear `xstate.done.actor` and `xstate.error.actor`, which `xstate.done.actor.*`
 * and `xstate.error.actor.*` match. The child is named by the event's `actorId`.
 */
export function narrowExitEvents<Machine extends AnyStateMachine>(machine: Machine): Machine {
  const { transition, provide } = machine
  machine.transition = (snapshot, event, scope) => transition.call(machine, snapshot, narrowed(event), scope)
  machine.provide = (implementations) => narrowExitEvents(provide.call(machine, implementations))
  return machine
}

function narrowed(event: AnyEventObject): AnyEventObject {
  const type = /^xstate\.(?:done|error)\.actor(?=\.)/.exec(event.type)?.[0]
  return type === undefined ? event : { ...event, type }
}
