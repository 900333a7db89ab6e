/** Another user of the machine gets nothing of a system: no socket, no variable, no record, no word without the token. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agent, cacheDir, newAxon, processesWith, scratch } from '../e2e/axon.ts'
import { asOtherUser, demand, otherUsers } from './needs.ts'

const stranger = `
  import { once } from 'node:events'
  import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
  import { connect } from 'node:net'
  const { sockets, directories, processes, url } = JSON.parse(process.argv[1])
  const attempt = (what) => {
    try {
      return what() ?? 'done'
    } catch ({ code }) {
      return code
    }
  }
  const dial = async (path) => {
    const socket = connect(path)
    return once(socket, 'connect').then(() => 'connected', ({ code }) => code).finally(() => socket.destroy())
  }
  const told = {
    sockets: await Promise.all(sockets.map(dial)),
    listed: directories.map((path) => attempt(() => readdirSync(path))),
    written: directories.map((path) => attempt(() => writeFileSync(path + '/mine', ''))),
    environments: processes.map((pid) => attempt(() => readFileSync('/proc/' + pid + '/environ'))),
    signals: processes.map((pid) => attempt(() => process.kill(pid, 'SIGTERM'))),
    overTcp: (await fetch(url)).status,
    asWho: process.getuid(),
  }
  process.stdout.write(JSON.stringify(told))`

test('a process of another user connects to no socket, reads no variable and no record, ends nothing, and is unauthorized over TCP', async (context) => {
  demand(context, otherUsers)
  const stateDir = scratch()
  const agents = { echo: agent('echo'), tcp: agent('echo', { port: 0 }) }
  const axon = await newAxon({ stateDir, operator: true, agents }).start()
  const runtimeDir = axon.runtimeDir as string
  const sockets = readdirSync(runtimeDir).map((name) => join(runtimeDir, name))
  // Node's own, the operator's, and that of the agent without a port.
  expect(sockets).toHaveLength(3)
  const endpoint = axon.agent('tcp').snapshot()?.replicas[0]?.endpoint
  expect(endpoint?.kind).toBe('tcp')
  const url = endpoint?.kind === 'tcp' ? `http://127.0.0.1:${endpoint.port}/health` : ''
  const processes = [process.pid, ...processesWith(`AXON_SYSTEM=${axon.id}`).map(Number)]
  // Node, the host and its guard, and two agents.
  expect(processes.length).toBeGreaterThanOrEqual(5)
  const directories = [runtimeDir, join(stateDir, 'systems')]

  const told = JSON.parse(await asOtherUser(stranger, { sockets, directories, processes, url }))
  const each = <Item>(items: readonly Item[], code: string) => items.map(() => code)
  expect(told).toEqual({
    sockets: each(sockets, 'EACCES'),
    listed: each(directories, 'EACCES'),
    written: each(directories, 'EACCES'),
    environments: each(processes, 'EACCES'),
    signals: each(processes, 'EPERM'),
    overTcp: 401,
    asWho: 65_534,
  })
  for (const name of ['echo', 'tcp'])
    expect(await axon.agent(name).run({ prompt: 'well?' })).toMatchObject({ result: { prompt: 'well?' } })
})

test('another user cannot change the environments that agents are started from', async (context) => {
  demand(context, otherUsers)
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const write = `
    import { readdirSync, writeFileSync } from 'node:fs'
    const found = { entries: 0, written: [] }
    const root = JSON.parse(process.argv[1])
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      found.entries += 1
      const path = entry.parentPath + '/' + entry.name
      try {
        // uv's own lock, by which it makes an environment: nothing is read of it afterwards.
        if (entry.name === '.lock') continue
        if (entry.isFile()) writeFileSync(path, '', { flag: 'a' })
        else if (entry.isDirectory()) writeFileSync(path + '/mine.pth', '')
        else continue
        found.written.push(path)
      } catch {}
    }
    process.stdout.write(JSON.stringify(found))`
  const found = JSON.parse(await asOtherUser(write, join(cacheDir, 'environments')))
  expect(found.entries).toBeGreaterThan(100)
  expect(found.written).toEqual([])
  await axon.agent('echo').run({ prompt: 'hello' })
})
