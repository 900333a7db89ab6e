import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { execa } from 'execa'
import { expect, test } from 'vitest'
import type { Finding } from '../../src/cli/checks/check.ts'
import { cacheDir, root, scratch } from '../e2e/axon.ts'
import { FakeRay } from '../runtime/placement/ray/fake-ray.ts'

/** What `axon doctor --ray` says of clusters, with the agents `echo` and `down` on Ray. */
async function findings(placement: object): Promise<Finding[]> {
  const directory = scratch()
  const agents = { echo: { module: 'echo' }, down: { module: 'down' } }
  writeFileSync(join(directory, 'axon.config.json'), JSON.stringify({ placement, agents }))
  const { stdout } = await execa(process.execPath, [join(root, 'bin/axon.js'), 'doctor', '--ray', '--json'], {
    cwd: directory,
    reject: false,
    env: { AXON_CACHE_DIR: cacheDir, AXON_STATE_DIR: join(directory, 'state'), RAY_AUTH_TOKEN: undefined },
  })
  return (JSON.parse(stdout) as { findings: Finding[] }).findings.filter(({ name }) => name.startsWith('ray'))
}

test('doctor --ray says how the cluster and the applications of the agents stand, and changes nothing there', async () => {
  const ray = await FakeRay.open()
  ray.applications.set('axon-down', {
    status: 'DEPLOY_FAILED',
    message: 'Failed to update the deployments',
    deployed_app_config: { name: 'axon-down' },
    deployments: { agent: { status: 'DEPLOY_FAILED', message: 'Traceback\nModuleNotFoundError: down', replicas: [] } },
  })
  expect(await findings(ray.placement)).toEqual([
    { name: 'ray', status: 'ok', found: `2.60.0 at ${ray.address}` },
    { name: 'ray token', status: 'ok', found: 'given' },
    expect.objectContaining({
      name: 'ray proxy',
      status: 'error',
      mend: expect.stringContaining('placement.ray.proxy'),
    }),
    { name: 'ray agent echo', status: 'ok', found: 'not deployed; starting the system deploys it' },
    expect.objectContaining({ name: 'ray agent down', status: 'warning', follows: 'ModuleNotFoundError: down' }),
  ])
  expect(ray.puts).toEqual([])
})

test('a cluster that cannot be asked, or takes no token, is an error that says what to do', async () => {
  const ray = await FakeRay.open()
  const [refused] = await findings({ ray: { address: ray.address, token: 'another' } })
  expect(refused).toMatchObject({ name: 'ray', status: 'error', found: expect.stringContaining('placement.ray.token') })
  ray.isUp = false
  const [unreachable] = await findings(ray.placement)
  expect(unreachable).toMatchObject({
    name: 'ray',
    status: 'error',
    found: expect.stringContaining('could not be asked'),
  })
})
