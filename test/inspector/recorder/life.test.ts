import { expect, test } from 'vitest'
import { agent, newAxon, next, quickly, slowly } from '../../e2e/axon.ts'
import { newRecorder, TestViewer } from './watching.ts'

test('three agents start: actors, states and processes are told as they are', async () => {
  const axon = newAxon({ agents: { first: agent('echo'), second: agent('echo'), third: agent('echo') } })
  const recorder = newRecorder(axon, { name: 'desk' })
  const viewer = new TestViewer(recorder)
  expect(viewer.all('hello')[0]).toMatchObject({ system: { name: 'desk', pid: process.pid }, role: 'operate' })
  await axon.start()
  const names = ['first', 'second', 'third']
  for (const name of names) {
    const id = (await viewer.until('@xstate.actor', (frame) => frame.replica === `${name}/0`)).sessionId
    await viewer.until('@xstate.snapshot', ({ sessionId, snapshot }) => sessionId === id && snapshot.value === 'ready')
    expect(viewer.statesOf(`${name}/0`)).toEqual(['idle', 'provisioning', 'starting', 'ready'])
    const process_ = await viewer.until('process', ({ sessionId, pid }) => sessionId === id && pid !== undefined)
    const { generation, pid } = axon.agent(name).snapshot() ?? {}
    expect(process_).toMatchObject({ generation, pid, placement: 'local' })
  }
  const pool = viewer.all('@xstate.actor').find(({ name }) => name === 'first')
  expect(pool).toMatchObject({ kind: 'agent', agent: 'first', parentId: viewer.idOf('axon') })
  const replica = viewer.all('@xstate.actor').find(({ name }) => name === 'first/0')
  expect(replica).toMatchObject({ kind: 'replica', agent: 'first', parentId: pool?.sessionId })
  const machine = viewer.all('machine').find(({ hash }) => hash === replica?.machine)
  expect(machine?.nodes.map(({ id }) => id)).toContain('agent.ready')
  const steps = viewer.all('@xstate.snapshot').filter(({ sessionId }) => sessionId === replica?.sessionId)
  const edges = steps.flatMap(({ edges }) => edges)
  expect(edges).toHaveLength(3)
  for (const edge of edges) expect(machine?.edges.map(({ id }) => id)).toContain(edge)
})

test('a process that is killed: its crash is told at once, with what comes next', async () => {
  const axon = newAxon({ agents: { echo: agent('echo', { restart: slowly }) } })
  const viewer = new TestViewer(newRecorder(axon))
  await axon.start()
  const pid = axon.agent('echo').snapshot()?.pid as number
  const crashed = next(axon, 'agent.crashed')
  process.kill(pid, 'SIGKILL')
  await crashed
  const crash = await viewer.until('crash')
  expect(crash).toMatchObject({
    sessionId: viewer.idOf('echo/0'),
    generation: 'echo/0#1',
    class: 'signal',
    signal: 'SIGKILL',
    phase: 'ready',
    pid,
    runs: [],
    next: { kind: 'restart', used: 1, maxRestarts: 10, withinMs: 600_000 },
  })
  expect(crash.livedMs).toBeGreaterThan(0)
  expect(crash.next.dueAt).toBeGreaterThan(crash.at + 500_000)
  const backoff = await viewer.until('@xstate.snapshot', ({ snapshot }) => snapshot.value === 'backoff')
  expect(backoff.snapshot.dueAt).toBeGreaterThan(backoff.at + 500_000)
  expect(backoff.snapshot.next).toContainEqual({ event: 'agent.start', allowed: true })
  expect(viewer.statesOf('echo/0').slice(-2)).toEqual([{ crashed: 'judged' }, 'backoff'])
})

test('a module that cannot be imported fails after three tries, with its traceback', async () => {
  const axon = newAxon({ agents: { broken: agent('import_error', { restart: quickly }) } })
  const viewer = new TestViewer(newRecorder(axon))
  await expect(axon.start()).rejects.toMatchObject({ code: expect.any(String) })
  const crashes = viewer.all('crash')
  expect(crashes.map(({ class: kind, next: { kind: then } }) => [kind, then])).toEqual([
    ['import', 'restart'],
    ['import', 'restart'],
    ['import', 'failed'],
  ])
  expect(crashes[2]?.traceback).toContain('Traceback')
  expect(viewer.all('closed')).toHaveLength(1)
})

test('hosts stand in the tree with their process, also one that was there before; a lost one goes and its successor comes', async () => {
  const axon = await newAxon({ agents: { echo: agent('echo', { restart: quickly }) } }).start()
  const viewer = new TestViewer(newRecorder(axon))
  const first = await viewer.until('@xstate.actor', ({ kind }) => kind === 'host')
  expect(first.name).toMatch(/^py3\.\d+·[0-9a-f]{6}$/)
  const { pid } = await viewer.until('process', ({ sessionId }) => sessionId === first.sessionId)
  const own = await viewer.until('beats')
  expect(own.sessionId.at(-1)).toBe(first.parentId)
  expect(own.rssBytes.at(-1)).toBeGreaterThan(10_000_000)
  const again = next(axon, 'host.ready')
  process.kill(pid as number, 'SIGKILL')
  const gone = await viewer.until('actor.gone', ({ sessionId }) => sessionId === first.sessionId)
  expect(gone.reason).not.toBe('')
  const { pid: second } = await again
  const successor = await viewer.until('process', (frame) => frame.pid === second)
  expect(successor.sessionId).not.toBe(first.sessionId)
})
