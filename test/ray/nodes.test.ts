import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, readFileSync } from 'node:fs'
import { afterAll, expect, it } from 'vitest'
import type { Axon } from '../../src/index.ts'
import { open, waits } from '../e2e/gate.ts'
import { deploy, gate, ports, type Running, ray, run, running, until } from './cluster.ts'
import { startNode } from './node.ts'
import { agent, leave, system } from './system.ts'

const nodes: ChildProcess[] = []

afterAll(async () => {
  await leave()
  for (const node of nodes) node.kill('SIGKILL')
})

/** A node with room for one replica that needs a `spare`, and one that needs `room`, at an address of its own. */
function join(name: string, ip: string): ChildProcess {
  const node = startNode(ray, name, [
    ...['--address=127.0.0.1:6379', `--node-ip-address=${ip}`, '--num-cpus=2', '--resources={"spare": 1, "room": 1}'],
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
  const held = agent('gate', { replicas: 2 })
  const axon = await system({ held }, { resources: { cpus: 0.1, custom: { room: 1 } } }).start()
  const both = await running('gate', 2)
  const ofAxon = await running('axon-held', 2)
  for (const replicas of [both, ofAxon])
    expect(replicas.map(({ node_ip }) => node_ip).sort()).toEqual(['127.0.0.1', '127.0.0.2'])

  const [lost, kept] = await heldAt(axon, ofAxon)
  const ended = once(second, 'exit')
  kill('127.0.0.2')
  await until(({ applications: { gate } }) => (gate?.status === 'RUNNING' ? undefined : true))
  for (let asked = 0; asked < 10; asked++) expect((await run('gate', '/dev/null')).status).toBe(200)
  await expect(lost.answer).rejects.toMatchObject({ code: 'RUN_INTERRUPTED', started: true })
  for (let asked = 0; asked < 10; asked++) await axon.agent('held').run({ prompt: '/dev/null' })
  await open(kept.path)
  expect((await kept.answer).result).toMatchObject({ pid: kept.pid })
  await ended

  join('third', '127.0.0.3')
  const whole = await running('gate', 2)
  for (const replicas of [whole, await running('axon-held', 2)])
    expect(replicas.map(({ node_ip }) => node_ip).sort()).toEqual(['127.0.0.1', '127.0.0.3'])
  for (const at of await ports('gate', whole)) expect((await run('gate', '/dev/null', { at })).status).toBe(200)
  expect(axon.agent('held').snapshot()).toMatchObject({ state: 'ready', restarts: 0 })
})

interface Held {
  pid: number
  path: string
  answer: Promise<{ result: unknown }>
}

/** A run that has begun at the replica of the node that will be lost, and one at the other's. */
async function heldAt(axon: Axon, replicas: readonly Running[]): Promise<[Held, Held]> {
  const held = new Map<string | null, Held>()
  for (let key = 0; held.size < 2; key += 1) {
    const affinity = String(key)
    const { result } = await axon.agent('held').run<{ pid: number }>({ prompt: '/dev/null' }, { affinity })
    const replica = replicas.find(({ pid }) => pid === result.pid)
    if (replica === undefined || held.has(replica.node_ip)) continue
    const path = gate()
    const waiting = waits(path)
    const begun = Promise.withResolvers<void>()
    const off = axon.on('run.started', () => begun.resolve())
    const answer = axon.agent('held').run({ prompt: path }, { affinity })
    answer.catch(() => {})
    await Promise.all([waiting, begun.promise])
    off()
    held.set(replica.node_ip, { pid: replica.pid, path, answer })
  }
  return [held.get('127.0.0.2') as Held, held.get('127.0.0.1') as Held]
}
