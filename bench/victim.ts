/**
 * A system that is killed by the benchmark of orphans: it goes through as many states as it can, for ever.
 *
 *     node victim.ts CACHE_DIR UV RUNTIME_DIR
 */
import { createAxon } from 'axon-runtime'
import { agentOptions } from './environment.ts'

const [cacheDir, uv, runtimeDir] = process.argv.slice(2)
const restart = { maxRestarts: 1_000_000, firstMs: 20, baseMs: 50, maxMs: 100 }
const axon = createAxon({
  cacheDir,
  uv,
  runtimeDir,
  agents: {
    steady: { ...agentOptions, restart },
    crashing: { ...agentOptions, restart },
    restarting: { ...agentOptions, start: 'cold', shutdownMs: 50 },
  },
})
const started = axon.start()
process.stdout.write(`${axon.id}\n`)
await started
for (;;) {
  await Promise.allSettled([
    axon.agent('steady').run({ prompt: 'Hello' }),
    axon.agent('crashing').run({ prompt: 'Hello' }),
  ])
  const pid = axon.agent('crashing').snapshot()?.pid
  if (pid !== undefined) process.kill(pid, 'SIGKILL')
  axon.agent('restarting').send({ type: 'agent.restart' })
}
