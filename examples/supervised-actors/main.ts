/**
 * A supervisor over plain XState machines, without Python: a child crashes, those that depend on it are restarted with it, and
 * a nested supervisor that gives up is started anew by the one above it.
 *
 *     node examples/supervised-actors/main.ts
 */
import {
  type ChildSpec,
  createSupervisor,
  exit,
  type Supervisor,
  supervisorMachine,
  supervisorOf,
} from 'axon-runtime/supervisor'
import { setup } from 'xstate'

/** A machine like any other: it crashes when an action throws. It can be asked to end, so it is not cut off. */
const worker = setup({
  types: { events: {} as { type: 'job.broken' } | { type: 'supervisor.shutdown' } },
  actions: {
    fail: () => {
      throw new Error('cannot be parsed')
    },
  },
}).createMachine({
  initial: 'working',
  states: {
    working: { on: { 'job.broken': { actions: 'fail' }, 'supervisor.shutdown': 'leaving' } },
    leaving: { type: 'final' },
  },
  output: exit('shutdown'),
})

const child = (id: string): ChildSpec => ({ id, logic: worker })

/** The parser feeds the indexer: where the parser is replaced, what was started after it is too. */
const pipeline: ChildSpec = {
  id: 'pipeline',
  logic: supervisorMachine,
  input: { strategy: 'rest_for_one', intensity: 1, children: [child('reader'), child('parser'), child('indexer')] },
}

const root = createSupervisor({ intensity: 3, children: [child('store'), pipeline] })
narrate('root', root)
root.actor.on('child.started', ({ id, ref }) => {
  if (id === 'pipeline') narrate('  pipeline', supervisorOf(ref))
})

await root.start()
await chapter('The parser crashes: it and the indexer are replaced, the reader goes on.', () => breakJob('parser'))
await chapter('It crashes again: too often for the pipeline, which gives up; the root starts it anew.', () =>
  breakJob('parser'),
)
await chapter('A child that is terminated by hand stays so until it is restarted by hand.', async () => {
  await root.terminateChild('store')
  console.log(show(root))
  await root.restartChild('store')
})
await chapter('The end: children stop in reverse order, then their supervisor.', () => root.stop())
console.log(`root ended: ${String(await root.exited)}`)

function inner(): Supervisor {
  const ref = root.getChild('pipeline')?.ref
  if (ref === undefined) throw new Error('The pipeline does not run.')
  return supervisorOf(ref)
}

function breakJob(id: string): void {
  inner().getChild(id)?.ref?.send({ type: 'job.broken' })
}

async function chapter(title: string, act: () => unknown): Promise<void> {
  console.log(`\n${title}`)
  await act()
  if (root.getChild('pipeline')?.ref !== undefined) console.log(`${show(root)}; in the pipeline ${show(inner())}`)
}

function show(supervisor: Supervisor): string {
  return supervisor
    .whichChildren()
    .map(({ id, state, restarts }) => `${id} ${state}${restarts > 0 ? ` (restarts: ${restarts})` : ''}`)
    .join(', ')
}

/** Every fact of a supervisor, as a line. */
function narrate(name: string, supervisor: Supervisor): void {
  supervisor.actor.on('*', (fact) => {
    const child = 'id' in fact ? ` ${fact.id}` : ''
    const reason =
      'reason' in fact ? `: ${fact.reason instanceof Error ? fact.reason.message : JSON.stringify(fact.reason)}` : ''
    console.log(`${name}: ${fact.type}${child}${reason}`)
  })
}
