/**
 * The main job, end to end: make an environment, start an agent, run it, stream it, kill its process, get the next answer, and
 * leave nothing behind. For a person to read; `--json` prints one object instead.
 *
 *     npm start
 *     npm start -- --json
 */
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { createAxon, isAxonError } from 'axon-runtime'
import { Report } from './report.ts'
import { StateRecorder } from './state-recorder.ts'

const report = new Report(process.argv.includes('--json'))
const recorder = new StateRecorder('server/0')

const axon = createAxon({
  agents: {
    test_agent: {
      module: 'agents.example_agent',
      model: 'test:model',
      cwd: import.meta.dirname,
      dependencies: ['pydantic-ai-slim'],
    },
  },
  inspect: recorder.inspect,
})
const timings = { environment: Number.NaN, ready: Number.NaN }
let cacheRoot = ''
axon.on('environment.progress', ({ progress }) => report.progress(progress))
axon.on('environment.ready', ({ environment }) => {
  if (Number.isNaN(timings.environment)) timings.environment = environment.elapsedMs
  cacheRoot = environment.root
})

try {
  report.heading('Start: environment, process, agent')
  const startedAt = performance.now()
  await axon.start()
  timings.ready = performance.now() - startedAt - timings.environment
  const agent = axon.agent('test_agent')
  const first = agent.snapshot()
  report.step('environment', timings.environment, `Python ${first?.python?.version}`)
  report.step('start to ready', timings.ready, `process ${first?.pid}, ${first?.facts?.framework}`)

  report.heading('One run')
  const run = await report.timed('answer', () => agent.run({ prompt: 'Hello, agent!', message_history: [] }))
  report.value('result', run.result)
  report.value('usage', `${run.usage.total_tokens} tokens in ${run.messages.length} messages`)

  report.heading('One streamed run, on the same conversation')
  let streamEvents = 0
  let isComplete = false
  for await (const event of agent.stream({ prompt: 'And again, please.', message_history: run.messages })) {
    streamEvents += 1
    report.event(event)
    isComplete = event.event === 'run.result'
  }

  report.heading('SIGKILL of its process')
  const killed = agent.snapshot()?.pid as number
  const killedAt = performance.now()
  process.kill(killed, 'SIGKILL')
  await agent.run({ prompt: 'Are you there?' })
  const recoveryMs = performance.now() - killedAt
  const second = agent.snapshot()
  report.step('to the next answer', recoveryMs, `process ${second?.pid} in place of ${killed}`)

  report.heading('Shutdown')
  const { id, runtimeDir } = axon
  await report.timed('close', () => axon.close())
  const environments = join(cacheRoot, '..', '..', '..')
  const counter = [
    join(import.meta.dirname, 'left-behind.mjs'),
    id,
    runtimeDir ?? '',
    environments,
    String(process.pid),
  ]
  const left = JSON.parse(execFileSync(process.execPath, counter, { encoding: 'utf8' }))
  const leftBehind = left.processes.length + left.directories.length + left.staging.length
  report.value('left behind', leftBehind === 0 ? 'nothing' : JSON.stringify(left))
  report.value('states seen by the inspector', recorder.states.join(' → '))

  report.json({
    environment_ms: timings.environment,
    ready_ms: timings.ready,
    run,
    stream_events: streamEvents,
    recovery_ms: recoveryMs,
    states: recorder.states,
    left_behind: leftBehind,
  })
  const expected = ['provisioning', 'starting', 'ready', 'crashed', 'backoff', 'draining', 'stopped']
  const hasAllStates = expected.every((state) => recorder.states.includes(state))
  const isRecovered = second?.pid !== undefined && second.pid !== killed
  if (!isComplete || !hasAllStates || !isRecovered || leftBehind !== 0) process.exitCode = 1
} catch (error) {
  report.error(isAxonError(error) ? `${error.code}: ${error.message}` : String(error))
  process.exitCode = 1
} finally {
  await axon.close()
}
