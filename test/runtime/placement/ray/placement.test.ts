import { describe, expect, it } from 'vitest'
import type { AgentOptions } from '../../../../src/index.ts'
import { createAxon } from '../../../../src/index.ts'
import { findSystem, readTable } from '../../../../src/runtime/operator/client.ts'
import { newAxon, next, scratch } from '../../../e2e/axon.ts'
import { answerOf, type Config, FakeRay, json, runningOf } from './fake-ray.ts'
import { echo, system } from './systems.ts'

const others: Config = { name: 'others', route_prefix: '/others', import_path: 'theirs:app' }

describe('an agent on Ray', () => {
  it('is deployed, answers, and is deleted when the system closes', async () => {
    const ray = await FakeRay.open()
    const axon = await system(ray)
    expect((await axon.agent('echo').run({ prompt: 'Hello' })).result).toBe('Hello')
    expect(axon.agent('echo').snapshot()).toMatchObject({
      state: 'ready',
      pid: undefined,
      endpoint: { kind: 'url', url: `${ray.proxy}/axon-echo` },
      facts: { framework: 'function', python: '3.13.1' },
    })
    expect(ray.names).toEqual(['axon-echo'])
    await axon.close()
    expect(ray.names).toEqual([])
    expect(ray.asked.filter((asked) => asked.startsWith('DELETE'))).toEqual([])
  })

  it('is seen by who looks at its system from outside, though that has no process here', async () => {
    const ray = await FakeRay.open()
    const stateDir = scratch()
    const agents = { echo: echo() }
    const axon = await newAxon({ placement: ray.placement, stateDir, operator: true, agents }).start()
    await next(axon, 'process.replicas', ({ application: { replicas } }) => replicas[0]?.rss !== undefined)
    const table = await readTable(stateDir, findSystem(stateDir))
    expect(table?.agents).toMatchObject([{ name: 'echo', state: 'ready', rss: 87_000_000 }])
  })

  it('is an application of its own, with packages by their content and no secret', async () => {
    const ray = await FakeRay.open()
    await system(ray, { replicas: 3, concurrency: 4, env: { COLOUR: 'blue' } })
    const [config] = ray.puts.at(-1)?.applications ?? []
    expect(config).toMatchObject({
      name: 'axon-echo',
      route_prefix: '/axon-echo',
      import_path: 'axon_agent.ray:application',
      args: {
        agent: 'echo',
        module: 'agents.echo',
        model: null,
        token_sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
      deployments: [{ name: 'agent', num_replicas: 3, max_ongoing_requests: 4, max_queued_requests: 100 }],
    })
    expect(config?.runtime_env).toMatchObject({
      working_dir: expect.stringMatching(/^gcs:\/\/axon_[0-9a-f]{32}\.zip$/),
      py_modules: [expect.stringMatching(/^gcs:\/\/axon_agent-.*-[0-9a-f]{32}\.zip$/)],
      env_vars: { COLOUR: 'blue', AXON_AGENT: 'echo' },
    })
    const sent = [...ray.packages.keys()].map((name) => `"gcs://${name}"`)
    for (const uri of sent) expect(JSON.stringify(config)).toContain(uri)
    expect(JSON.stringify(config)).not.toContain(ray.token)
  })

  it('has the router of Ray that keeps runs together where that is wanted, and says of each run to what it belongs', async () => {
    const ray = await FakeRay.open()
    const sessions: unknown[] = []
    ray.answer = ({ headers }, response, { prompt }) => {
      sessions.push(headers['x-session-id'])
      json(response, 200, answerOf(prompt))
    }
    const axon = await system(ray, {}, { affinity: true })
    expect(ray.puts.at(-1)?.applications).toMatchObject([
      { deployments: [{ request_router_config: { request_router_class: expect.stringContaining('ConsistentHash') } }] },
    ])
    for (const affinity of ['Zoë\n', 'Zoë\n', undefined]) await axon.agent('echo').run({ prompt: '' }, { affinity })
    expect(sessions).toEqual([expect.stringMatching(/^[0-9a-f]{32}$/), sessions[0], undefined])
  })

  it('leaves the applications of others as they are, those that programs deployed too', async () => {
    const ray = await FakeRay.open()
    ray.applications.set('others', runningOf(others))
    ray.applications.set('imperative', runningOf(null))
    const axon = await system(ray)
    expect(ray.puts.at(-1)?.applications.map(({ name }) => name)).toEqual(['others', 'axon-echo'])
    await axon.close()
    expect(ray.names).toEqual(['imperative', 'others'])
    expect(ray.applications.get('others')?.deployed_app_config).toEqual(others)
  })

  it('is written again where another writer has written without it', async () => {
    const ray = await FakeRay.open()
    let times = 2
    ray.afterPut = () => {
      if (times > 0) ray.applications.delete('axon-echo')
      times -= 1
    }
    await system(ray)
    expect([ray.puts.length, ray.names]).toEqual([3, ['axon-echo']])
  })

  it('is scaled in place', async () => {
    const ray = await FakeRay.open()
    const axon = await system(ray)
    axon.actor.send({ type: 'agent.scale', agent: 'echo', replicas: 4 })
    ray.afterPut = undefined
    await expect
      .poll(() => ray.applications.get('axon-echo')?.deployed_app_config?.deployments, { timeout: 10_000 })
      .toMatchObject([{ num_replicas: 4 }])
    expect(axon.agent('echo').snapshot()).toMatchObject({ state: 'ready', generation: 'echo/0#1' })
  })

  it('is replaced without a gap: the next application runs before the old one goes', async () => {
    const ray = await FakeRay.open()
    const axon = await system(ray)
    const done = next(axon, 'rollout.completed')
    axon.actor.send({ type: 'agent.restart', agent: 'echo' })
    await next(axon, 'agent.ready')
    expect(ray.names).toEqual(['axon-echo', 'axon-echo.1'])
    await done
    expect(ray.names).toEqual(['axon-echo.1'])
    expect((await axon.agent('echo').run({ prompt: 'on' })).result).toBe('on')
  })
})

describe('what Ray says of a failure', () => {
  it('is the error of an agent whose module cannot be imported', async () => {
    const ray = await FakeRay.open()
    const frame = {
      type: 'failed',
      phase: 'import',
      code: 'AGENT_IMPORT_FAILED',
      kind: 'ValueError',
      message: 'bad',
      traceback: 'T',
    }
    ray.outcome = {
      status: 'DEPLOYING',
      deployment: `Traceback\naxon_agent failed: ${JSON.stringify(frame)}\nRetrying`,
    }
    const starting = system(ray, { restart: { baseMs: 1 } })
    await expect(starting).rejects.toMatchObject({
      code: 'AGENT_IMPORT_FAILED',
      message: 'bad',
      context: { traceback: 'T' },
    })
    expect(ray.names).toEqual([])
  })

  it('is the error of an agent that could not be deployed', async () => {
    const ray = await FakeRay.open()
    ray.outcome = { status: 'DEPLOY_FAILED', message: 'Failed to update', deployment: 'no such package' }
    await expect(system(ray, { restart: { baseMs: 1 } })).rejects.toMatchObject({
      code: 'RAY_DEPLOY_FAILED',
      message: expect.stringContaining('no such package'),
    })
  })

  it('is in the error of an agent that was not ready in time', async () => {
    const ray = await FakeRay.open()
    ray.outcome = { status: 'DEPLOYING', deployment: 'waiting for 8 GPUs' }
    const starting = system(ray, { startMs: 100, restart: { maxRestarts: 0 } })
    await expect(starting).rejects.toMatchObject({
      code: 'PROCESS_START_TIMEOUT',
      message: expect.stringContaining('waiting for 8 GPUs'),
    })
    expect(ray.names).toEqual([])
  })

  it('is told at once where the token is wrong', async () => {
    const ray = await FakeRay.open()
    const placement = { ray: { ...ray.placement.ray, token: 'another' } }
    const starting = newAxon({ placement, agents: { echo: echo() } }).start()
    await expect(starting).rejects.toMatchObject({ code: 'RAY_REFUSED', message: expect.stringContaining('token') })
  })

  it('crashes an agent whose application somebody has deleted, and it is deployed again', async () => {
    const ray = await FakeRay.open()
    const axon = await system(ray)
    const crashed = next(axon, 'agent.crashed')
    const again = next(axon, 'agent.ready')
    ray.applications.delete('axon-echo')
    expect((await crashed).crash.error.message).toContain('axon-echo is gone')
    await again
    expect(ray.names).toEqual(['axon-echo'])
  })
})

describe("Ray's token", () => {
  it('is not in what tells of an agent', async () => {
    const ray = await FakeRay.open()
    const axon = await system(ray)
    const pool = axon.actor.getSnapshot().context.members.get('echo')?.ref?.getSnapshot()
    expect(JSON.stringify(pool?.context.definition)).toContain('"token":"[hidden]"')
    expect(JSON.stringify(axon.agent('echo').snapshot())).not.toContain(ray.token)
  })
})

describe('what there is not on Ray', () => {
  it.each([
    ['a port', { port: 0 }],
    ['limits', { limits: { memoryMb: 1 } }],
    ['permissions', { sandbox: 'required', permissions: {} }],
  ] as const)('is refused: %s', (_, options) => {
    const agents = { echo: echo(options as Partial<AgentOptions>) }
    const placement = { ray: { address: 'http://127.0.0.1:8265' } }
    expect(() => createAxon({ placement, agents })).toThrow(/agent echo is placed on Ray/)
  })
})
