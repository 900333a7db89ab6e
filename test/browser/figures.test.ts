import { describe, expect, it } from 'vitest'
import { makeScene } from '../inspector/scene.ts'
import { axeFindings, hasChromium, openPage, type PageOptions, withBrowser } from './chromium.ts'
import { sceneServer } from './scene-server.ts'

type OpenedPage = Awaited<ReturnType<typeof openPage>>

async function withFigures(actor: RegExp, options: PageOptions, use: (page: OpenedPage) => Promise<void>) {
  const server = await sceneServer({ scene: makeScene(Date.now()) })
  try {
    await withBrowser(async (browser) => {
      const page = await openPage(browser, server.pageUrl, options)
      await page.getByRole('treeitem', { name: actor }).click()
      await page.getByRole('tab', { name: /^Figures/ }).click()
      await page.locator('.plot-line').first().waitFor()
      await use(page)
    })
  } finally {
    await server.close()
  }
}

describe.skipIf(!hasChromium)('Figures', () => {
  it.each([
    { width: 1280, scheme: 'light' },
    { width: 390, scheme: 'dark' },
  ] as const)('have no serious findings of axe at $width, $scheme', async (options) => {
    await withFigures(/^research\/1\b/, options, async (page) => {
      expect(await axeFindings(page)).toEqual([])
      expect(await page.evaluate('document.documentElement.scrollWidth > innerWidth')).toBe(false)
    })
  })

  it('are said as a table too, and shown for each agent', async () => {
    await withFigures(/^support-desk\b/, {}, async (page) => {
      const names = () => page.getByRole('rowheader').allTextContents()
      expect(await names()).toEqual([
        'runs',
        'latency, p99',
        'latency, p50',
        'errors',
        'queued',
        'tokens',
        'memory',
        'CPU',
      ])
      await page.getByRole('combobox', { name: 'Which figures' }).selectOption('memory')
      await page.getByRole('rowheader', { name: 'memory of each agent, research' }).waitFor()
      expect(await names()).toHaveLength(6)
    })
  })

  it('a click puts the playhead there, and the values are those of that time', async () => {
    await withFigures(/^support-desk\b/, {}, async (page) => {
      await page
        .locator('.plot-area')
        .first()
        .click({ position: { x: 100, y: 20 } })
      await page.getByText('Events cannot be sent.').waitFor()
      expect(await page.locator('.plots-cross').count()).toBe(1)
    })
  })
})
