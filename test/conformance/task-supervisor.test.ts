/** Elixir's task/supervisor_test: tasks under a supervisor, linked and not, and streams of them. */
import { expect, onTestFinished } from 'vitest'
import { type AnyActorRef, createActor, setup } from 'xstate'
import { exit, exitReasonOf } from '../../src/machines/supervision/index.ts'
import { type ActorExit, monitor } from '../../src/machines/supervision/links.ts'
import { createTasks, type Tasks, type TasksOptions } from '../../src/machines/supervision/tasks.ts'
import { SteppedClock } from '../machines/stepped-clock.ts'
import { allOf } from '../machines/supervision/all-of.ts'
import { observersOf } from '../machines/supervision/mortal.ts'
import { conformanceCase } from './cases.ts'

const same = { suite: 'task/supervisor_test', verdict: 'same' } as const
const adapted = { suite: 'task/supervisor_test', verdict: 'adapted' } as const

interface Rig {
  tasks: Tasks
  clock: SteppedClock
  /** The process that calls: it traps exits. */
  caller: AnyActorRef
  exits: ActorExit[]
}

function rigOf(options: TasksOptions = {}): Rig {
  const clock = new SteppedClock()
  const tasks = createTasks(options, { clock })
  const exits: ActorExit[] = []
  const trapping = setup({ types: { events: {} as ActorExit } }).createMachine({
    on: { 'actor.exit': { actions: ({ event }) => exits.push(event) } },
  })
  onTestFinished(async () => {
    const stopped = tasks.stop()
    clock.advance(60_000)
    await stopped
    expect([tasks.children(), clock.pending]).toEqual([[], 0])
  })
  return { tasks, clock, caller: createActor(trapping).start(), exits }
}

const forever = () => new Promise<never>(() => undefined)

/** A function that says that it runs, and then waits to be let go. */
function waitAndSend() {
  const [ready, go] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const run = async () => {
    ready.resolve()
    await go.promise
    return 'done'
  }
  return { run, ready: ready.promise, go: go.resolve }
}

function downsOf(ref: AnyActorRef): unknown[] {
  const downs: unknown[] = []
  monitor(ref, ({ reason }) => downs.push(reason))
  return downs
}

conformanceCase({ ...same, name: 'counts and returns children', holds: 'without tasks there are none' }, () => {
  const { tasks } = rigOf()
  expect(tasks.children()).toEqual([])
  expect(tasks.supervisor.countChildren()).toEqual({ active: 0, specs: 0, supervisors: 0, workers: 0 })
})

conformanceCase(
  {
    ...same,
    name: 'spawns tasks under the supervisor',
    holds: 'linked to the caller; the result comes, then the end, normal',
  },
  async () => {
    const { tasks, caller, exits } = rigOf()
    const { run, ready, go } = waitAndSend()
    const task = await tasks.async(run, { owner: caller })
    expect(tasks.children()).toEqual([task.ref])
    const downs = downsOf(task.ref)
    await ready
    go()
    await expect(task.await()).resolves.toBe('done')
    expect(downs).toEqual(['normal'])
    // The link: the caller traps exits, and is told of a normal one, too.
    expect(exits).toEqual([{ type: 'actor.exit', from: task.ref, reason: 'normal' }])
  },
)

conformanceCase(
  {
    ...same,
    name: 'spawns a task under the supervisor without linking to the caller',
    holds: 'the result comes, then the end, normal',
  },
  async () => {
    const { tasks, caller, exits } = rigOf()
    const links = observersOf(caller)
    const { run, ready, go } = waitAndSend()
    const task = await tasks.asyncNolink(run)
    expect(tasks.children()).toEqual([task.ref])
    expect(observersOf(caller)).toBe(links)
    const downs = downsOf(task.ref)
    await ready
    go()
    await expect(task.await()).resolves.toBe('done')
    expect([downs, exits]).toEqual([['normal'], []])
  },
)

conformanceCase(
  { ...same, name: 'with custom shutdown', holds: 'a brutal one is killed when the supervisor ends, linked or not' },
  async () => {
    const { tasks, caller } = rigOf()
    const linked = await tasks.async(forever, { owner: caller, shutdownMs: 'brutal' })
    const alone = await tasks.asyncNolink(forever, { shutdownMs: 'brutal' })
    const downs = [downsOf(linked.ref), downsOf(alone.ref)]
    await tasks.stop('shutdown')
    expect(downs).toEqual([['killed'], ['killed']])
  },
)

conformanceCase(
  { ...same, name: 'raises when :max_children is reached', holds: 'the second of one is refused, linked or not' },
  async () => {
    const { tasks } = rigOf({ maxChildren: 1 })
    await tasks.async(forever)
    await expect(tasks.async(async () => 'ok')).rejects.toMatchObject({ code: 'SUPERVISOR_MAX_CHILDREN' })
    await expect(tasks.asyncNolink(async () => 'ok')).rejects.toMatchObject({ code: 'SUPERVISOR_MAX_CHILDREN' })
    expect(tasks.children()).toHaveLength(1)
  },
)

conformanceCase(
  { ...same, name: 'terminate_child/2', holds: 'the task is ended, and is no child any more' },
  async () => {
    const { tasks } = rigOf({ shutdownMs: 'brutal' })
    const task = await tasks.asyncNolink(forever)
    await tasks.supervisor.terminateChild(task.ref)
    expect(tasks.children()).toEqual([])
    expect(exitReasonOf(task.ref)).toBe('killed')
  },
)

conformanceCase(
  {
    ...adapted,
    name: 'demonitors and unalias on timeout',
    holds: 'an await of 0 ms fails, and hears nothing of the result that comes later',
    reason: 'A promise settles once; there is no mailbox in which a late answer could lie.',
  },
  async () => {
    const { tasks, clock } = rigOf()
    const { run, go } = waitAndSend()
    const task = await tasks.async(run)
    const settled: unknown[] = []
    const awaited = task.await(0).then(
      (value) => settled.push(value),
      ({ code }) => settled.push(code),
    )
    clock.advance(0)
    await awaited
    const downs = downsOf(task.ref)
    go()
    await task.yield()
    expect(settled).toEqual(['TASK_TIMEOUT'])
    expect(downs).toEqual(['normal'])
  },
)

for (const [name, run, reason] of [
  [
    'exits on task throw',
    () => {
      throw 'unknown'
    },
    'unknown',
  ],
  ['exits on task error', () => Promise.reject(new TypeError('oops')), new TypeError('oops')],
  ['exits on task exit', async () => exit('unknown'), 'unknown'],
] as const) {
  conformanceCase(
    { ...same, name, holds: 'await fails with the reason, of which the caller is told, too' },
    async () => {
      const { tasks, caller, exits } = rigOf()
      const task = await tasks.async<unknown>(run, { owner: caller })
      await expect(task.await()).rejects.toMatchObject({ code: 'TASK_EXITED', cause: reason })
      expect(exits).toEqual([{ type: 'actor.exit', from: task.ref, reason }])
    },
  )
}

/** The turn of the event loop in which an item ends; `forever` never does. */
const turns = async (item: number) => {
  if (!Number.isFinite(item)) return forever()
  for (let turn = 0; turn < item; turn++) await new Promise((resolve) => setImmediate(resolve))
  return item
}
const ok = (item: number) => ({ ok: true, value: item, item })

conformanceCase({ ...same, name: 'streams an enumerable with fun', holds: '1 to 4 give 1 to 4' }, async () => {
  const { tasks } = rigOf()
  await expect(allOf(tasks.stream([1, 2, 3, 4], turns))).resolves.toEqual([1, 2, 3, 4].map(ok))
})

conformanceCase(
  { ...same, name: 'streams an enumerable with slowest first', holds: 'the order is that of the items' },
  async () => {
    const { tasks } = rigOf()
    const options = { maxConcurrency: 4 }
    await expect(allOf(tasks.stream([4, 3, 2, 1], turns, options))).resolves.toEqual([4, 3, 2, 1].map(ok))
  },
)

conformanceCase(
  {
    ...same,
    name: 'streams an enumerable without leaking tasks',
    holds: 'afterwards there is neither a task nor a message',
  },
  async () => {
    const { tasks, clock, caller, exits } = rigOf()
    const before = observersOf(caller)
    const outcomes = await allOf(tasks.stream([1, 2, 3, 4], turns, { owner: caller }))
    expect(outcomes).toEqual([1, 2, 3, 4].map(ok))
    expect([tasks.children(), clock.pending, observersOf(caller)]).toEqual([[], 0, before])
    // One that traps exits is told of them: those are its links, not the stream's.
    expect(exits.map(({ reason }) => reason)).toEqual(['normal', 'normal', 'normal', 'normal'])
  },
)

conformanceCase({ ...same, name: 'streams an enumerable with exits', holds: 'each exit is an outcome' }, async () => {
  const { tasks } = rigOf()
  const outcomes = await allOf(tasks.stream([1, 2, 3, 4], async (item) => exit(String(item))))
  expect(outcomes).toEqual([1, 2, 3, 4].map((item) => ({ ok: false, reason: String(item), item })))
})

for (const name of ['shuts down unused tasks', 'shuts down unused tasks without leaking messages']) {
  conformanceCase({ ...same, name, holds: 'taking one of four ends the three that never would' }, async () => {
    const { tasks, clock, caller, exits } = rigOf({ shutdownMs: 'brutal' })
    const before = observersOf(caller)
    const infinity = Number.POSITIVE_INFINITY
    const taken: unknown[] = []
    let under: AnyActorRef[] = []
    for await (const outcome of tasks.stream([0, infinity, infinity, infinity], turns, { owner: caller })) {
      taken.push(outcome)
      under = tasks.children()
      break
    }
    expect(taken).toEqual([ok(0)])
    expect(under.map((ref) => exitReasonOf(ref))).toEqual(['killed', 'killed', 'killed'])
    expect([tasks.children(), clock.pending, observersOf(caller)]).toEqual([[], 0, before])
    expect(exits.map(({ reason }) => reason)).toEqual(['normal'])
  })
}

conformanceCase(
  {
    ...same,
    name: 'raises an error if :max_children is reached with clean stream shutdown',
    holds: 'the stream fails, and what it had started is ended',
  },
  async () => {
    const { tasks, caller } = rigOf({ maxChildren: 1, shutdownMs: 'brutal' })
    const before = observersOf(caller)
    const stream = tasks.stream([1, 2, 3], forever, { maxConcurrency: 2, owner: caller })
    await expect(allOf(stream)).rejects.toMatchObject({ code: 'SUPERVISOR_MAX_CHILDREN' })
    expect([tasks.children(), observersOf(caller)]).toEqual([[], before])
  },
)

conformanceCase(
  {
    ...same,
    name: 'with timeout and :zip_input_on_exit set to true',
    holds: 'the one that is too slow is killed, and named',
  },
  async () => {
    const { tasks, clock } = rigOf({ shutdownMs: 'brutal' })
    const options = { onTimeout: 'kill', timeoutMs: 50 } as const
    const stream = tasks.stream([1, 100], (item) => (item === 1 ? turns(item) : forever()), options)
    expect((await stream.next()).value).toEqual(ok(1))
    const second = stream.next()
    clock.advance(50)
    expect((await second).value).toEqual({ ok: false, reason: 'timeout', item: 100 })
    expect((await stream.next()).done).toBe(true)
  },
)

conformanceCase(
  {
    ...same,
    name: 'with outer halt on failure and :zip_input_on_exit',
    holds: 'of 8 that exit the first 4 are taken, each with its item',
  },
  async () => {
    const { tasks } = rigOf()
    const taken: unknown[] = []
    for await (const outcome of tasks.stream([1, 2, 3, 4, 5, 6, 7, 8], async (item) => exit(item))) {
      taken.push(outcome)
      if (taken.length === 4) break
    }
    expect(taken).toEqual([1, 2, 3, 4].map((item) => ({ ok: false, reason: item, item })))
    expect(tasks.children()).toEqual([])
  },
)
