import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { agent, newAxon, scratch } from '../e2e/axon.ts'
import { gone, startVictim } from '../e2e/victims.ts'

const fatal = [
  { how: 'throw', what: 'throws what nobody catches', exit: [1, null], says: 'Thrown, and caught by nobody.' },
  {
    how: 'reject',
    what: 'has a rejection that nobody handles',
    exit: [1, null],
    says: 'Rejected, and handled by nobody.',
  },
  { how: 'memory', what: 'has no memory left', exit: [null, 'SIGABRT'], says: 'heap out of memory' },
]

test.each(fatal)(
  'a Node that $what ends as it would without Axon, leaves nothing, and the next one answers',
  async ({ how, exit, says }) => {
    const stateDir = scratch()
    const victim = await startVictim(stateDir, ['', 'bare'], ['--max-old-space-size=128'])
    victim.node.stdin?.write(`${how}\n`)
    expect(await once(victim.node, 'close')).toEqual(exit)
    expect(victim.errors()).toContain(says)
    await gone([...victim.guards, ...victim.pids, ...victim.daemons])
    expect(existsSync(victim.runtimeDir)).toBe(false)
    const axon = await newAxon({ stateDir, agents: { echo: agent('echo') } }).start()
    expect(await axon.agent('echo').run({ prompt: 'on?' })).toMatchObject({ result: { prompt: 'on?' } })
  },
)
