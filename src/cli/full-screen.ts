/**
 * Owns the whole terminal while a command has it: the other screen, keys as they are typed, the size, and that all is given back
 * however the command ends. What is drawn is the command's.
 */
export interface FullScreenOptions {
  /** A key, or several that came at once; `'\u0003'` is Ctrl-C. */
  onKey: (keys: string) => void
  onResize: () => void
}

const enter = '\u001b[?1049h\u001b[?25l'
const leave = '\u001b[?25h\u001b[?1049l'

export class FullScreen {
  readonly #options: FullScreenOptions
  #isOpen = true
  #hear = (keys: Buffer) => this.#options.onKey(String(keys))
  #close = () => this.close()

  constructor(options: FullScreenOptions) {
    this.#options = options
    process.stdout.write(enter)
    process.on('exit', this.#close)
    process.stdout.on('resize', options.onResize)
    if (!process.stdin.isTTY) return
    process.stdin.setRawMode(true)
    process.stdin.on('data', this.#hear)
  }

  get size(): { columns: number; rows: number } {
    return { columns: process.stdout.columns || 80, rows: process.stdout.rows || 24 }
  }

  /** Lines are no wider than the screen, colours not counted; those that do not fit are left out. */
  draw(lines: readonly string[]): void {
    if (!this.#isOpen) return
    const shown = lines.slice(0, this.size.rows).map((line) => `${line}\u001b[K`)
    process.stdout.write(`\u001b[H${shown.join('\r\n')}\u001b[J`)
  }

  /** Idempotent. */
  close(): void {
    if (!this.#isOpen) return
    this.#isOpen = false
    process.off('exit', this.#close)
    process.stdout.off('resize', this.#options.onResize)
    if (process.stdin.isTTY) {
      process.stdin.off('data', this.#hear)
      process.stdin.setRawMode(false)
      process.stdin.pause()
    }
    process.stdout.write(leave)
  }
}
