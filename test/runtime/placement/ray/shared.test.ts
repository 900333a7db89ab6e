import { describe, expect, it, vi } from 'vitest'
import type { Axon } from '../../../../src/index.ts'
import { next } from '../../../e2e/axon.ts'
import { FakeRay, runningOf } from './fake-ray.ts'
import { facing, system } from './systems.ts'

describe('an application that was kept', () => {
  it('is taken over by the next system as it is', async () => {
    const ray = await FakeRay.open()
    const first = await facing(ray)
    await first.close()
    expect(ray.names).toEqual(['axon-echo'])
    const second = await facing(ray)
    expect((await second.agent('echo').run({ prompt: 'again' })).result).toBe('again')
    expect(ray.puts.length).toBe(1)
  })

  it('is shared by systems that face the cluster at once, after a SIGKILL of one of them too', async () => {
    const ray = await FakeRay.open()
    const first = await facing(ray)
    const second = await facing(ray)
    expect((await first.agent('echo').run({ prompt: 'one' })).result).toBe('one')
    expect((await second.agent('echo').run({ prompt: 'two' })).result).toBe('two')
    expect([ray.puts.length, ray.names]).toEqual([1, ['axon-echo']])
  })

  it('goes on where its agent is another now, until that one serves', async () => {
    const ray = await FakeRay.open()
    await (await facing(ray)).close()
    const sets: string[][] = []
    ray.afterPut = () => void sets.push(ray.names)
    await facing(ray, { env: { COLOUR: 'red' } })
    await expect.poll(() => sets, { timeout: 10_000 }).toEqual([['axon-echo', 'axon-echo.1'], ['axon-echo.1']])
  })

  it('goes at once where its agent is another now and there is no room for both', async () => {
    const ray = await FakeRay.open()
    await (await facing(ray)).close()
    await facing(ray, { env: { COLOUR: 'red' }, replace: 'recreate' })
    expect([ray.puts.length, ray.names]).toEqual([2, ['axon-echo.1']])
  })

  it('is written again under another name where it has failed', async () => {
    const ray = await FakeRay.open()
    await (await facing(ray)).close()
    const [failed] = ray.applications.values()
    if (failed) failed.status = 'DEPLOY_FAILED'
    await facing(ray)
    expect(ray.names).toEqual(['axon-echo'])
    expect(ray.applications.get('axon-echo')?.status).toBe('RUNNING')
  })

  it('is deleted all the same when its agent is retired while the system goes on', async () => {
    const ray = await FakeRay.open()
    const axon = await facing(ray)
    await axon.retire('echo')
    expect(ray.names).toEqual([])
  })
})

describe('an application that another system has replaced', () => {
  it('is followed by those that share it, with no run lost, and is not brought back by them', async () => {
    const ray = await FakeRay.open()
    const [first, second] = [await facing(ray), await facing(ray)]
    const crashes: unknown[] = []
    for (const axon of [first, second]) axon.on('agent.crashed', (crash) => crashes.push(crash))
    const newer = await facing(ray, { env: { COLOUR: 'red' } })
    const url = `${ray.proxy}/axon-echo.1`
    for (const axon of [newer, first, second])
      await expect
        .poll(() => axon.agent('echo').snapshot(), { timeout: 10_000 })
        .toMatchObject({ endpoint: { url }, application: { name: 'axon-echo.1' } })
    for (const axon of [newer, first, second])
      expect((await axon.agent('echo').run({ prompt: 'on' })).result).toBe('on')
    expect([ray.names, crashes]).toEqual([['axon-echo.1'], []])

    const done = next(first, 'rollout.completed')
    first.actor.send({ type: 'agent.restart', agent: 'echo' })
    await done
    expect(ray.names).toEqual(['axon-echo'])
    expect(ray.applications.get('axon-echo')?.deployed_app_config?.runtime_env).toMatchObject({
      env_vars: { COLOUR: 'red' },
    })
    await expect
      .poll(() => newer.agent('echo').snapshot()?.endpoint, { timeout: 10_000 })
      .toMatchObject({ url: `${ray.proxy}/axon-echo` })
    expect(crashes).toEqual([])
  })

  it.each(['DEPLOYING', 'UNHEALTHY'])(
    'is followed where the next one is %s with a replica that runs',
    async (status) => {
      const ray = await FakeRay.open()
      const first = await facing(ray)
      const crashes: unknown[] = []
      first.on('agent.crashed', (crash) => crashes.push(crash))
      // As the deletion of the old one leaves it for a moment, or the loss of a replica.
      ray.afterPut = () => {
        const newer = ray.applications.get('axon-echo.1')
        if (newer && !ray.names.includes('axon-echo')) newer.status = status
      }
      await facing(ray, { env: { COLOUR: 'red' } })
      await expect
        .poll(() => first.agent('echo').snapshot()?.application?.name, { timeout: 10_000 })
        .toBe('axon-echo.1')
      expect([ray.names, crashes]).toEqual([['axon-echo.1'], []])
    },
  )

  it('is waited for by those that shared it where the next one is still coming', async () => {
    const ray = await FakeRay.open()
    const first = await facing(ray)
    const crashed = next(first, 'agent.crashed')
    ray.outcome = { status: 'DEPLOYING' }
    const starting = facing(ray, { env: { COLOUR: 'red' }, replace: 'recreate' })
    await crashed
    const puts = ray.puts.length
    const again = next(first, 'agent.ready')
    const newer = await vi.waitFor(() => {
      const application = ray.applications.get('axon-echo.1')
      if (application === undefined) throw new Error('It is not there.')
      return application
    })
    newer.status = 'RUNNING'
    await Promise.all([again, starting])
    expect(first.agent('echo').snapshot()?.endpoint).toMatchObject({ url: `${ray.proxy}/axon-echo.1` })
    expect([ray.puts.length, ray.names]).toEqual([puts, ['axon-echo.1']])
  })

  it('has their own scale when they start it anew, where it is no other than theirs', async () => {
    const ray = await FakeRay.open()
    const [first, second] = [await facing(ray), await facing(ray)]
    const replaced = next(first, 'rollout.completed')
    first.actor.send({ type: 'agent.restart', agent: 'echo' })
    await replaced
    const nameOf = (axon: Axon) => axon.agent('echo').snapshot()?.application?.name
    await expect.poll(() => nameOf(second), { timeout: 10_000 }).toBe('axon-echo.1')
    const done = next(second, 'rollout.completed')
    second.agent('echo').send({ type: 'agent.scale', replicas: 3 })
    second.actor.send({ type: 'agent.restart', agent: 'echo' })
    await done
    expect(ray.applications.get('axon-echo')?.deployed_app_config?.deployments).toMatchObject([{ num_replicas: 3 }])
  })

  it('is scaled by those that follow it as what it is', async () => {
    const ray = await FakeRay.open()
    const first = await facing(ray)
    await facing(ray, { env: { COLOUR: 'red' } })
    await expect.poll(() => ray.names, { timeout: 10_000 }).toEqual(['axon-echo.1'])
    await expect.poll(() => first.agent('echo').snapshot()?.application?.name, { timeout: 10_000 }).toBe('axon-echo.1')
    first.agent('echo').send({ type: 'agent.scale', replicas: 3 })
    await expect
      .poll(() => ray.applications.get('axon-echo.1')?.deployed_app_config, { timeout: 10_000 })
      .toMatchObject({ deployments: [{ num_replicas: 3 }], runtime_env: { env_vars: { COLOUR: 'red' } } })
  })
})

describe('an application of a Node that has no token of Ray', () => {
  it('is lost where the next Node has written it with a token of its own', async () => {
    const ray = await FakeRay.open()
    ray.token = undefined
    const first = await system(ray, { restart: { firstMs: 600_000 } })
    const crashed = next(first, 'agent.crashed')
    const [application] = ray.applications.values()
    const config = application?.deployed_app_config
    if (!application || !config) throw new Error('There is no application.')
    application.deployed_app_config = { ...config, args: { ...(config.args as object), token_sha256: 'another' } }
    expect((await crashed).crash.error.message).toContain('written over by somebody else')
  })
})

describe('an application that somebody else has written over', () => {
  it('is lost, and what they wrote is not deleted', async () => {
    const ray = await FakeRay.open()
    const axon = await system(ray, { restart: { firstMs: 600_000 } })
    const crashed = next(axon, 'agent.crashed')
    const theirs = { name: 'axon-echo', route_prefix: '/axon-echo', import_path: 'theirs:app' }
    ray.applications.set('axon-echo', runningOf(theirs))
    expect((await crashed).crash.error.message).toContain('written over by somebody else')
    expect(ray.applications.get('axon-echo')?.deployed_app_config).toEqual(theirs)
  })
})
