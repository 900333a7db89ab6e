import { describe, expect, it } from 'vitest'
import { makeScene, type Scene } from '../inspector/scene.ts'
import { axeFindings, hasChromium, openPage, type PageOptions, withBrowser } from './chromium.ts'
import { sceneServer } from './scene-server.ts'

type OpenedPage = Awaited<ReturnType<typeof openPage>>

/** The run of research/1 that was interrupted by a crash. */
async function withMessages(options: PageOptions, use: (page: OpenedPage, scene: Scene) => Promise<void>) {
  const scene = makeScene(Date.now())
  const server = await sceneServer({ scene })
  try {
    await withBrowser(async (browser) => {
      const page = await openPage(browser, server.pageUrl, options)
      await page.getByRole('treeitem', { name: /^research\/1\b/ }).click()
      await page.getByRole('tab', { name: /^Messages/ }).click()
      await page.getByRole('combobox', { name: 'Run' }).selectOption('run_7KQ2')
      await page.getByRole('button', { name: /run\.settled/ }).waitFor()
      await use(page, scene)
    })
  } finally {
    await server.close()
  }
}

describe.skipIf(!hasChromium)('Messages', () => {
  it.each([
    { width: 1280, scheme: 'dark' },
    { width: 390, scheme: 'light' },
  ] as const)('have no serious findings of axe at $width, $scheme', async (options) => {
    await withMessages(options, async (page) => {
      expect(await axeFindings(page)).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth > innerWidth')).toBe(false)
    })
  })

  it('of a run are those of the recorded frames, in their order; deltas are one row', async () => {
    await withMessages({}, async (page, scene) => {
      const told = scene.frames.flatMap((frame) =>
        frame.type === '@xstate.event' && frame.run === 'run_7KQ2' ? [frame] : [],
      )
      const rows = await page
        .locator('.sequence-row')
        .evaluateAll((all) => all.map((row) => row.getAttribute('aria-label')?.split(',')[0]))
      expect(rows).toEqual(told.map(({ event, count = 1 }) => (count > 1 ? `${event.type} ×${count}` : event.type)))
      expect(await page.locator('.sequence-head > span').allTextContents()).toEqual([
        'support-desk',
        'research',
        'research/1',
        'run_7KQ2',
      ])
    })
  })

  it('put the playhead where they are pressed; what came later is faint', async () => {
    await withMessages({}, async (page) => {
      await page.getByRole('button', { name: /run\.assigned/ }).press('Enter')
      await page.getByText('Events cannot be sent.').waitFor()
      expect(await page.locator('.sequence-row[aria-current="true"]').count()).toBe(1)
      expect(await page.locator('.sequence-arrow.is-later').count()).toBe(3)
    })
  })
})
