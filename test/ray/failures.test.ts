import { afterEach, expect, it } from 'vitest'
import { waits } from '../e2e/gate.ts'
import { clear, deploy, gate, ports, readUntil, run, running, until } from './cluster.ts'

/** Seconds; Ray finds out about a replica that died when it looks next. */
const soon = { health_check_period_s: 1 }

// Ray would try broken ones again with each change of the set.
afterEach(clear)

it('says why an agent cannot be imported, in words and as the frame that says it elsewhere', async () => {
  await deploy('broken', 'import_error')
  const { message } = await until(({ applications: { broken } }) =>
    broken?.status === 'DEPLOY_FAILED' ? broken.deployments.agent : undefined,
  )
  expect(message).toContain("No module named 'package_that_is_nowhere'")
  const [, frame = ''] = message.split(/^axon_agent failed: /m)
  expect(JSON.parse(frame)).toMatchObject({
    type: 'failed',
    phase: 'import',
    code: 'AGENT_IMPORT_FAILED',
    kind: 'ModuleNotFoundError',
    traceback: expect.stringContaining('import_error.py", line 3'),
  })
  const refused = await run('broken', 'hello')
  expect([refused.status, await refused.text()]).toEqual([503, expect.stringContaining('failed to deploy')])
})

it('refuses arguments that are not its own', async () => {
  await deploy('odd', 'echo', {}, { args: { token: 'in clear' } })
  const { message } = await until(({ applications: { odd } }) => (odd?.status === 'DEPLOY_FAILED' ? odd : undefined))
  expect(message).toMatch(/token\s+Extra inputs are not permitted/)
})

it('loses a run in flight at the proxy with its replica, unsaid whether it began, and serves again', async () => {
  await deploy('gate', 'gate', soon)
  const [{ pid }] = await running('gate')
  const path = gate()
  const waiting = waits(path)
  const answer = run('gate', path)
  const stream = await run('gate', gate(), { route: 'run_stream' })
  const started = Promise.withResolvers<void>()
  const read = readUntil(stream, (text) => {
    if (text.includes('run.started')) started.resolve()
    return false
  })
  await Promise.all([waiting, started.promise])
  process.kill(pid, 'SIGKILL')
  const response = await answer
  expect([response.status, await response.text()]).toEqual([500, 'Internal Server Error'])
  await expect(read).rejects.toThrow('terminated')
  // It waits for the next replica.
  expect((await run('gate', '/dev/null')).status).toBe(200)
})

it("breaks the connection of a run in flight at the replica's own port, which is closed then", async () => {
  await deploy('gate', 'gate', soon)
  const [replica] = await running('gate')
  const [at] = await ports('gate', [replica])
  const path = gate()
  const waiting = waits(path)
  const answer = run('gate', path, { at })
  const broken = expect(answer).rejects.toMatchObject({ cause: { code: 'UND_ERR_SOCKET' } })
  await waiting
  process.kill(replica.pid, 'SIGKILL')
  await broken
  // Ray names the dead one until it finds out.
  await until(({ applications: { gate } }) =>
    gate?.deployments.agent?.replicas.some(({ replica_id }) => replica_id === replica.replica_id) ? undefined : true,
  )
  // Nothing has been sent: no connection is made.
  await expect(run('gate', path, { at })).rejects.toMatchObject({ cause: { syscall: 'connect' } })
  const [next] = await ports('gate', await running('gate'))
  expect(next).not.toBe(at)
  expect((await run('gate', '/dev/null', { at: next })).status).toBe(200)
})
