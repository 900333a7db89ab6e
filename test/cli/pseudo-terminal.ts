/**
 * Owns commands that run in a pseudo-terminal: keys go in, and what a person would see is waited for, never slept for. Every
 * terminal is closed when its test finishes. The terminal itself is pseudo_terminal.py's, the reading of its output screen.ts's.
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { onTestFinished } from 'vitest'
import { Screen } from './screen.ts'

export interface TerminalOptions {
  cwd?: string
  /** Default: this process's. */
  env?: NodeJS.ProcessEnv
  /** Default 80. */
  columns?: number
  /** Default 24. */
  rows?: number
}

/** How long is waited for what is to be seen, in milliseconds. */
const patienceMs = 90_000

/** Starts a command in a pseudo-terminal. */
export function openTerminal(command: string, args: readonly string[], options: TerminalOptions = {}): Terminal {
  const terminal = new Terminal(command, args, options)
  onTestFinished(() => terminal.close())
  return terminal
}

export class Terminal {
  /** Resolves with the exit code of the command, 128 + n after signal n. */
  readonly exited: Promise<number>
  #python
  #screen: Screen
  /** Told of each piece of output, and of the end. */
  #watchers = new Set<() => void>()
  #hasExited = false
  #seen = 0
  #raw = ''

  /** Use `openTerminal`. */
  constructor(command: string, args: readonly string[], options: TerminalOptions) {
    const { cwd, env = process.env, columns = 80, rows = 24 } = options
    this.#screen = new Screen(columns, rows)
    const python = spawn(
      'python3',
      [join(import.meta.dirname, 'pseudo_terminal.py'), String(columns), String(rows), command, ...args],
      { cwd, env: { TERM: 'xterm-256color', ...env }, stdio: ['pipe', 'pipe', 'inherit'] },
    )
    // The command may have ended before the last keys.
    python.stdin.on('error', () => {})
    const decoder = new StringDecoder('utf8')
    python.stdout.on('data', (data: Buffer) => {
      const text = decoder.write(data)
      this.#raw += text
      this.#screen.write(text)
      this.#tell()
    })
    this.exited = once(python, 'close').then(([code]) => {
      this.#hasExited = true
      this.#tell()
      return code as number
    })
    this.#python = python
  }

  /** The lines that are on the screen now. */
  get screen(): string {
    return this.#screen.text
  }

  /** All that was written, control sequences too. */
  get raw(): string {
    return this.#raw
  }

  /** Waits until `pattern` is on the screen, where it may have been for long. Answers the match. */
  async shows(pattern: string | RegExp): Promise<RegExpExecArray> {
    return this.#until(pattern, () => patternOf(pattern).exec(this.screen))
  }

  /** Waits until the screen satisfies `predicate`. */
  async becomes(predicate: (screen: string) => boolean): Promise<void> {
    await this.#until(predicate, () => (predicate(this.screen) ? true : undefined))
  }

  /** Waits until `pattern` stands in the text after what was seen last, also where it has scrolled away. Answers the match. */
  async sees(pattern: string | RegExp): Promise<RegExpExecArray> {
    return this.#until(pattern, () => {
      const { all } = this.#screen
      const found = patternOf(pattern).exec(all.slice(this.#seen))
      if (found) this.#seen += found.index + found[0].length
      return found
    })
  }

  /** Types keys: text, or `'\u0003'` for Ctrl-C. */
  type(keys: string): void {
    this.#order({ keys })
  }

  /** Ctrl-C, as a person presses it: the terminal turns it into SIGINT, where the command has not taken it over. */
  interrupt(): void {
    this.type('\u0003')
  }

  resize(columns: number, rows: number): void {
    this.#screen.resize(columns, rows)
    this.#order({ resize: [columns, rows] })
  }

  /** Hangs up, where the command has not ended, and resolves when it has. */
  async close(): Promise<void> {
    this.#python.stdin.end()
    await this.exited
  }

  #order(order: object): void {
    this.#python.stdin.write(`${JSON.stringify(order)}\n`)
  }

  #tell(): void {
    for (const watcher of this.#watchers) watcher()
  }

  /** Looks at every change until `look` answers. */
  async #until<Found>(what: unknown, look: () => Found | null | undefined): Promise<Found> {
    const { promise, resolve, reject } = Promise.withResolvers<Found>()
    const fail = (why: string) => reject(new Error(`${why} before the terminal had ${what}. It has:\n${this.screen}`))
    const watch = () => {
      const found = look()
      if (found != null) resolve(found)
      else if (this.#hasExited) fail('The command ended')
    }
    const timer = setTimeout(() => fail(`${patienceMs} ms passed`), patienceMs)
    this.#watchers.add(watch)
    try {
      watch()
      return await promise
    } finally {
      clearTimeout(timer)
      this.#watchers.delete(watch)
    }
  }
}

function patternOf(pattern: string | RegExp): RegExp {
  return typeof pattern === 'string' ? new RegExp(pattern.replaceAll(/[.*+?^${}()|[\]\\]/g, '\\$&')) : pattern
}
