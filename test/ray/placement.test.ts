import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { cancelled, waits } from '../e2e/gate.ts'
import { deploy, fixtures, gate, ray, running, until } from './cluster.ts'
import { agent, ask, leave, system } from './system.ts'

afterEach(leave)

it('answers, streams, is scaled, is replaced without a gap, and leaves nothing but the applications of others', async () => {
  await deploy('theirs', 'echo')
  const [other] = await running('theirs')
  const axon = await system({ echo: agent('echo'), words: agent('words') }).start()
  expect(axon.agent('echo').snapshot()).toMatchObject({ state: 'ready', facts: { framework: 'function' } })
  expect((await axon.agent('echo').run({ prompt: 'Hello' })).result).toMatchObject({ prompt: 'Hello' })
  const events: string[] = []
  for await (const { event } of axon.agent('words').stream({ prompt: '3' })) events.push(event)
  expect([events[0], events.at(-1)]).toEqual(['run.started', 'run.result'])

  axon.actor.send({ type: 'agent.scale', agent: 'echo', replicas: 2 })
  const [first, second] = await running('axon-echo', 2)
  expect(first.pid).not.toBe(second?.pid)

  const rolledOut = new Promise((resolve) => axon.on('rollout.completed', resolve))
  axon.actor.send({ type: 'agent.restart', agent: 'echo' })
  await rolledOut
  expect((await axon.agent('echo').run({ prompt: 'again' })).result).toMatchObject({ prompt: 'again' })

  await axon.close()
  await until(({ applications }) => (Object.keys(applications).length === 1 ? true : undefined))
  expect(await running('theirs')).toEqual([other])
})

it.each([true, false])(
  'ends a run that is given up, or at its deadline, in its code too (direct: %s)',
  async (direct) => {
    const agents = { gate: agent('gate'), slow: agent('gate:slow_words') }
    const axon = await system(agents, { direct }).start()
    const [givenUp, late, unread] = [gate(), gate(), gate()]
    const heard = [givenUp, late, unread].map(cancelled)
    const caller = new AbortController()
    const waiting = waits(givenUp)
    const lost = axon.agent('gate').run({ prompt: givenUp }, { signal: caller.signal })
    await waiting
    caller.abort()
    await expect(lost).rejects.toMatchObject({ code: 'RUN_CANCELLED' })

    await expect(axon.agent('gate').run({ prompt: late }, { runMs: 500 })).rejects.toMatchObject({
      code: 'RUN_TIMEOUT',
      started: true,
    })

    // A reader who leaves after the first word.
    for await (const { event } of axon.agent('slow').stream({ prompt: unread })) if (event === 'text.delta') break
    await Promise.all(heard)
  },
)

it('is taken over by the next system where it was kept, with the replica that it has', async () => {
  const kept = { onClose: 'keep' } as const
  await (await system({ echo: agent('echo') }, kept).start()).close()
  const [before] = await running('axon-echo')
  const next = await system({ echo: agent('echo') }, kept).start()
  const { result } = await next.agent('echo').run({ prompt: 'Hello' })
  expect(result).toMatchObject({ pid: before.pid })
  await next.retire('echo')
})

it('goes on after a SIGKILL of Node, and is taken over by the next one as it is', async () => {
  const args = [join(fixtures, 'on-ray.ts'), ray.address, ray.proxy, ray.token, fixtures]
  const node = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  await once(node.stdout, 'data')
  const [before] = await running('axon-echo')
  node.kill('SIGKILL')
  await once(node, 'exit')
  const next = await system({ echo: agent('echo') }, { onClose: 'keep' }).start()
  expect((await next.agent('echo').run({ prompt: 'Hello' })).result).toMatchObject({ pid: before.pid })
  await next.retire('echo')
})

it('is scaled from one to four replicas and back, and refuses no run meanwhile', async () => {
  const axon = await system({ echo: agent('echo', { queue: 1_000 }) }, { resources: { cpus: 0.1 } }).start()
  const echo = axon.agent('echo')
  const { stop } = ask(echo)
  for (const replicas of [4, 1]) {
    echo.send({ type: 'agent.scale', replicas })
    await running('axon-echo', replicas)
  }
  expect(await stop()).toBeGreaterThan(0)
})

it('is deployed again under its name while the old one still goes', async () => {
  const axon = await system({ echo: agent('echo') }).start()
  await axon.retire('echo')
  await axon.spawn({ name: 'echo', ...agent('echo') })
  expect((await axon.agent('echo').run({ prompt: 'Hello' })).result).toMatchObject({ prompt: 'Hello' })
})

it('fails with the error of its import', async () => {
  const bad = agent('import_error', { restart: { maxRestarts: 0 } })
  const axon = system({ bad })
  await expect(axon.start()).rejects.toMatchObject({ code: 'AGENT_IMPORT_FAILED', agent: 'bad' })
})

it.each([true, false])(
  'loses a run with its replica as one that has begun, and goes on (direct: %s)',
  async (direct) => {
    const axon = await system({ gate: agent('gate') }, { direct }).start()
    const [replica] = await running('axon-gate')
    const shut = gate()
    const receipt = new Promise((resolve) => axon.on('run.started', resolve))
    const lost = axon.agent('gate').run({ prompt: shut })
    await Promise.all([waits(shut), receipt])
    process.kill(replica.pid, 'SIGKILL')
    await expect(lost).rejects.toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
    await until(({ applications }) => {
      const [now] = applications['axon-gate']?.deployments.agent?.replicas ?? []
      return now?.state === 'RUNNING' && now.pid !== replica.pid ? true : undefined
    })
    expect((await axon.agent('gate').run({ prompt: '/dev/null' })).result).toMatchObject({ pid: expect.any(Number) })
  },
)
