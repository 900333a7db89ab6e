/**
 * Axon's root actor inside an application's own actors: no handle, only events and facts.
 *
 *     node examples/embed/main.ts
 */
import { join } from 'node:path'
import { parseAgents, provideRuntime } from 'axon-runtime'
import { createActor } from 'xstate'

const agents = parseAgents({
  support: {
    module: 'agents.example_agent',
    model: 'test:model',
    cwd: join(import.meta.dirname, '../quickstart'),
    dependencies: ['pydantic-ai-slim'],
  },
})
const system = createActor(provideRuntime(), { input: { agents } })

system.on('agent.ready', ({ agent, pid }) => {
  console.log(`${agent} is ready, process ${pid}`)
  system.send({ type: 'run.start', agent, run: 'first', request: { prompt: 'Hello, agent!' } })
})
system.on('run.settled', ({ run, status, totalTokens }) => {
  console.log(`run ${run}: ${status}, ${totalTokens} tokens`)
  system.send({ type: 'system.close' })
})
system.on('agent.failed', ({ error }) => {
  console.error(error.message)
  process.exitCode = 1
  system.send({ type: 'system.close' })
})
system.on('system.closed', () => console.log('closed'))
system.start()
