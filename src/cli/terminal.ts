/**
 * Owns what a command writes: data to standard output, everything else to standard error; colour and a moving line only where
 * a person looks on. What is written is the commands'.
 */
import { once } from 'node:events'
import { styleText } from 'node:util'
import { isAxonError, RunError, toAxonError } from '../errors.ts'
import { exitCodeOf } from './exit-codes.ts'

type Style = Parameters<typeof styleText>[0]

/** Data: what another program may read. */
export function print(text: string): void {
  process.stdout.write(text)
}

export function printLine(text: string): void {
  above(process.stdout, text)
}

export function printJson(value: unknown): void {
  printLine(JSON.stringify(value))
}

/** Waits while the reader of standard output does not keep up. */
export async function drained(): Promise<void> {
  if (process.stdout.writableNeedDrain) await once(process.stdout, 'drain')
}

/** For the person at the terminal. */
export function say(text: string): void {
  above(process.stderr, text)
}

/** Colours `text` where standard output, or the stream that is given, is a terminal that wants it. NO_COLOR is heeded. */
export function paint(style: Style, text: string, stream: NodeJS.WriteStream = process.stdout): string {
  return styleText(style, text, { stream })
}

let hasStatus = false

/** One line that is written over by the next. Nothing where standard error is no terminal. */
export function status(text: string): void {
  if (!process.stderr.isTTY || redraw) return
  const width = process.stderr.columns || 80
  process.stderr.write(`\r\u001b[2K${paint('dim', text.slice(0, width - 1), process.stderr)}`)
  hasStatus = true
}

export function clearStatus(): void {
  if (hasStatus) process.stderr.write('\r\u001b[2K')
  hasStatus = false
}

let redraw: (() => void) | undefined

/** While a question stands on the last line, what is written goes above it: `draw` writes the line again. */
export function keepBelow(draw: (() => void) | undefined): void {
  clearStatus()
  redraw = draw
}

function above(stream: NodeJS.WriteStream, text: string): void {
  clearStatus()
  if (redraw) process.stderr.write('\r\u001b[2K')
  stream.write(`${text}\n`)
  redraw?.()
}

/**
 * A reader of standard output that went away, as `head` does, ends the command quietly. That a terminal was closed is told by
 * SIGHUP. What cannot be written to standard error is told to nobody, and ends nothing.
 */
export function endWithReader(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(0)
    if (error.code !== 'EIO') throw error
  })
  process.stderr.on('error', () => {})
}

export interface ReportOptions {
  /** The error is data: one line of JSON. */
  json?: boolean | undefined
  /** With the stack. */
  verbose?: boolean | undefined
}

/** Writes an error as its code, its message, which says what to try, and the end of the Python traceback; returns the exit code. */
export function report(given: unknown, { json, verbose }: ReportOptions = {}): number {
  const error = toAxonError(given)
  if (json) printJson({ error: error.toJSON() })
  say(`${paint('red', error.code, process.stderr)} ${error.message}`)
  const traceback = tracebackOf(error)
  if (traceback !== undefined) say(paint('dim', indent(traceback), process.stderr))
  if (verbose && error.stack !== undefined) say(indent(error.stack))
  for (let { cause } = error; verbose && cause instanceof Error; cause = cause.cause)
    say(indent(`cause: ${cause.stack}`))
  return exitCodeOf(error.code)
}

const tracebackLines = 12

/** The last lines of what Python said of an error: those nearest to the cause. */
export function tracebackOf(error: unknown): string | undefined {
  if (!isAxonError(error)) return undefined
  const traceback = error instanceof RunError ? error.traceback : error.context.traceback
  if (typeof traceback !== 'string' || traceback.trim() === '') return undefined
  return traceback.trimEnd().split('\n').slice(-tracebackLines).join('\n')
}

export function indent(text: string): string {
  return text.replaceAll(/^/gm, '  ')
}
