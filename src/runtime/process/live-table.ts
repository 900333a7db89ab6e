/**
 * Owns the list of every live process of a system, outside the machines: an actor that throws does not stop its children, so
 * there is an owner of last resort. Sweeps at close and when Node exits.
 */
import { startTimeOf, statOf } from './identity.ts'

export interface LiveProcess {
  generation: string
  pid: number
  /** Clock ticks since boot: proves that the id still names this process. */
  startTime: string
}

export class LiveTable {
  #live = new Map<string, LiveProcess>()
  #onExit = () => this.sweep()

  add(live: LiveProcess): void {
    if (this.#live.size === 0) process.on('exit', this.#onExit)
    this.#live.set(live.generation, live)
  }

  /** The process has been reaped: its id may name another from now on. */
  remove(generation: string): void {
    if (this.#live.delete(generation) && this.#live.size === 0) process.off('exit', this.#onExit)
  }

  get size(): number {
    return this.#live.size
  }

  /** Whether the process has not ended; one that is not reaped yet has. */
  isAlive(generation: string): boolean {
    const live = this.#live.get(generation)
    const stat = live && statOf(live.pid)
    return stat !== undefined && stat.startTime === live?.startTime && stat.state !== 'Z' && stat.state !== 'X'
  }

  /** Ends every process that is left, with its group, at once. Safe to call at any time, also from an `exit` listener. */
  sweep(): void {
    for (const { pid, startTime } of this.#live.values()) {
      if (startTimeOf(pid) === startTime) killGroup(pid)
    }
  }
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // It ended by itself.
  }
}
