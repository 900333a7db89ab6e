import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { agent, cacheDir, fixtures, newAxon, root, scratch } from '../e2e/axon.ts'

function env(variables: NodeJS.ProcessEnv, ...args: string[]) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'bin/axon.js'), 'env', ...args], {
    cwd: variables.PWD,
    env: { ...process.env, AXON_CACHE_DIR: cacheDir, NO_COLOR: '1', ...variables },
    encoding: 'utf8',
  })
  return { status, stdout, stderr }
}

test('env sync makes the environments of the configuration, and goes on after one that cannot be made', () => {
  const directory = scratch()
  const agents = {
    broken: { module: 'agents.echo', dependencies: ['-e .'] },
    echo: { module: 'agents.echo', cwd: fixtures, dependencies: [] },
  }
  writeFileSync(join(directory, 'axon.config.json'), JSON.stringify({ agents }))
  const { status, stdout, stderr } = env({ PWD: directory }, 'sync', '--json')
  const lines = stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
  expect(lines).toMatchObject([
    { error: { agent: 'broken' } },
    { agent: 'echo', root: expect.stringContaining(cacheDir) },
  ])
  expect([status, stderr]).toEqual([3, expect.stringMatching(/^ENV_\w+ broken: /)])
})

test('env list says which processes run in an environment, and env prune leaves it alone', async () => {
  const stateDir = scratch()
  const axon = await newAxon({ stateDir, agents: { echo: agent('echo') } }).start()
  const { pid, python } = axon.agent('echo').snapshot() ?? {}
  const variables = { AXON_STATE_DIR: stateDir, PWD: stateDir }
  const used = JSON.parse(env(variables, 'list', '--json').stdout).find(({ inUseBy }: { inUseBy: number[] }) =>
    inUseBy.includes(pid as number),
  )
  expect(python?.path.startsWith(used.root)).toBe(true)
  const { status, stdout } = env(variables, 'prune', '--older-than', '0', '--dry-run', '--json')
  expect([status, stdout.includes(used.fingerprint)]).toEqual([0, false])
  expect(env(variables, 'list').stdout).toMatch(/Python 3\.\d+\.\d+ +\d+ packages .*in use by \d+/)
})
