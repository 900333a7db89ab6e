/**
 * Owns the systems with a journal that live in a Node of their own: what they are told to run, and what they say of it.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { onTestFinished } from 'vitest'
import { cacheDir, fixtures } from './axon.ts'

type Word = 'ready' | 'started' | 'answered' | 'refused' | 'waiting' | 'read'

/** test/fixtures/journaled.ts. */
export class JournaledNode {
  readonly node: ChildProcess & { pid: number }
  /** The ids of which it has said so. */
  readonly said: Record<Word, Set<string>> = {
    ready: new Set(),
    started: new Set(),
    answered: new Set(),
    refused: new Set(),
    waiting: new Set(),
    read: new Set(),
  }
  /** What it wrote to standard error. */
  complaints = ''
  #waiters = new Set<() => void>()

  constructor(stateDir: string, journal: string, records = '/dev/null') {
    const program = join(fixtures, 'journaled.ts')
    const node = spawn(process.execPath, [program, cacheDir, fixtures, stateDir, journal, records], { stdio: 'pipe' })
    this.node = node as typeof node & { pid: number }
    onTestFinished(() => void node.kill('SIGKILL'))
    node.stderr.on('data', (chunk: Buffer) => {
      this.complaints += chunk
    })
    createInterface(node.stdout).on('line', (line) => {
      for (const [word, run] of Object.entries(JSON.parse(line) as Record<string, string>))
        this.said[word as Word]?.add(String(run))
      for (const wake of this.#waiters) wake()
    })
  }

  run(agent: 'records' | 'gate' | 'lead', run: string, prompt: string): void {
    this.node.stdin?.write(`${JSON.stringify({ agent, run, prompt })}\n`)
  }

  /** A resumable run that it reads: `read` is said with its id and that of the event. */
  stream(agent: 'words', run: string, prompt: string): void {
    this.node.stdin?.write(`${JSON.stringify({ agent, run, prompt, isStream: true })}\n`)
  }

  /** Resolves when it has said so of that run, or of `count` of them. */
  until(word: Word, wanted: string | number = 'true'): Promise<void> {
    const isThere = () => (typeof wanted === 'number' ? this.said[word].size >= wanted : this.said[word].has(wanted))
    return new Promise((resolve) => {
      const wake = () => {
        if (!isThere()) return
        this.#waiters.delete(wake)
        resolve()
      }
      this.#waiters.add(wake)
      wake()
    })
  }

  async kill(): Promise<void> {
    // What it had said is read to its end.
    const ended = Promise.all([once(this.node, 'exit'), once(this.node.stdout as NodeJS.ReadableStream, 'close')])
    this.node.kill('SIGKILL')
    await ended
  }
}
