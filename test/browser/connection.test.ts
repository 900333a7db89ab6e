import { expect, it } from 'vitest'
import { closeCodes, type LiveFrame } from '../../src/inspector/frames.ts'
import { makeScene, type Scene } from '../inspector/scene.ts'
import { idOf } from '../inspector/scene-replicas.ts'
import { newPage } from './chromium.ts'
import { describeInChromium, expectAccessible, rowsOf, theBrowser, withPage } from './in-chromium.ts'
import { sceneServer } from './scene-server.ts'

/** So many events of `support/0`; the last makes it suspect. */
function events(scene: Scene, count: number): LiveFrame[] {
  const { seq, now } = scene.hello
  const sessionId = idOf('support/0')
  const snapshot = { status: 'active' as const, value: 'suspect', next: [], since: now + count }
  return [
    ...Array.from(
      { length: count - 1 },
      (_, i): LiveFrame => ({
        type: '@xstate.event',
        seq: seq + 1 + i,
        at: now + 1 + i,
        sessionId,
        sourceId: undefined,
        event: { type: 'process.heartbeat' },
        taken: true,
      }),
    ),
    {
      type: '@xstate.snapshot',
      seq: seq + count,
      at: now + count,
      sessionId,
      snapshot,
      event: { type: 'x' },
      edges: [],
    },
  ]
}

describeInChromium('the connection', () => {
  it('that is lost leaves everything, says so, and goes on where it was without doubles', () =>
    withPage({}, async ({ page, server, scene }) => {
      const total = (count: number) => page.getByText(`${count.toLocaleString('en')} events of 20,000`)
      await page.getByText(/^3,\d+ events of 20,000$/).waitFor()
      const known = Number((await page.getByText(/^3,\d+ events of 20,000$/).innerText()).replace(/ .*|,/g, ''))
      server.isUp = false
      server.cut()
      await page.getByText(/^Connection lost \d+ s ago\./).waitFor()
      expect(await rowsOf(page)).toContain('support 3 of 3 ready')
      await expectAccessible(page)
      server.happen(...events(scene, 300))
      server.isUp = true
      await page.getByRole('button', { name: 'Retry' }).click()
      await page.getByRole('treeitem', { name: /^support\/0 suspect/ }).waitFor()
      await total(known + 300).waitFor()
      expect(await page.getByText(/not seen/).count()).toBe(0)
      expect(server.commands.filter(({ type }) => type === 'history').at(-1)).toMatchObject({
        fromSeq: scene.hello.seq - 299,
      })
    }))

  it('that comes back too late says how much was not seen', async () => {
    let oldest = 1
    await withPage({ oldestSeq: () => oldest }, async ({ page, server, scene }) => {
      await page.getByText(/^3,\d+ events of 20,000$/).waitFor()
      server.isUp = false
      server.cut()
      await page.getByText(/^Connection lost/).waitFor()
      server.happen(...events(scene, 400))
      oldest = scene.hello.seq - 400 + 312 + 1
      server.isUp = true
      await page.getByText('312 events not seen').waitFor()
      await page.getByRole('treeitem', { name: /^support\/0 suspect/ }).waitFor()
    })
  })

  it('that was too slow for the server says so, and comes back by itself', () =>
    withPage({}, async ({ page, server }) => {
      await page.getByText(/^3,\d+ events of 20,000$/).waitFor()
      server.isUp = false
      server.cut(closeCodes.tooSlow)
      await page.getByText(/^This page was too slow and was disconnected; it resumes from event 3,\d+\./).waitFor()
      server.isUp = true
      await page.getByText(/too slow/).waitFor({ state: 'detached' })
    }))

  it('to a system that has stopped keeps what was recorded', () =>
    withPage({}, async ({ page, server, scene }) => {
      await page.getByText(/^3,\d+ events of 20,000$/).waitFor()
      server.push({ type: 'closed', at: scene.hello.now })
      server.cut(closeCodes.systemClosed)
      await page.getByText('The system stopped at 12:04:32. What was recorded stays here.').waitFor()
      await expectAccessible(page)
      await page.keyboard.press('[')
      await page.getByText(/Replay .*event/).waitFor()
    }))

  it('with a wrong token asks for another', async () => {
    const server = await sceneServer({ scene: makeScene() })
    const page = await newPage(theBrowser())
    try {
      await page.goto(`${server.url}#token=wrong`)
      const field = page.getByLabel(/refuses this token/)
      await field.waitFor()
      await expectAccessible(page)
      await field.fill('secret')
      await page.getByRole('button', { name: 'Connect' }).click()
      await page.getByRole('treeitem').first().waitFor()
    } finally {
      await page.context().close()
      await server.close()
    }
  })

  it('that takes its time is said with its address', async () => {
    const server = await sceneServer({ scene: makeScene() })
    const page = await newPage(theBrowser())
    try {
      await page.routeWebSocket(/live/, () => {})
      await page.goto(server.pageUrl)
      await page.getByText(`Connecting to ${new URL(server.url).host} …`).waitFor()
      await expectAccessible(page)
    } finally {
      await page.context().close()
      await server.close()
    }
  })
})
