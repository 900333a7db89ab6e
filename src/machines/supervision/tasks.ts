/**
 * Owns tasks in the manner of Elixir's Task.Supervisor: async functions as temporary children of a supervisor. One task is task.ts,
 * many over a sequence are task-stream.ts, and the supervisor is supervisor.ts.
 */
import type { ActorOptions, AnyActorRef } from 'xstate'
import type { ExitReason } from './exit.ts'
import type { supervisorMachine } from './machine.ts'
import type { SupervisorOptions } from './spec.ts'
import { createSupervisor, type Supervisor, supervisorOf } from './supervisor.ts'
import { type Task, type TaskFunction, type TaskInput, taskLogic, taskOf } from './task.ts'
import { type StreamOptions, type StreamOutcome, streamOf } from './task-stream.ts'

export interface TasksOptions {
  /** How many tasks may be under way. Default: no limit. */
  maxChildren?: number | undefined
  /** How long a task has to end, in milliseconds, when it is stopped. Default: 5000. */
  shutdownMs?: number | 'brutal' | 'infinity' | undefined
}

export interface TaskOptions {
  /** The id of the task's actor; where a task has it already, a number is added. Default: one is made. */
  id?: string
  /** How long it has to end when the supervisor stops. Default: that of the supervisor of tasks. */
  shutdownMs?: number | 'brutal' | 'infinity'
}

export interface Tasks {
  /** The supervisor that the tasks are children of. */
  readonly supervisor: Supervisor
  /**
   * Starts a task that is linked to its owner: where one of them crashes or is stopped, the other is stopped, too, unless it traps
   * exits. Without an owner it is as `asyncNolink`.
   * @throws AxonError `SUPERVISOR_MAX_CHILDREN`, `SUPERVISOR_CLOSED`; `SUPERVISOR_START_FAILED` where the owner has ended
   */
  async<Result>(run: TaskFunction<Result>, options?: TaskOptions & { owner?: AnyActorRef }): Promise<Task<Result>>
  /** Starts a task whose crash ends nobody. Throws as `async` does. */
  asyncNolink<Result>(run: TaskFunction<Result>, options?: TaskOptions): Promise<Task<Result>>
  /**
   * Runs a task for each item, so many at a time, and gives their outcomes. Leaving the loop ends the tasks that are under way
   * before it goes on. A task that crashes is an outcome like any other.
   * @throws AxonError, from the loop: `TASK_TIMEOUT`, `SUPERVISOR_MAX_CHILDREN`, `SUPERVISOR_CLOSED`, and what reading the items throws
   */
  stream<Item, Result>(
    items: Iterable<Item> | AsyncIterable<Item>,
    run: (item: Item, signal: AbortSignal) => Result | PromiseLike<Result>,
    options?: StreamOptions,
  ): AsyncIterableIterator<StreamOutcome<Item, Result>>
  /** The actors of the tasks that are under way. */
  children(): AnyActorRef[]
  /** Ends all tasks together, then the supervisor. Default reason: `'shutdown'`. */
  stop(reason?: ExitReason): Promise<void>
}

/** What makes a supervisor one of tasks: the input of `supervisorMachine` where it is part of a tree. */
export function taskSupervisorOptions({ maxChildren }: Pick<TasksOptions, 'maxChildren'> = {}): SupervisorOptions {
  return { strategy: 'simple_one_for_one', maxChildren }
}

/** A supervisor of tasks that is the root of an actor system of its own. It runs at once. */
export function createTasks(
  options: TasksOptions = {},
  actorOptions: Pick<ActorOptions<typeof supervisorMachine>, 'id' | 'systemId' | 'inspect' | 'clock' | 'logger'> = {},
): Tasks {
  const supervisor = createSupervisor(taskSupervisorOptions(options), actorOptions)
  supervisor.actor.start()
  return tasksOver(supervisor, options)
}

/** Tasks over a supervisor that runs: one with `simple_one_for_one` and no template, as `taskSupervisorOptions` makes it. */
export function tasksOf(ref: AnyActorRef, options: Pick<TasksOptions, 'shutdownMs'> = {}): Tasks {
  return tasksOver(supervisorOf(ref), options)
}

function tasksOver(supervisor: Supervisor, { shutdownMs: defaultMs = 5000 }: TasksOptions): Tasks {
  const start = async <Result>(
    run: TaskFunction<Result>,
    { id, shutdownMs = defaultMs, owner }: TaskOptions & { owner?: AnyActorRef | undefined } = {},
  ): Promise<Task<Result>> => {
    const input: TaskInput = { run, owner }
    const spec = { logic: taskLogic, input, restart: 'temporary', shutdown: shutdownMs } as const
    const ref = await supervisor.startChild(id === undefined ? spec : { ...spec, id })
    return taskOf(ref as AnyActorRef)
  }
  return {
    supervisor,
    async: start,
    asyncNolink: (run, options) => start(run, { ...options, owner: undefined }),
    stream(items, run, options = {}) {
      const { owner, shutdownMs = defaultMs } = options
      return streamOf({
        items,
        run,
        start: (task) => start(task, { owner, shutdownMs }),
        options: { ...options, shutdownMs },
      })
    },
    children: () => supervisor.whichChildren().flatMap(({ ref }) => ref ?? []),
    stop: (reason) => supervisor.stop(reason),
  }
}
