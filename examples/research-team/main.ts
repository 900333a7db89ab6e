/**
 * Three agents under a supervisor of their own. They depend on each other in their order, so that a crash of one replaces it and
 * those after it (`rest_for_one`), and leaves those before it alone.
 *
 *     node examples/research-team/main.ts
 */
import { createAxon } from 'axon-runtime'

const member = (module: string) => ({ module, cwd: import.meta.dirname, dependencies: [] })

await using axon = createAxon({
  agents: { finder: member('agents.finder'), reader: member('agents.reader'), writer: member('agents.writer') },
  supervisors: { research: { strategy: 'rest_for_one', agents: ['finder', 'reader', 'writer'] } },
})
for (const event of ['agent.ready', 'agent.crashed', 'agent.stopped', 'agent.waiting'] as const)
  axon.on(event, (told) => console.log(`  ${told.type.padEnd(14)} ${told.agent}`))

console.log('The team starts, each when the one before it is ready:')
await axon.start()

console.log('\nIt works:')
await research('actors')

for (const crashed of ['reader', 'finder']) {
  console.log(`\nThe ${crashed} loses its process, and who comes after it is replaced too:`)
  const before = pids()
  const last = new Promise<void>((resolve) => {
    const off = axon.on('agent.ready', ({ agent }) => {
      if (agent !== 'writer') return
      off()
      resolve()
    })
  })
  if (crashed === 'finder') await axon.agent('finder').run({ prompt: '/crash' }).catch(tellError)
  else process.kill(before.reader as number, 'SIGKILL')
  await last
  for (const [name, pid] of Object.entries(pids()))
    console.log(`  ${name}: ${pid === before[name] ? 'the same process' : 'a new process'}`)
}

console.log('\nIt works again:')
await research('supervision')

async function research(prompt: string): Promise<void> {
  const { result: found } = await axon.agent('finder').run<{ sources: string[] }>({ prompt })
  const { result: read } = await axon.agent('reader').run<{ notes: string[] }>({ prompt, deps: found })
  let text = ''
  for await (const { event, data } of axon.agent('writer').stream({ prompt, deps: read }))
    if (event === 'text.delta') text += data.text
  console.log(`  ${text}`)
}

function pids(): Record<string, number | undefined> {
  return Object.fromEntries(axon.agents.map((name) => [name, axon.agent(name).snapshot()?.pid]))
}

function tellError(error: { code: string; started: boolean }): void {
  console.log(`  the run is told: ${error.code}, started: ${error.started}`)
}
