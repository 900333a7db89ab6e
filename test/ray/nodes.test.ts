import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, expect, it } from 'vitest'
import { clear, deploy, ports, ray, run, running, until } from './cluster.ts'
import { startNode } from './node.ts'

const nodes: ChildProcess[] = []

afterAll(async () => {
  await clear()
  for (const node of nodes) node.kill('SIGKILL')
})

/** A node with room for one replica that needs a `spare`, at an address of its own. */
function join(name: string, ip: string): ChildProcess {
  const node = startNode(ray, name, [
    ...['--address=127.0.0.1:6379', `--node-ip-address=${ip}`, '--num-cpus=2', '--resources={"spare": 1}'],
  ])
  nodes.push(node)
  return node
}

/** SIGKILL of the node's own process, with which its replicas end. */
function kill(ip: string): void {
  const raylet = readdirSync('/proc').find((pid) => /^\d+$/.test(pid) && isRaylet(pid, ip))
  process.kill(Number(raylet), 'SIGKILL')
}

function isRaylet(pid: string, ip: string): boolean {
  try {
    const [command = '', ...args] = readFileSync(`/proc/${pid}/cmdline`, 'utf8').split('\0')
    return command.endsWith('/raylet') && args.includes(`--node_ip_address=${ip}`)
  } catch {
    return false // it has ended
  }
}

it('serves on while a node is lost, and is whole again with the next node', async () => {
  const second = join('second', '127.0.0.2')
  const needs = { num_replicas: 2, health_check_period_s: 1, ray_actor_options: { resources: { spare: 1 } } }
  await deploy('gate', 'gate', needs)
  const both = await running('gate', 2)
  expect(both.map(({ node_ip }) => node_ip).sort()).toEqual(['127.0.0.1', '127.0.0.2'])
  const ended = once(second, 'exit')
  kill('127.0.0.2')
  await until(({ applications: { gate } }) => (gate?.status === 'RUNNING' ? undefined : true))
  for (let asked = 0; asked < 10; asked++) expect((await run('gate', '/dev/null')).status).toBe(200)
  await ended
  join('third', '127.0.0.3')
  const whole = await running('gate', 2)
  expect(whole.map(({ node_ip }) => node_ip).sort()).toEqual(['127.0.0.1', '127.0.0.3'])
  for (const at of await ports('gate', whole)) expect((await run('gate', '/dev/null', { at })).status).toBe(200)
})
