/** Packages that Ray installs for an application, from wheels that are served on loopback: nothing else is reached here. */
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { zip } from '../../src/runtime/placement/ray/zip.ts'
import { agent, leave, system } from './system.ts'

let index: Server
let url: string

beforeAll(async () => {
  index = createServer(({ url = '' }, response) => {
    if (!url.endsWith('/tiny-1.0-py3-none-any.whl')) return void response.writeHead(404).end()
    response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(wheel())
  })
  await new Promise<void>((resolve) => index.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(index.address() as AddressInfo).port}`
})

afterAll(async () => {
  await leave()
  await new Promise((resolve) => index.close(resolve))
})

const onPip = { packages: 'pip' } as const

it('are there for its agent, beside those of the image', async () => {
  const dependencies = [`tiny @ ${url}/tiny-1.0-py3-none-any.whl`]
  const axon = await system({ tiny: agent('needs_tiny', { dependencies }) }, onPip).start()
  expect((await axon.agent('tiny').run({ prompt: 'Hello' })).result).toEqual([42, 'Hello'])
})

it('fail the agent where they cannot be installed, with what pip said', async () => {
  const missing = agent('needs_tiny', {
    dependencies: [`tiny @ ${url}/tiny-9.9-py3-none-any.whl`],
    restart: { maxRestarts: 0 },
  })
  await expect(system({ missing }, onPip).start()).rejects.toMatchObject({
    code: 'RAY_DEPLOY_FAILED',
    agent: 'missing',
    message: expect.stringContaining('404'),
  })
})

function wheel(): Buffer {
  const directory = 'tiny-1.0.dist-info'
  const files = {
    'tiny.py': 'ANSWER = 42\n',
    [`${directory}/METADATA`]: 'Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n',
    [`${directory}/WHEEL`]: 'Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
    [`${directory}/RECORD`]: `tiny.py,,\n${directory}/METADATA,,\n${directory}/WHEEL,,\n${directory}/RECORD,,\n`,
  }
  return zip(Object.entries(files).map(([name, text]) => ({ name, bytes: Buffer.from(text), isExecutable: false })))
}
