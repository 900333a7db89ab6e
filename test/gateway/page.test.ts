import { expect, onTestFinished, test } from 'vitest'
import { createAxon, createGateway, createLivePage } from '../../src/index.ts'
import { agent, newAxon } from '../e2e/axon.ts'
import { PageClient } from '../inspector/page-client.ts'
import { tokens } from './gateway.ts'

async function served() {
  const axon = await newAxon({ agents: { echo: agent('echo') } }).start()
  const page = createLivePage(axon)
  const gateway = await createGateway(axon, { tokens: structuredClone(tokens) as never, graceMs: 200, page })
  onTestFinished(async () => {
    await gateway.close()
    page.close()
  })
  return { axon, gateway, page }
}

test("the page is at the gateway's address without a token, and everything else still asks for one", async () => {
  const { gateway } = await served()
  const page = await fetch(gateway.url)
  expect([page.status, page.headers.get('content-type')]).toEqual([200, 'text/html; charset=utf-8'])
  expect(page.headers.get('content-security-policy')).toMatch("script-src 'self'")
  expect((await fetch(`${gateway.url}/page.js`)).status).toBe(200)
  expect((await fetch(`${gateway.url}/agents`)).status).toBe(401)
})

test('roles are those of the tokens: a reader looks, an owner acts, and who may use some agents sees nothing', async () => {
  const { gateway } = await served()
  const reader = await new PageClient(gateway.url).open('token-of-a-reader')
  const hello = await reader.frame('hello')
  expect([hello.role, hello.caps]).toEqual(['read', ['watch', 'unwatch', 'history']])
  const refused = await reader.ask({ type: 'run.start', agent: 'echo', prompt: 'x' })
  expect(refused).toMatchObject({ ok: false, error: { code: 'GATEWAY_FORBIDDEN' } })
  for (const token of ['token-of-a-runner', 'token-of-another-one', 'token-of-nobody-at-all'])
    expect(await (await new PageClient(gateway.url).open(token)).closed).toBe(4001)
})

test("a run from the page is its caller's at the gateway too", async () => {
  const { gateway } = await served()
  const owner = await new PageClient(gateway.url).open('token-of-the-owner')
  await owner.frame('keyframe')
  const { run } = await owner.ask({ type: 'run.start', agent: 'echo', prompt: 'x' })
  await owner.frame('run', (frame) => frame.run === run && frame.status === 'succeeded')
  const ask = (token: string) => fetch(`${gateway.url}/runs/${run}`, { headers: { authorization: `Bearer ${token}` } })
  expect(await (await ask('token-of-the-owner')).json()).toMatchObject({ run_id: run, status: 'succeeded' })
  expect((await ask('token-of-another-one')).status).toBe(404)
})

test('the end of the gateway closes its pages', async () => {
  const { gateway } = await served()
  const page = await new PageClient(gateway.url).open('token-of-the-owner')
  await page.frame('keyframe')
  await gateway.close()
  expect([1001, 1006]).toContain(await page.closed)
})

test('refuses what is no page', async () => {
  await expect(createGateway(createAxon(), { page: {} as never })).rejects.toMatchObject({ code: 'CONFIG_INVALID' })
})
