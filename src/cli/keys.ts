/**
 * Owns single keys and questions at the terminal, for commands that go on meanwhile. Ctrl-C is a signal, as ever, except while a
 * key's work is under way: there it ends that.
 */
import { ask } from './question.ts'

export interface Keys {
  /** Asks a question at the end of the screen. Undefined where the person would rather not. */
  ask: (question: string) => Promise<string | undefined>
  close: () => void
}

/** What each key does; where that takes time, the other keys wait, and `signal` tells that Ctrl-C was pressed. */
type KeyActions = Record<string, (signal: AbortSignal) => unknown>

/** Undefined where nobody types. */
export function listenToKeys(actions: KeyActions): Keys | undefined {
  const { stdin } = process
  if (!stdin.isTTY || !process.stderr.isTTY) return undefined
  let work: AbortController | undefined
  let isAsking = false

  const hear = async (data: Buffer) => {
    if (isAsking) return
    for (const key of data.toString()) {
      if (key === '\u0003') {
        if (work) work.abort()
        else process.kill(process.pid, 'SIGINT')
      }
      const action = work === undefined && Object.hasOwn(actions, key) ? actions[key] : undefined
      if (action === undefined) continue
      work = new AbortController()
      try {
        await action(work.signal)
      } finally {
        work = undefined
      }
    }
  }
  const listen = () => {
    stdin.setRawMode(true)
    stdin.on('data', hear)
    stdin.resume()
  }
  const stop = () => {
    stdin.off('data', hear)
    stdin.setRawMode(false)
    stdin.pause()
  }
  const askBetween = async (question: string) => {
    isAsking = true
    stop()
    try {
      return await ask(question)
    } finally {
      isAsking = false
      listen()
    }
  }
  listen()
  return { ask: askBetween, close: stop }
}
