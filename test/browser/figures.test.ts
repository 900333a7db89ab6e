import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { describeInChromium, expectAccessible, picture, withPage } from './in-chromium.ts'

function withFigures(actor: RegExp, width: number, use: (page: Page) => Promise<void>) {
  return withPage({ width, height: width < 720 ? 844 : 800 }, async ({ page }) => {
    await page.getByRole('treeitem', { name: actor }).click()
    await page.getByRole('tab', { name: /^Figures/ }).click()
    await page.locator('.plot-line').first().waitFor()
    await use(page)
  })
}

describeInChromium('Figures', () => {
  it.each([1280, 390])('have no serious findings of axe at %i px', (width) =>
    withFigures(/^research\/1\b/, width, async (page) => {
      await picture(page, `figures-${width}`)
      await expectAccessible(page)
    }),
  )

  it('are said as a table too, and shown for each agent', () =>
    withFigures(/^support-desk\b/, 1280, async (page) => {
      const names = () => page.getByRole('rowheader').allTextContents()
      const all = ['runs', 'latency, p99', 'latency, p50', 'errors', 'queued', 'tokens', 'memory', 'CPU']
      expect(await names()).toEqual(all)
      await page.getByRole('combobox', { name: 'Which figures' }).selectOption('memory')
      await page.getByRole('rowheader', { name: 'memory of each agent, research' }).waitFor()
      expect(await names()).toHaveLength(6)
    }))

  it('a click puts the playhead there, and the values are those of that time', () =>
    withFigures(/^support-desk\b/, 1280, async (page) => {
      const runs = page.locator('.plot-name b').first()
      const now = await runs.textContent()
      const area = page.locator('.plot-area').first()
      // The values do not follow the pointer, which has left.
      await area.click({ position: { x: 101, y: 20 } })
      await page.mouse.move(10, 400)
      await page.getByText('Events cannot be sent.').waitFor()
      expect(await page.locator('.plots-cross').count()).toBe(1)
      expect(await runs.textContent()).not.toBe(now)
    }))
})
