/**
 * Owns the journal of a running system: it is opened with its root, and what it finds is given to the runs.
 */
import type { AgentDefinition } from '../../machines/definition.ts'
import type { RunFact } from '../../machines/facts.ts'
import type { JournalSettings } from '../config/journal.ts'
import type { Resources } from '../resources.ts'
import type { Dispatcher } from '../runs/dispatcher.ts'
import type { Telemetry } from '../telemetry/telemetry.ts'
import { Journal } from './journal.ts'
import { Recovery } from './recovery.ts'

export interface JournalSurroundings {
  resources: Resources
  telemetry: Telemetry
  /** What is told of runs. */
  tell: (fact: RunFact) => void
  definitionOf: (agent: string) => AgentDefinition | undefined
  dispatcher: () => Dispatcher
}

const journals = new WeakMap<object, Journal>()

/** The journal of an actor system; undefined where it has none. */
export function journalOf(system: object): Journal | undefined {
  return journals.get(system)
}

/** Opens the journal of an actor system. What was found is taken up when the agents are there, in a later turn. */
export function attachJournal(system: object, settings: JournalSettings, around: JournalSurroundings): Journal {
  const { resources, telemetry, tell, definitionOf, dispatcher } = around
  const recovery: Recovery = new Recovery({
    definitionOf,
    record: (run) => journal.adopt(run),
    resume: (run, record) => dispatcher().recover(run, record),
    tell: (fact) => (fact.type === 'run.settled' ? tell(fact) : resources.tell(fact)),
  })
  const journal: Journal = new Journal({
    settings,
    system: resources.id,
    clock: resources.clock,
    tell: resources.tell,
    recover: (unfinished) => recovery.begin(unfinished),
  })
  // An agent of a supervisor is made a moment after it is told.
  telemetry.on('agent.spawned', ({ agent }) => setImmediate(() => recovery.welcome(agent)))
  journals.set(system, journal)
  return journal
}
