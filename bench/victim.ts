/**
 * A system that is killed by the benchmark of orphans: its agents go through their states for ever, and each state is a line on
 * standard output, written before anything else happens: `ready backoff` says that agent `ready` has come to `backoff`.
 *
 *     node victim.ts CACHE_DIR UV DIRECTORY [cold]
 */
import { join } from 'node:path'
import { createAxon } from 'axon-runtime'
import { benchRoot } from './environment.ts'

const [cacheDir, uv, directory = '', start] = process.argv.slice(2)
const pausing = { module: 'agents.pausing', cwd: benchRoot, dependencies: [] }
const restart = { maxRestarts: 1_000_000, firstMs: 60, baseMs: 60, maxMs: 100 }
const axon = createAxon({
  cacheDir,
  uv,
  runtimeDir: join(directory, 'run'),
  stateDir: join(directory, 'state'),
  agents: {
    ready: { ...pausing, start: start === 'cold' ? 'cold' : 'warm' },
    running: pausing,
    crashing: { ...pausing, restart },
    draining: pausing,
  },
})

const say = (line: string) => process.stdout.write(`${line}\n`)
axon.on('*', (event) => {
  if (event.type === 'run.started') say(`${event.agent} in-a-run`)
  else if (event.type === 'run.settled') say(`${event.agent} ready`)
  else if (/^agent\.(provisioning|starting|ready|backoff|draining|stopping)$/.test(event.type) && 'agent' in event) {
    say(`${event.agent} ${event.type.slice('agent.'.length)}`)
  }
})
const started = axon.start()
say(`system ${axon.id}`)
await started
await Promise.all([run(), crash(), drain()])

async function run(): Promise<void> {
  for (;;) await axon.agent('running').run({ prompt: '0.1' })
}

async function crash(): Promise<void> {
  for (;;) {
    const ready = next('crashing', 'agent.ready')
    const { pid } = axon.agent('crashing').snapshot() ?? {}
    if (pid !== undefined) process.kill(pid, 'SIGKILL')
    await ready
  }
}

async function drain(): Promise<void> {
  for (;;) {
    const begun = next('draining', 'run.started')
    const ended = axon.agent('draining').run({ prompt: '0.1' })
    await begun
    const ready = next('draining', 'agent.ready')
    axon.agent('draining').send({ type: 'agent.restart' })
    await Promise.all([ended, ready])
  }
}

function next(agent: string, type: 'agent.ready' | 'run.started'): Promise<void> {
  return new Promise((resolve) => {
    const off = axon.on(type, (event) => {
      if (event.agent !== agent) return
      off()
      resolve()
    })
  })
}
