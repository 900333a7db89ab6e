import { afterEach, describe, expect, it } from 'vitest'
import { createTasks, type Tasks, type TasksOptions } from '../../../src/machines/supervision/tasks.ts'
import { settle } from '../agent-rig.ts'
import { SteppedClock } from '../stepped-clock.ts'
import { allOf } from './all-of.ts'
import { fault } from './mortal.ts'

const open = new Set<Tasks>()
afterEach(async () => {
  for (const tasks of open) {
    expect(tasks.children()).toEqual([])
    await tasks.stop()
  }
  open.clear()
})

const tasksWith = (options: TasksOptions = {}) => {
  const clock = new SteppedClock()
  const tasks = createTasks(options, { clock })
  open.add(tasks)
  return { tasks, clock }
}

/** Functions that are under way until the test lets them go. */
function gates() {
  const waiting = new Map<number, (value: number) => void>()
  const begun: number[] = []
  const aborted: number[] = []
  const run = (item: number, signal: AbortSignal) => {
    begun.push(item)
    return new Promise<number>((resolve, reject) => {
      waiting.set(item, resolve)
      signal.addEventListener('abort', () => {
        aborted.push(item)
        reject(signal.reason)
      })
    })
  }
  return { run, begun, aborted, release: (item: number) => waiting.get(item)?.(item * 10) }
}

const ok = (item: number) => ({ ok: true, value: item * 10, item })

describe('a stream of tasks', () => {
  it('gives the outcome of every item, in the order of the items', async () => {
    const { tasks, clock } = tasksWith()
    const outcomes = await allOf(tasks.stream([1, 2, 3, 4, 5], async (item) => item * 10, { maxConcurrency: 2 }))
    expect(outcomes).toEqual([1, 2, 3, 4, 5].map(ok))
    expect(clock.pending).toBe(0)
  })

  it('takes items from an asynchronous source, and gives nothing for none', async () => {
    const { tasks } = tasksWith()
    async function* source() {
      yield 1
      await settle()
      yield 2
    }
    await expect(allOf(tasks.stream(source(), async (item) => item * 10))).resolves.toEqual([ok(1), ok(2)])
    await expect(allOf(tasks.stream([], async () => 1))).resolves.toEqual([])
  })

  it('gives outcomes as they come where the order does not matter', async () => {
    const { tasks } = tasksWith()
    const { run, release } = gates()
    const stream = tasks.stream([1, 2, 3], run, { ordered: false })
    const first = stream.next()
    await settle()
    release(3)
    expect((await first).value).toEqual(ok(3))
    release(1)
    release(2)
    expect((await stream.next()).value).toEqual(ok(1))
    expect((await stream.next()).value).toEqual(ok(2))
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })

  it('has no more under way, and reads no further, than it may', async () => {
    const { tasks } = tasksWith()
    const { run, begun, release } = gates()
    const read: number[] = []
    function* source() {
      for (let item = 1; item <= 5; item++) {
        read.push(item)
        yield item
      }
    }
    const stream = tasks.stream(source(), run, { maxConcurrency: 2 })
    await settle()
    expect(read).toEqual([])
    const first = stream.next()
    await settle()
    expect([read, begun]).toEqual([
      [1, 2],
      [1, 2],
    ])
    release(2)
    await settle()
    // The outcome of 2 waits for that of 1, and keeps its place.
    expect(begun).toEqual([1, 2])
    release(1)
    expect((await first).value).toEqual(ok(1))
    await settle()
    expect(begun).toEqual([1, 2, 3])
    expect((await stream.next()).value).toEqual(ok(2))
    await settle()
    expect(begun).toEqual([1, 2, 3, 4])
    await stream.return?.()
  })

  it('gives a crash as an outcome, and goes on', async () => {
    const { tasks } = tasksWith()
    const run = async (item: number) => {
      if (item === 2) throw fault
      return item * 10
    }
    await expect(allOf(tasks.stream([1, 2, 3], run))).resolves.toEqual([
      ok(1),
      { ok: false, reason: fault, item: 2 },
      ok(3),
    ])
  })

  it('ends what is under way, and closes the source, before it goes on when the consumer leaves', async () => {
    const { tasks } = tasksWith()
    const { run, begun, aborted, release } = gates()
    let hasClosed = false
    function* source() {
      try {
        for (let item = 1; ; item++) yield item
      } finally {
        hasClosed = true
      }
    }
    setImmediate(() => release(1))
    for await (const outcome of tasks.stream(source(), run, { maxConcurrency: 3 })) {
      expect(outcome).toEqual(ok(1))
      break
    }
    expect(tasks.children()).toEqual([])
    expect(aborted).toEqual(begun.filter((item) => item !== 1))
    expect(aborted.length).toBeGreaterThanOrEqual(2)
    expect(hasClosed).toBe(true)
  })

  it('can be left while an outcome is waited for, also where the source is silent', async () => {
    const { tasks } = tasksWith()
    const { run, aborted } = gates()
    async function* source() {
      yield 1
      await new Promise(() => undefined)
    }
    const stream = tasks.stream(source(), run)
    const waiting = stream.next()
    await settle()
    await stream.return?.()
    expect(await waiting).toEqual({ done: true, value: undefined })
    expect(aborted).toEqual([1])
  })

  it('kills those that do not listen when it is left and their time is up', async () => {
    const { tasks, clock } = tasksWith()
    const stream = tasks.stream([1], () => new Promise(() => undefined), { shutdownMs: 1000 })
    const waiting = stream.next()
    await settle()
    const left = stream.return?.()
    await settle()
    expect(tasks.children()).toHaveLength(1)
    clock.advance(1000)
    await left
    await waiting
    expect(clock.pending).toBe(0)
  })

  it('ends with TASK_TIMEOUT where a task takes too long, and ends the others', async () => {
    const { tasks, clock } = tasksWith()
    const { run, aborted } = gates()
    const stream = tasks.stream([1, 2], run, { timeoutMs: 100 })
    const waiting = expect(stream.next()).rejects.toMatchObject({ code: 'TASK_TIMEOUT' })
    await settle()
    clock.advance(100)
    await waiting
    expect(aborted).toEqual([1, 2])
    expect(await stream.next()).toEqual({ done: true, value: undefined })
  })

  it('kills only the task that takes too long where it is told so', async () => {
    const { tasks, clock } = tasksWith()
    const { run, aborted, release } = gates()
    const stream = tasks.stream([1, 2], run, { timeoutMs: 100, onTimeout: 'kill' })
    const waiting = stream.next()
    await settle()
    release(2)
    await settle()
    clock.advance(100)
    expect((await waiting).value).toEqual({ ok: false, reason: 'timeout', item: 1 })
    expect((await stream.next()).value).toEqual(ok(2))
    expect(aborted).toEqual([1])
    await stream.return?.()
  })

  it('ends with the error of its source, or of a supervisor that has no room', async () => {
    const { tasks } = tasksWith({ maxChildren: 1 })
    const { run, aborted } = gates()
    function* source() {
      yield 1
      throw fault
    }
    await expect(allOf(tasks.stream(source(), run))).rejects.toBe(fault)
    await expect(allOf(tasks.stream([1, 2], run))).rejects.toMatchObject({ code: 'SUPERVISOR_MAX_CHILDREN' })
    expect(aborted).toEqual([1, 1])
  })

  it.each([0, -1, 1.5, Number.NaN])('refuses %s as maxConcurrency', (maxConcurrency) => {
    const { tasks } = tasksWith()
    expect(() => tasks.stream([], async () => 1, { maxConcurrency })).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    )
  })
})
