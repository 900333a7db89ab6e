import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { parseAgents } from '../../src/runtime/config/agents.ts'
import { readConfig } from '../../src/runtime/config/load.ts'

const root = join(import.meta.dirname, '../..')
const page = readFileSync(join(root, 'docs/scaling.md'), 'utf8')
const [, example = ''] = /^```ts\n([\s\S]*?)^```/m.exec(page) ?? []

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'axon-scaling-'))
  mkdirSync(join(directory, 'node_modules'))
  symlinkSync(root, join(directory, 'node_modules/axon-runtime'))
  writeFileSync(join(directory, 'package.json'), '{ "type": "module" }')
  writeFileSync(join(directory, 'axon.config.ts'), example)
})
afterEach(() => {
  vi.unstubAllEnvs()
  rmSync(directory, { recursive: true, force: true })
})

/** Where the example's agents live with these variables. */
async function placements(variables: Record<'RAY_DASHBOARD' | 'RAY_PROXY' | 'RAY_AUTH_TOKEN', string | undefined>) {
  for (const [name, value] of Object.entries(variables)) vi.stubEnv(name, value)
  const { options } = await readConfig({ cwd: directory })
  const agents = parseAgents(options.agents, options.placement)
  return Object.fromEntries(agents.map(({ name, placement }) => [name, placement?.ray]))
}

const none = { RAY_DASHBOARD: undefined, RAY_PROXY: undefined, RAY_AUTH_TOKEN: undefined }

it('docs/scaling.md: the example is this machine without variables', async () => {
  expect(await placements(none)).toEqual({ support: undefined, triage: undefined })
})

it('docs/scaling.md: with the address of a head, what may leave is on Ray', async () => {
  const head = { ...none, RAY_DASHBOARD: 'http://10.0.0.1:8265', RAY_AUTH_TOKEN: 'secret' }
  expect(await placements(head)).toMatchObject({
    support: { address: 'http://10.0.0.1:8265', proxy: 'http://10.0.0.1:8000', token: 'secret', onClose: 'keep' },
    triage: undefined,
  })
})

it('docs/scaling.md: with a proxy of its own, requests go there', async () => {
  const cluster = { RAY_DASHBOARD: 'http://10.0.0.1:8265', RAY_PROXY: 'https://ray.internal', RAY_AUTH_TOKEN: 'secret' }
  expect(await placements(cluster)).toMatchObject({ support: { proxy: 'https://ray.internal' } })
})
