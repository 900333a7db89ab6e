import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { PortRig } from './port-rig.ts'

test('a host that has ended starts nothing more, and says so instead of waiting for ever', async () => {
  const rig = new PortRig('works').start()
  await rig.until('process.spawned')
  const host = rig.resources.hosts.get(rig.host)
  await host.ready
  await host.close()
  const spec = { generation: 'writer/0#2', nonce: 'n', start: 'warm', sandboxed: false, limits: undefined } as const
  await expect(host.launch(spec, new AbortController().signal)).rejects.toMatchObject({ code: 'PROCESS_SPAWN_FAILED' })
})

test('a host is told where the sockets may be, and so is the record of its system', async () => {
  const rig = new PortRig('works').start()
  await rig.until('agent.ready')
  const { recorded } = rig.resources.hosts.get(rig.host)
  const [, ...told] = readFileSync(`/proc/${recorded.pid}/cmdline`, 'utf8').split('\0axon_agent.host\0')
  expect(told.join().split('\0')).toContain(rig.resources.runtimeDir)
  const systems = join(rig.host.root, 'systems')
  const [name = ''] = readdirSync(systems)
  const record = JSON.parse(readFileSync(join(systems, name), 'utf8'))
  expect(record).toMatchObject({ id: rig.resources.id, hosts: [recorded] })
  expect(record.runtimeDirs).toContain(rig.resources.runtimeDir)
})
