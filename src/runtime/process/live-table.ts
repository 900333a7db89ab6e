/**
 * Owns the list of every live process of a system, outside the machines: an actor that throws does not stop its children, so
 * there is an owner of last resort. Sweeps at close and when Node exits.
 */
import { startTimeOf } from './identity.ts'

export interface LiveProcess {
  generation: string
  pid: number
  startTime: string | undefined
}

export class LiveTable {
  #live = new Map<number, LiveProcess>()
  #onExit = () => this.sweep()

  add(generation: string, pid: number): void {
    if (this.#live.size === 0) process.on('exit', this.#onExit)
    this.#live.set(pid, { generation, pid, startTime: startTimeOf(pid) })
  }

  /** The process has been reaped: its id may name another from now on. */
  remove(pid: number): void {
    if (this.#live.delete(pid) && this.#live.size === 0) process.off('exit', this.#onExit)
  }

  get size(): number {
    return this.#live.size
  }

  /** Sends a signal to the process's group, if the process is one of ours and not yet reaped. True where it was sent. */
  signal(pid: number, signal: NodeJS.Signals): boolean {
    return this.#live.has(pid) && signalGroup(pid, signal)
  }

  /** Ends every process that is left, at once. Safe to call at any time, also from an `exit` listener. */
  sweep(): void {
    for (const { pid, startTime } of this.#live.values()) {
      if (startTime === undefined || startTimeOf(pid) === startTime) signalGroup(pid, 'SIGKILL')
    }
  }
}

/** Signals a process group by the id of its leader; false where none is left. */
export function signalGroup(pid: number, signal: NodeJS.Signals): boolean {
  try {
    process.kill(-pid, signal)
    return true
  } catch {
    return false
  }
}
