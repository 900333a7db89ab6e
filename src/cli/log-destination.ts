/**
 * Owns the way of log lines to standard error, whoever reads it. What becomes of lines that did not get there is
 * runtime/telemetry/log.ts.
 *
 * Nothing waits for the reader: what it has not read is kept up to a bound, and dropped beyond it.
 */
import { EventEmitter } from 'node:events'

const maxUnreadBytes = 1024 * 1024
/** So long may what is unread at the end take to be read. */
const goodbyeMs = 1_000

export class LogDestination extends EventEmitter<{ error: [Error]; drop: [string] }> {
  constructor() {
    super()
    // Nobody may listen any more.
    this.on('error', () => {})
  }

  write(line: string): void {
    if (process.stderr.writableLength > maxUnreadBytes) this.emit('drop', line)
    else process.stderr.write(line, (error) => error && this.emit('error', error))
  }

  /** Lets the process end, though there may be something that nobody reads. */
  end(): void {
    setTimeout(() => process.exit(), goodbyeMs).unref()
  }
}
