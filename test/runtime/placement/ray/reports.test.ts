import { expect, it } from 'vitest'
import type { Axon } from '../../../../src/index.ts'
import { next } from '../../../e2e/axon.ts'
import { FakeRay } from './fake-ray.ts'
import { system } from './systems.ts'

/** What replicas are heard to say, Axon's own notes left out. */
function heard(axon: Axon): string[] {
  const lines: string[] = []
  axon.on('process.output', ({ replica, stream, line }) => replica && lines.push(`${replica} ${stream} ${line}`))
  return lines
}

const soon = { timeout: 15_000 }

it('what replicas use stands in the snapshot of their agent', async () => {
  const ray = await FakeRay.open()
  const axon = await system(ray)
  const { application } = await next(
    axon,
    'process.replicas',
    ({ application: { replicas } }) => replicas[0]?.cpu === 0.5,
  )
  expect(application).toEqual({
    name: 'axon-echo',
    replicas: [{ id: 'proxy', state: 'RUNNING', node: '10.0.0.2', pid: 7, rss: 87_000_000, cpu: 0.5, inFlight: 1 }],
  })
  expect(axon.agent('echo').snapshot()?.application).toEqual(application)
})

it('what replicas say is told once, by each that can be reached', async () => {
  const ray = await FakeRay.open()
  await ray.addReplica('SERVE_REPLICA::axon-echo#agent#one')
  await ray.addReplica('SERVE_REPLICA::axon-echo#agent#two')
  ray.said.set('one', ['first\u001b[31m'])
  const axon = await system(ray)
  const lines = heard(axon)
  const agent = ray.applications.get('axon-echo')?.deployments.agent
  if (agent) agent.replicas = ['one', 'two'].map((replica_id) => ({ replica_id, state: 'RUNNING' }))
  await expect.poll(() => lines, soon).toEqual(['one stdout first'])
  ray.said.set('one', ['first', 'second'])
  ray.said.set('two', ['other'])
  await expect
    .poll(() => [...lines].sort(), soon)
    .toEqual(['one stdout first', 'one stdout second', 'two stdout other'])
})

it('what a replica has said last before it ended is told of what Ray has of it', async () => {
  const ray = await FakeRay.open()
  ray.said.set('proxy', ['hello'])
  ray.logs.set('a1', ':job_id:01\n:actor_name:ServeReplica\nhello\nFatal Python error: Segmentation fault\n')
  const axon = await system(ray)
  const lines = heard(axon)
  const [application] = ray.applications.values()
  const agent = application?.deployments.agent
  if (agent === undefined) throw new Error('There is no application.')
  agent.replicas = [{ replica_id: 'proxy', state: 'RUNNING', actor_id: 'a1' }]
  await expect.poll(() => lines, soon).toEqual(['proxy stdout hello'])
  await next(axon, 'process.replicas', ({ application: { replicas } }) => replicas[0]?.actor === 'a1')
  agent.replicas = [{ replica_id: 'next', state: 'RUNNING', actor_id: 'a2' }]
  await expect
    .poll(() => lines.filter((line) => line.startsWith('proxy stderr')), soon)
    .toEqual(['proxy stderr Fatal Python error: Segmentation fault'])
})
