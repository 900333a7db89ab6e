import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'

const root = join(import.meta.dirname, '../..')
const env = { ...process.env, AXON_CACHE_DIR: join(root, 'node_modules/.cache/axon-e2e'), NO_COLOR: '1' }

function types(cwd: string, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'bin/axon.js'), 'types', ...args], {
    cwd,
    env,
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

/** A project with the agents that are given, of which planner is that of the fixtures. */
function project(agents: Record<string, string>): string {
  const directory = mkdtempSync(join(tmpdir(), 'axon-types-'))
  onTestFinished(() => rmSync(directory, { recursive: true, force: true }))
  cpSync(join(root, 'test/fixtures/types/desk'), join(directory, 'desk'), { recursive: true })
  configure(directory, agents)
  return directory
}

function configure(directory: string, agents: Record<string, string>): void {
  const defined = Object.entries(agents).map(([name, module]) => [name, { module, dependencies: [] }])
  writeFileSync(join(directory, 'axon.config.json'), JSON.stringify({ agents: Object.fromEntries(defined) }))
}

test.each(['test/fixtures/types', 'examples/compose'])('the types in %s are what its agents tell', (directory) => {
  const checked = types(join(root, directory), '--check')
  expect(checked).toEqual({ status: 0, stdout: '', stderr: expect.stringContaining('is as the agents are') })
})

test('the types of agents that live on a cluster are told by this machine', () => {
  const directory = project({})
  const placement = { ray: { address: 'http://127.0.0.1:9' } }
  const config = { agents: { planner: { module: 'desk.planner', dependencies: [], placement } } }
  writeFileSync(join(directory, 'axon.config.json'), JSON.stringify(config))
  expect(types(directory)).toMatchObject({ status: 0, stdout: 'planner: added\n' })
})

test('a stale file is found, told agent by agent, and not touched; then it is written', () => {
  const directory = project({ planner: 'desk.planner', second: 'desk.planner' })
  expect(types(directory)).toMatchObject({ status: 0, stdout: 'planner: added\nsecond: added\n' })
  const file = join(directory, 'axon.types.ts')
  const before = readFileSync(file, 'utf8')
  const planner = join(directory, 'desk/planner.py')
  writeFileSync(planner, readFileSync(planner, 'utf8').replace('size: int = 1', 'size: str = ""'))
  configure(directory, { planner: 'desk.planner' })
  const stale = types(directory, '--check')
  expect(stale).toMatchObject({ status: 1, stderr: expect.stringContaining('is stale') })
  expect(stale.stdout).toBe('planner: changed\n-     size?: number\n+     size?: string\nsecond: removed\n')
  expect(readFileSync(file, 'utf8')).toBe(before)
  expect(JSON.parse(types(directory, '--json').stdout)).toEqual({
    file,
    isStale: true,
    agents: { planner: 'changed', second: 'removed' },
    errors: [],
  })
  expect(types(directory, '--check').status).toBe(0)
})

test('where an agent cannot be loaded nothing is written, its error is told, and the others are told of all the same', () => {
  const directory = project({ planner: 'desk.planner', broken: 'desk.nowhere' })
  const told = types(directory, '--json', '--out', 'there.ts')
  expect(told.status).toBe(4)
  expect(JSON.parse(told.stdout)).toMatchObject({
    agents: { planner: 'added' },
    errors: [{ code: 'AGENT_MODULE_NOT_FOUND', agent: 'broken' }],
  })
  expect(existsSync(join(directory, 'there.ts'))).toBe(false)
})
