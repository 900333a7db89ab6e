/** The page over a real system: real agents, real processes, real crashes. */
import { existsSync, readFileSync } from 'node:fs'
import type { Page } from 'playwright-core'
import { beforeAll, expect, it, vi } from 'vitest'
import * as z from 'zod'
import { type AgentsOptions, type Axon, createInspector, tool } from '../../src/index.ts'
import { parseAgents } from '../../src/runtime/config/agents.ts'
import { agent, makeEnvironment, newAxon, next, pydanticAi } from '../e2e/axon.ts'
import { openPage } from './chromium.ts'
import { describeInChromium, expectAccessible, picture, rowsOf, theBrowser } from './in-chromium.ts'

const patience = { timeout: 20_000 }

/** A page over a system whose agents are spawned when somebody looks. One that fails stays, as with `axon dev`. */
async function withSystem(agents: AgentsOptions, use: (axon: Axon, page: Page) => Promise<void>): Promise<void> {
  const axon = await newAxon().start()
  const inspector = await createInspector(axon, { name: 'support-desk' })
  const page = await openPage(theBrowser(), inspector.url)
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  page.on('request', (request) => {
    const { host } = new URL(request.url())
    if (host !== new URL(inspector.url).host) errors.push(`A request to ${host}`)
  })
  try {
    for (const definition of parseAgents(agents)) axon.actor.send({ type: 'agent.spawn', definition })
    await use(axon, page)
    expect(errors).toEqual([])
  } finally {
    await page.context().close()
    await inspector.close()
  }
}

/** Resolves with the agent's process when there is one that serves. */
async function readyOf(axon: Axon, name: string): Promise<{ pid: number; row: string }> {
  return await vi.waitFor(() => {
    const { state, pid = 0, generation } = axon.agent(name).snapshot() ?? {}
    expect(state).toBe('ready')
    return { pid, row: `${name}/0 ready ${pid} #${generation?.split('#')[1]}` }
  }, patience)
}

const rowOf = async (page: Page, name: string) => (await rowsOf(page)).find((row) => row.startsWith(`${name} `)) ?? ''

function open(page: Page, name: string, tab: string): Promise<void> {
  return page
    .getByRole('treeitem', { name: new RegExp(`^${name}(?![\\w/])`) })
    .click()
    .then(() => page.getByRole('tab', { name: new RegExp(`^${tab}`) }).click())
}

/** What the pane of the open view says. */
const said = (page: Page) => page.locator('#pane').textContent()

describeInChromium('the page over a real system', () => {
  beforeAll(() => makeEnvironment(pydanticAi))

  it('agents start before the eyes of who looks, and their rows say what the system and the kernel say', async () => {
    const agents = { echo: agent('echo'), gate: agent('gate'), words: agent('words') }
    await withSystem(agents, async (axon, page) => {
      for (const name of Object.keys(agents)) {
        const { pid, row } = await readyOf(axon, name)
        await expect.poll(() => rowOf(page, `${name}/0`), patience).toBe(row)
        expect(existsSync(`/proc/${pid}`)).toBe(true)
      }
      // Memory is that of a heartbeat, in megabytes.
      const { pid } = await readyOf(axon, 'echo')
      const pages = Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1])
      const megabytes = async () => {
        const text = await page.getByRole('treeitem', { name: /^echo\/0\b/ }).textContent()
        return Number(/#1\s*0\s*(\d+)/.exec(text ?? '')?.[1])
      }
      await expect.poll(async () => Math.abs((await megabytes()) - (pages * 4_096) / 1e6), patience).toBeLessThan(20)
      await expectAccessible(page)
      await picture(page, 'agents')
    })
  })

  it('a process that is killed has its card, then its successor; the card stays', async () => {
    await withSystem({ prints: agent('prints', { restart: { firstMs: 1_500 } }) }, async (axon, page) => {
      const { pid } = await readyOf(axon, 'prints')
      await open(page, 'prints/0', 'Chart')
      process.kill(pid, 'SIGKILL')
      const card = page.getByRole('region', { name: 'Last crash' })
      await expect.poll(() => card.textContent(), patience).toMatch(/class signal, SIGKILL/)
      expect(await card.textContent()).toContain(`Process ${pid} (generation 1)`)
      const { row } = await readyOf(axon, 'prints')
      expect(row).toContain('#2')
      await expect.poll(() => rowOf(page, 'prints/0'), patience).toBe(row)
      expect(await card.isVisible()).toBe(true)
      await expectAccessible(page)
      await picture(page, 'crash')
    })
  })

  it('a module that cannot be imported shows its traceback, and stays failed until somebody starts it', async () => {
    await withSystem({ broken: agent('import_error') }, async (axon, page) => {
      await vi.waitFor(() => expect(axon.agent('broken').snapshot()?.state).toBe('failed'), patience)
      await open(page, 'broken/0', 'Chart')
      const card = page.getByRole('region', { name: 'Last crash' })
      await expect.poll(() => card.textContent(), patience).toMatch(/class import.*[Ss]tays failed until agent\.start/s)
      await card.locator('summary').click()
      expect(await card.locator('pre').textContent()).toContain('package_that_is_nowhere')
      const starting = next(axon, 'agent.provisioning')
      await page.getByRole('button', { name: 'agent.start' }).click()
      await starting
      await expectAccessible(page)
    })
  })

  it('a tool call that waits is approved on the page, and the run goes on', async () => {
    const refund = tool({
      description: 'Gives money back.',
      input: z.object({ order: z.string() }),
      needsApproval: true,
      execute: async () => 'refunded',
    })
    const user = agent('tool_user', { dependencies: pydanticAi, tools: { refund } })
    await withSystem({ user }, async (axon, page) => {
      await readyOf(axon, 'user')
      await open(page, 'user', 'Talk')
      const field = page.getByRole('textbox', { name: 'Message user' })
      await field.fill('My money, please.')
      await field.press('Control+Enter')
      const card = page.getByRole('group', { name: 'refund waits for approval' })
      await card.waitFor(patience)
      await expectAccessible(page)
      const settled = next(axon, 'run.settled')
      await card.getByRole('button', { name: /^Approve/ }).click()
      expect((await settled).status).toBe('succeeded')
      await expect.poll(() => said(page), patience).toMatch(/refunded/)
    })
  })

  it('a talk shows calls, results and usage; a run that loses its process is not run again; cancel ends one', async () => {
    const lookup = tool({
      description: 'Looks an order up.',
      input: z.object({ id: z.string() }),
      execute: async () => ({ item: 'kettle' }),
    })
    const agents = {
      user: agent('tool_user', { dependencies: pydanticAi, tools: { lookup } }),
      words: agent('words'),
    }
    await withSystem(agents, async (axon, page) => {
      await readyOf(axon, 'user')
      const say = async (name: string, prompt: string) => {
        const field = page.getByRole('textbox', { name: `Message ${name}` })
        await field.fill(prompt)
        await field.press('Control+Enter')
      }
      await open(page, 'user', 'Talk')
      await say('user', 'Where is my order?')
      await expect.poll(() => said(page), patience).toMatch(/lookup.*kettle/s)
      await expect.poll(() => said(page), patience).toMatch(/tokens/)
      await expectAccessible(page)
      await picture(page, 'talk')

      const { pid } = await readyOf(axon, 'words')
      await open(page, 'words', 'Talk')
      await say('words', '3 hang')
      await expect.poll(() => said(page), patience).toMatch(/word word word/)
      const [settled, again] = [next(axon, 'run.settled'), next(axon, 'agent.ready')]
      process.kill(pid, 'SIGKILL')
      expect(await settled).toMatchObject({ status: 'interrupted', started: true })
      await expect.poll(() => said(page), patience).toMatch(/interrupted.*not retried/s)
      await again
      const started = next(axon, 'run.started')
      await say('words', '2 hang')
      await started
      const cancelled = next(axon, 'run.settled')
      await page.getByRole('button', { name: /^Cancel/ }).click()
      expect((await cancelled).status).toBe('cancelled')
    })
  })
})
