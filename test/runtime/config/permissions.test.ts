import { expect, test } from 'vitest'
import { type AgentOptions, parseAgent } from '../../../src/runtime/config/agents.ts'

const parse = (options: Record<string, unknown>) =>
  parseAgent({ name: 'writer', module: 'agents.writer', ...options } as AgentOptions & { name: string })

test('without a sandbox there are no permissions, in one there are none until they are given', () => {
  expect(parse({})).toMatchObject({ sandbox: 'off', permissions: undefined })
  expect(parse({ sandbox: 'off', permissions: { read: ['/srv'] } }).permissions).toBeUndefined()
  expect(parse({ sandbox: 'required' }).permissions).toEqual({ read: [], write: [], net: [], env: [], run: [] })
})

test('paths are from the directory of the agent, programs without a slash are names', () => {
  const permissions = {
    read: ['data', '/srv'],
    write: ['./out'],
    run: ['git', './bin/tool'],
    net: true,
    env: ['A', 'B_*'],
  }
  expect(parse({ cwd: '/tmp', sandbox: 'best-effort', permissions }).permissions).toEqual({
    read: ['/tmp/data', '/srv'],
    write: ['/tmp/out'],
    run: ['git', '/tmp/bin/tool'],
    net: true,
    env: ['A', 'B_*'],
  })
})

test('permissions without a sandbox are a mistake that would hold nobody to them', () => {
  expect(() => parse({ permissions: {} })).toThrow(/agent writer has permissions and no sandbox.*'required'/)
})

test('a host in net is taken where the best is done, and refused where all is required', () => {
  const permissions = { net: ['*:53', 'api.openai.com:443'] }
  expect(parse({ sandbox: 'best-effort', permissions }).permissions?.net).toEqual(permissions.net)
  expect(() => parse({ sandbox: 'required', permissions })).toThrow(/the host of api\.openai\.com:443.*write \*:443/)
})

test('what is no permission is named with what it should be', () => {
  for (const [permissions, message] of [
    [{ net: ['api.openai.com'] }, /is no address: write host:port/],
    [{ net: ['*:0'] }, /is no address/],
    [{ net: ['*:65536'] }, /port above 65535/],
    [{ net: ['[::1]:443x'] }, /is no address/],
    [{ env: ['A=1'] }, /is no name of a variable/],
    [{ env: ['*'] }, /is no name of a variable/],
    [{ read: [''] }, /is no path/],
    [{ write: false }, /permissions\.write/],
    [{ execute: [] }, /there is no option execute; there are read, write, net, env, run/],
  ] as const)
    expect(() => parse({ sandbox: 'required', permissions })).toThrow(message)
})
