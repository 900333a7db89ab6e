import { afterAll, expect, it } from 'vitest'
import { running } from './cluster.ts'
import { agent, leave, system } from './system.ts'

afterAll(leave)

it.each([
  { how: "by replicas' own ports", direct: true, affinity: false },
  { how: "by Serve's proxy, where that is wanted", direct: false, affinity: true },
])('keeps runs of one affinity at one replica, $how', async ({ direct, affinity }) => {
  const name = direct ? 'ports' : 'proxied'
  const axon = await system({ [name]: agent('echo', { replicas: 2 }) }, { direct, affinity }).start()
  await running(`axon-${name}`, 2)
  const keys = Array.from({ length: 12 }, (_, index) => `user ${index}`)
  const places = async () => {
    const answers = keys.map((key) => axon.agent(name).run<{ pid: number }>({ prompt: key }, { affinity: key }))
    return (await Promise.all(answers)).map(({ result }) => result.pid)
  }
  // A replica that has just come has no place before it has answered.
  await expect.poll(async () => new Set(await places()).size).toBe(2)
  const first = await places()
  expect(await places()).toEqual(first)
})
