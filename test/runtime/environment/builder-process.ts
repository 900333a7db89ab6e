/** Owns environments that are made by another process: a test waits for what it says, kills it, and looks at what is left of it. */
import { spawn } from 'node:child_process'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Environment, EnvironmentProgress, EnvironmentSpec } from '../../../src/machines/slots.ts'
import type { EnvironmentOptions } from '../../../src/runtime/environment/environment.ts'
import { cacheDir, uv, wheel } from './environment-rig.ts'

/** Another node process that ensures an environment; `next` waits for a message that fits. */
export function builder(spec: Partial<EnvironmentSpec>, options: Partial<EnvironmentOptions>, log = '/dev/null') {
  const script = join(import.meta.dirname, 'builder.ts')
  const args = [JSON.stringify({ cwd: cacheDir, ...spec }), JSON.stringify({ cacheDir, wheel, uv, ...options }), log]
  const child = spawn(process.execPath, [script, ...args], { stdio: ['ignore', 'pipe', 'inherit'] })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  type Message = { environment?: Environment; progress?: EnvironmentProgress }
  const next = async (fits: (message: Message) => boolean): Promise<Message> => {
    for (;;) {
      const line = await lines.next()
      if (line.done === true) throw new Error('The builder ended before it said what was waited for')
      const message = JSON.parse(line.value) as Message
      if (fits(message)) return message
    }
  }
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  return { child, next, exited }
}

/** Command lines of live processes that mention the text. */
export async function processesNaming(text: string): Promise<string[]> {
  const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name))
  const lines = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')))
  return lines.filter((line) => text !== '' && line.includes(text))
}
