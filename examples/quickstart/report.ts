/** Owns what a person, or with `--json` a program, sees of the quickstart. Progress goes to standard error. */
import type { EnvironmentProgress, RunStreamEvent } from 'axon-runtime'

const barWidth = 24

export class Report {
  #isJson: boolean
  #hasBar = false

  constructor(isJson: boolean) {
    this.#isJson = isJson
  }

  heading(text: string): void {
    this.#print(`\n${text}`)
  }

  step(name: string, ms: number, detail = ''): void {
    this.#endBar()
    this.#print(`  ${name.padEnd(20)}${formatMs(ms).padStart(10)}   ${detail}`)
  }

  async timed<T>(name: string, act: () => Promise<T>): Promise<T> {
    const begunAt = performance.now()
    const value = await act()
    this.step(name, performance.now() - begunAt)
    return value
  }

  value(name: string, value: unknown): void {
    this.#print(`  ${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
  }

  event({ id, event, data }: RunStreamEvent): void {
    const text =
      event === 'run.result'
        ? `${data.messages.length} messages, ${data.usage.total_tokens} tokens`
        : JSON.stringify(data)
    this.#print(`  ${String(id).padStart(3)} ${event.padEnd(12)} ${text}`)
  }

  /** A bar on a terminal; nothing elsewhere. */
  progress({ message, completed, total }: EnvironmentProgress): void {
    if (!process.stderr.isTTY) return
    const filled = Math.round((completed / Math.max(1, total)) * barWidth)
    const bar = '█'.repeat(filled) + '░'.repeat(barWidth - filled)
    process.stderr.write(`\r\u001b[2K  ${bar} ${message}`)
    this.#hasBar = true
  }

  error(text: string): void {
    this.#endBar()
    process.stderr.write(`${text}\n`)
  }

  json(value: unknown): void {
    if (this.#isJson) console.log(JSON.stringify(value))
  }

  #print(text: string): void {
    if (!this.#isJson) console.log(text)
  }

  #endBar(): void {
    if (this.#hasBar) process.stderr.write('\r\u001b[2K')
    this.#hasBar = false
  }
}

function formatMs(ms: number): string {
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${Math.round(ms)} ms`
}
