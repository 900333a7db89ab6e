import { afterEach, describe, expect, it } from 'vitest'
import { type AnyActorRef, createActor, createMachine, enqueueActions, waitFor } from 'xstate'
import { exit, exitReasonOf } from '../../../src/machines/supervision/exit.ts'
import { link, monitor } from '../../../src/machines/supervision/links.ts'
import { supervisorMachine } from '../../../src/machines/supervision/machine.ts'
import {
  createTasks,
  type Tasks,
  type TasksOptions,
  taskSupervisorOptions,
  tasksOf,
} from '../../../src/machines/supervision/tasks.ts'
import { SteppedClock } from '../stepped-clock.ts'
import { fault, mortal } from './mortal.ts'

const open = new Set<Tasks>()
afterEach(async () => {
  for (const tasks of open) await tasks.stop()
  open.clear()
})

const tasksWith = (options: TasksOptions = {}) => {
  const clock = new SteppedClock()
  // What a test has left under way does not keep it waiting.
  const tasks = createTasks({ shutdownMs: 'brutal', ...options }, { clock })
  open.add(tasks)
  return { tasks, clock }
}

const never = () => new Promise<never>(() => undefined)
/** Ends when it is asked to. */
const obedient = (signal: AbortSignal) =>
  new Promise<never>((_, reject) => signal.addEventListener('abort', () => reject(signal.reason)))

describe('a task', () => {
  it('gives its result, also more than once and after its end', async () => {
    const { tasks } = tasksWith()
    const task = await tasks.async(async () => 'the result')
    await expect(task.await()).resolves.toBe('the result')
    await expect(task.await()).resolves.toBe('the result')
    await expect(task.yield(0)).resolves.toEqual({ ok: true, value: 'the result' })
  })

  it('is an actor below the supervisor while it is under way, with the id that it was given', async () => {
    const { tasks } = tasksWith()
    const named = await tasks.async(never, { id: 'summary' })
    const again = await tasks.async(never, { id: 'summary' })
    const { promise, resolve } = Promise.withResolvers<number>()
    const short = await tasks.async(() => promise)
    expect(tasks.children()).toEqual([named.ref, again.ref, short.ref])
    expect(named.ref.id).toBe('summary')
    expect(named.ref._parent).toBe(tasks.supervisor.actor)
    resolve(7)
    await short.await()
    expect(tasks.children()).toEqual([named.ref, again.ref])
    expect(tasks.supervisor.countChildren()).toMatchObject({ active: 2, workers: 2 })
  })

  it.each<[string, () => unknown, unknown]>([
    ['rejects', () => Promise.reject(fault), fault],
    [
      'throws',
      () => {
        throw fault
      },
      fault,
    ],
    ['exits with a reason', async () => exit('tired'), 'tired'],
  ])('whose function %s has no result: await says so with the cause, yield with the reason', async (_, run, reason) => {
    const { tasks } = tasksWith()
    const task = await tasks.async(run)
    await expect(task.await()).rejects.toMatchObject({
      code: 'TASK_EXITED',
      cause: reason,
      context: { task: task.ref.id },
    })
    await expect(task.yield()).resolves.toEqual({ ok: false, reason })
    expect(exitReasonOf(task.ref)).toBe(reason)
    expect(tasks.supervisor.countChildren().active).toBe(0)
  })

  it('goes on when it is not done in time', async () => {
    const { tasks, clock } = tasksWith()
    const { promise, resolve } = Promise.withResolvers<string>()
    const task = await tasks.async(() => promise)
    const awaited = task.await(100)
    const yielded = task.yield(100)
    clock.advance(100)
    await expect(awaited).rejects.toMatchObject({ code: 'TASK_TIMEOUT', retryable: true, context: { timeoutMs: 100 } })
    await expect(yielded).resolves.toBeUndefined()
    resolve('late')
    await expect(task.await('infinity')).resolves.toBe('late')
    expect(clock.pending).toBe(0)
  })

  it('is called in a turn of its own, and may start others', async () => {
    const { tasks } = tasksWith()
    const outer = await tasks.async(async () => {
      const inner = await tasks.async(async () => 20)
      return (await inner.await()) + 1
    })
    await expect(outer.await()).resolves.toBe(21)
  })

  it('is refused above maxChildren, and after the end of the supervisor', async () => {
    const { tasks } = tasksWith({ maxChildren: 1 })
    await tasks.async(never)
    await expect(tasks.async(never)).rejects.toMatchObject({ code: 'SUPERVISOR_MAX_CHILDREN' })
    await expect(tasks.asyncNolink(never)).rejects.toMatchObject({ code: 'SUPERVISOR_MAX_CHILDREN' })
    await tasks.stop()
    await expect(tasks.async(never)).rejects.toMatchObject({ code: 'SUPERVISOR_CLOSED' })
  })
})

describe('the owner of a task', () => {
  it('ends with it when it crashes, and not when it is done', async () => {
    const { tasks } = tasksWith()
    const [first, second] = [mortal(), mortal()]
    const done = await tasks.async(async () => 1, { owner: first })
    await done.await()
    expect(exitReasonOf(first)).toBeUndefined()
    const crashed = await tasks.async(() => Promise.reject(fault), { owner: second })
    await crashed.yield()
    expect(exitReasonOf(second)).toBe(fault)
  })

  it('takes the task with it, whose signal is aborted', async () => {
    const { tasks } = tasksWith()
    const owner = mortal()
    let signal: AbortSignal | undefined
    const task = await tasks.async(
      (given) => {
        signal = given
        return never()
      },
      { owner },
    )
    await Promise.resolve()
    owner.send({ type: 'crash' })
    expect(signal?.aborted).toBe(true)
    await expect(task.yield()).resolves.toEqual({ ok: false, reason: fault })
    expect(tasks.children()).toEqual([])
  })

  it('that has ended already has no task', async () => {
    const { tasks } = tasksWith()
    const owner = mortal()
    owner.stop()
    let isCalled = false
    const refused = { code: 'SUPERVISOR_START_FAILED', context: { reason: 'noproc' } }
    await expect(tasks.async(() => (isCalled = true), { owner })).rejects.toMatchObject(refused)
    expect([isCalled, tasks.children()]).toEqual([false, []])
  })

  it('has nothing to do with a task that is not linked', async () => {
    const { tasks } = tasksWith()
    const owner = mortal()
    const task = await tasks.asyncNolink(() => Promise.reject(fault), { owner } as never)
    await task.yield()
    expect(exitReasonOf(owner)).toBeUndefined()
  })

  it('may shut the task down without ending itself', async () => {
    const { tasks } = tasksWith()
    const owner = mortal()
    const task = await tasks.async(obedient, { owner })
    await expect(task.shutdown()).resolves.toBeUndefined()
    expect(exitReasonOf(owner)).toBeUndefined()
  })
})

describe('shutdown', () => {
  it('aborts the signal, and ends a function that obeys in order', async () => {
    const { tasks, clock } = tasksWith()
    const task = await tasks.async(obedient)
    await expect(task.shutdown()).resolves.toBeUndefined()
    expect(exitReasonOf(task.ref)).toBe('shutdown')
    expect(clock.pending).toBe(0)
  })

  it('gives a result that comes all the same, and the reason of a crash', async () => {
    const { tasks } = tasksWith()
    const late = await tasks.async(
      (signal) => new Promise((resolve) => signal.addEventListener('abort', () => resolve('saved'))),
    )
    await expect(late.shutdown()).resolves.toEqual({ ok: true, value: 'saved' })
    const crashing = await tasks.async(
      (signal) => new Promise((_, reject) => signal.addEventListener('abort', () => reject(fault))),
    )
    await expect(crashing.shutdown()).resolves.toEqual({ ok: false, reason: fault })
    await expect(late.shutdown()).resolves.toEqual({ ok: true, value: 'saved' })
  })

  it('kills a function that does not listen when its time is up, and its late result is nobody’s', async () => {
    const { tasks, clock } = tasksWith()
    const { promise, resolve } = Promise.withResolvers<string>()
    const task = await tasks.async(() => promise)
    const downs: unknown[] = []
    monitor(task.ref, ({ reason }) => downs.push(reason))
    const ended = task.shutdown(1000)
    await Promise.resolve()
    clock.advance(999)
    expect(downs).toEqual([])
    clock.advance(1)
    await expect(ended).resolves.toBeUndefined()
    resolve('too late')
    await promise
    expect(downs).toEqual(['killed'])
    expect(tasks.supervisor.countChildren()).toMatchObject({ active: 0, workers: 0 })
  })

  it('kills at once where it is to be brutal, with the signal aborted', async () => {
    const { tasks } = tasksWith()
    let signal: AbortSignal | undefined
    const task = await tasks.async((given) => {
      signal = given
      return never()
    })
    await Promise.resolve()
    await expect(task.shutdown('brutal')).resolves.toBeUndefined()
    expect([exitReasonOf(task.ref), signal?.aborted]).toEqual(['killed', true])
  })

  it('of the supervisor gives all tasks their time together, and kills those that do not listen', async () => {
    const { tasks, clock } = tasksWith({ shutdownMs: 2000 })
    const [good, deaf] = [await tasks.async(obedient), await tasks.async(never)]
    const brutal = await tasks.async(obedient, { shutdownMs: 'brutal' })
    const stopped = tasks.stop()
    await expect(good.yield()).resolves.toEqual({ ok: false, reason: 'shutdown' })
    clock.advance(2000)
    await stopped
    expect([good, deaf, brutal].map(({ ref }) => exitReasonOf(ref))).toEqual(['shutdown', 'killed', 'killed'])
  })
})

describe('tasks over a supervisor of a tree', () => {
  it('are its children', async () => {
    const root = createActor(
      createMachine({
        context: {} as { tasks: AnyActorRef | undefined },
        entry: enqueueActions(({ enqueue, self }) => {
          const tasks = createActor(supervisorMachine, { parent: self, id: 'tasks', input: taskSupervisorOptions() })
          enqueue.assign({ tasks })
          enqueue(() => tasks.start())
        }),
      }),
    ).start()
    const ref = root.getSnapshot().context.tasks as AnyActorRef
    await waitFor(ref, (snapshot) => snapshot.value === 'running')
    const tasks = tasksOf(ref, { shutdownMs: 'brutal' })
    const task = await tasks.async(never)
    expect([task.ref._parent, task.ref.system]).toEqual([ref, root.system])
    const parent = mortal()
    link(parent, task.ref)
    await tasks.stop()
    expect(exitReasonOf(parent)).toBe('killed')
  })
})
