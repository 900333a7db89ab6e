/** A process of its own that ensures one environment: the tests start it twice, and kill it. Talks on stdout, one JSON a line. */
import { appendFileSync } from 'node:fs'
import { runCommand } from '../../../src/runtime/environment/command.ts'
import { ensureEnvironment } from '../../../src/runtime/environment/environment.ts'

const [spec, options, log] = process.argv.slice(2)
const tell = (message: unknown) => process.stdout.write(`${JSON.stringify(message)}\n`)

const environment = await ensureEnvironment(JSON.parse(spec ?? '{}'), {
  ...JSON.parse(options ?? '{}'),
  onProgress: (progress) => tell({ progress }),
  run: (command) => {
    appendFileSync(log ?? '/dev/null', `${JSON.stringify(command.argv)}\n`)
    return runCommand(command)
  },
})
tell({ environment })
