import { afterAll, expect, it } from 'vitest'
import { open, waits } from '../e2e/gate.ts'
import { clear, deploy, gate, ports, ray, run, running, until } from './cluster.ts'

afterAll(clear)

it('scales without a restart of what runs, and drains what goes', async () => {
  await deploy('gate', 'gate')
  const [first] = await running('gate')
  await deploy('gate', 'gate', { num_replicas: 2 })
  const both = await running('gate', 2)
  expect(both).toContainEqual(first)

  const own = await ports('gate', both)
  const paths = own.map(() => gate())
  const waiting = paths.map(waits)
  const runs = own.map((at, index) => run('gate', paths[index] ?? '', { at }))
  await Promise.all(waiting)
  await deploy('gate', 'gate', { num_replicas: 1 })
  const gone = await until(({ target_groups: [group] }) => {
    const [kept, ...others] = group?.targets ?? []
    return kept && others.length === 0 ? own.find((at) => !at.endsWith(`:${kept.port}`)) : undefined
  })
  // It takes what still comes, and says that nothing should.
  const health = await fetch(`${gone}/-/healthz`)
  expect([health.status, await health.text()]).toEqual([503, 'DRAINING'])
  expect((await run('gate', '/dev/null', { at: gone })).status).toBe(200)

  await Promise.all(paths.map(open))
  for (const answer of await Promise.all(runs)) expect(answer.status).toBe(200)
  await running('gate', 1)
  await expect(run('gate', '/dev/null', { at: gone })).rejects.toMatchObject({ cause: { syscall: 'connect' } })
})

it('says which requests it has not begun when its queue is full', async () => {
  await deploy('gate', 'gate', { max_ongoing_requests: 1, max_queued_requests: 1 })
  const [own] = await ports('gate', await running('gate'))
  for (const at of [ray.proxy, own]) {
    const path = gate()
    const waiting = waits(path)
    const first = run('gate', path, { at })
    await waiting
    // There is room for one of them.
    const others = [run('gate', path, { at }), run('gate', path, { at })]
    const refused = await Promise.race(others)
    expect([refused.status, await refused.text()]).toEqual([
      503,
      expect.stringContaining('dropped due to backpressure'),
    ])
    await open(path)
    const answers = await Promise.all([first, ...others])
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(2)
  }
})

it('ends what runs longer than it may when the application is deleted', async () => {
  await deploy('gate', 'gate', { graceful_shutdown_timeout_s: 2 })
  const [own] = await ports('gate', await running('gate'))
  const [plain, direct] = [gate(), gate()]
  const waiting = [waits(plain), waits(direct)]
  const answer = run('gate', plain)
  const broken = expect(run('gate', direct, { at: own })).rejects.toMatchObject({ cause: { code: 'UND_ERR_SOCKET' } })
  await Promise.all(waiting)
  await clear()
  expect((await answer).status).toBe(500)
  await broken
  await expect(run('gate', direct, { at: own })).rejects.toMatchObject({ cause: { syscall: 'connect' } })
  const next = await run('gate', '/dev/null')
  expect([next.status, await next.text()]).toEqual([404, expect.stringContaining('not found')])
})
