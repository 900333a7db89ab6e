import { expect, test } from 'vitest'
import { PortRig } from './port-rig.ts'

/** The environment that a process sees. */
async function environmentOf(env: NodeJS.ProcessEnv, own: Record<string, string>) {
  const rig = new PortRig('environment', { env, definition: { env: own } }).start()
  const seen = JSON.parse(await rig.line(/^\{/)) as Record<string, string>
  rig.send({ type: 'process.terminate', reason: 'stop', graceMs: 0 })
  await rig.exit()
  return { seen, rig }
}

const allowed = {
  PATH: process.env.PATH,
  HOME: '/home/somebody',
  LC_TIME: 'C',
  TZ: 'UTC',
  SSL_CERT_FILE: '/certificates.pem',
  HTTPS_PROXY: 'http://proxy:1',
  no_proxy: 'localhost',
}

test('a process sees the allow-list, what its definition gives, and its marks; nothing else', async () => {
  const forbidden = {
    OPENAI_API_KEY: 'sk-1',
    PYTHONPATH: '/elsewhere',
    LD_PRELOAD: '',
    NODE_OPTIONS: '',
    LC: 'x',
    XPATH: 'x',
  }
  const { seen, rig } = await environmentOf({ ...allowed, ...forbidden }, { GREETING: 'hello', TZ: 'Europe/Warsaw' })
  expect(seen).toEqual({
    ...allowed,
    TZ: 'Europe/Warsaw',
    GREETING: 'hello',
    AXON_SYSTEM: rig.resources.id,
    AXON_AGENT: 'writer',
    AXON_HOST: expect.any(String),
    PYDANTIC_AI_NO_BANNER: '1',
  })
})

test('a definition cannot take the marks away', async () => {
  const { seen, rig } = await environmentOf(allowed, { AXON_SYSTEM: '', AXON_AGENT: 'reader' })
  expect([seen.AXON_SYSTEM, seen.AXON_AGENT]).toEqual([rig.resources.id, 'writer'])
})

test('the nonce and the token are in neither the environment nor the arguments', async () => {
  const { readFileSync } = await import('node:fs')
  const rig = new PortRig('works').start()
  const { token } = rig.link
  await rig.until('agent.ready')
  const { pid } = await rig.until('process.spawned')
  const visible = ['cmdline', 'environ'].map((file) => readFileSync(`/proc/${pid}/${file}`, 'latin1')).join()
  expect(visible).not.toContain(token)
  expect(visible).not.toMatch(/[0-9a-f]{64}/)
  expect(JSON.stringify([rig.events, rig.facts])).not.toContain(token)
})
