/**
 * Owns a question at the terminal. What is written meanwhile goes above it.
 */
import { createInterface } from 'node:readline/promises'
import { keepBelow } from './terminal.ts'

/** The answer; undefined where the person would rather not: Ctrl-C, or the end of input. */
export async function ask(question: string): Promise<string | undefined> {
  const lines = createInterface({ input: process.stdin, output: process.stderr })
  const refused = new AbortController()
  lines.once('SIGINT', () => refused.abort())
  lines.once('close', () => refused.abort())
  keepBelow(() => lines.prompt(true))
  try {
    return await lines.question(question, { signal: refused.signal })
  } catch {
    process.stderr.write('\n')
    return undefined
  } finally {
    keepBelow(undefined)
    lines.close()
  }
}
