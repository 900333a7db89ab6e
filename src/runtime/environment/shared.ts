/**
 * Owns work that several callers of this process want at the same time: it is done once, and each may leave it. Locks between
 * processes are in lock.ts.
 */
import type { ReportProgress } from './progress.ts'

interface Work {
  result: Promise<unknown>
  controller: AbortController
  callers: number
  listeners: Set<ReportProgress>
}

export interface Caller {
  signal?: AbortSignal | undefined
  report?: ReportProgress | undefined
}

const running = new Map<string, Work>()

/**
 * Joins the work of that key, or starts it. A caller whose signal is aborted leaves with the signal's reason; when the last has
 * left, the work is aborted, and that caller waits until it has ended.
 */
export async function share<T>(
  key: string,
  caller: Caller,
  start: (signal: AbortSignal, report: ReportProgress) => Promise<T>,
): Promise<T> {
  caller.signal?.throwIfAborted()
  const work = running.get(key) ?? begin(key, start)
  const { signal, report } = caller
  // A set of its own entry for each caller, also where two pass the same function.
  const listener: ReportProgress = (...progress) => report?.(...progress)
  work.callers++
  work.listeners.add(listener)
  const leaving = Promise.withResolvers<never>()
  const leave = () => leaving.reject(signal?.reason)
  signal?.addEventListener('abort', leave, { once: true })
  try {
    return (await Promise.race([work.result, leaving.promise])) as T
  } finally {
    signal?.removeEventListener('abort', leave)
    work.listeners.delete(listener)
    work.callers--
    if (work.callers === 0 && running.get(key) === work) {
      running.delete(key)
      work.controller.abort(signal?.reason)
      await work.result.catch(() => {})
    }
  }
}

function begin<T>(key: string, start: (signal: AbortSignal, report: ReportProgress) => Promise<T>): Work {
  const controller = new AbortController()
  const listeners = new Set<ReportProgress>()
  const report: ReportProgress = (...progress) => {
    for (const listener of listeners) listener(...progress)
  }
  const work: Work = { controller, listeners, callers: 0, result: Promise.resolve() }
  running.set(key, work)
  const settle = () => {
    if (running.get(key) === work) running.delete(key)
  }
  const result = start(controller.signal, report)
  result.then(settle, settle)
  work.result = result
  return work
}
