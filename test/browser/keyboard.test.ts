import { expect, it } from 'vitest'
import { idOf } from '../inspector/scene-replicas.ts'
import { describeInChromium, expectAccessible, withPage } from './in-chromium.ts'

describeInChromium('the keyboard alone', () => {
  it.each([1280, 390])('at %i px finds what failed, reads why, and starts it again', (width) =>
    withPage({ width, height: 844 }, async ({ page, server }) => {
      await page.keyboard.press('/')
      await page.keyboard.type('state:failed')
      await page.keyboard.press('ArrowDown')
      await page.keyboard.press('End')
      await page.keyboard.press('Enter')
      await page
        .getByText(/cannot be imported/)
        .first()
        .waitFor()
      await page
        .getByText(/stays failed until agent\.start/i)
        .first()
        .waitFor()
      await expectAccessible(page)
      const start = page.getByRole('button', { name: /^agent\.start/ })
      const isThere = () => start.evaluate((element) => element === document.activeElement)
      for (let i = 0; i < 40 && !(await isThere()); i++) await page.keyboard.press('Shift+Tab')
      expect(await isThere()).toBe(true)
      await page.keyboard.press('Enter')
      await expect
        .poll(() => server.commands.filter(({ type }) => type === 'send'))
        .toMatchObject([{ type: 'send', sessionId: idOf('billing/0'), event: { type: 'agent.start' } }])
    }),
  )

  it('goes to views by letters, and back by Escape where the actor covers the tree', () =>
    withPage({ width: 800 }, async ({ page }) => {
      for (const [letter, title] of [
        ['e', 'Events'],
        ['f', 'Figures'],
        ['r', 'Messages'],
        ['t', 'Talk'],
      ] as const) {
        await page.keyboard.press('g')
        await page.keyboard.press(letter)
        await page.getByRole('tab', { name: new RegExp(`^${title}`), selected: true }).waitFor()
      }
      await page.keyboard.press('4')
      await page.getByRole('tab', { name: /^Logs/, selected: true }).waitFor()
      await page.keyboard.press('Escape')
      await page.getByRole('tree').waitFor()
      expect(await page.getByRole('tab').count()).toBe(0)
    }))

  it('types letters into fields as letters', () =>
    withPage({}, async ({ page }) => {
      await page.keyboard.press('/')
      await page.keyboard.type('rl? g,')
      expect(await page.getByRole('searchbox', { name: /^Filter by name/ }).inputValue()).toBe('rl? g,')
      expect(await page.getByRole('dialog').count()).toBe(0)
      expect(await page.getByRole('button', { name: 'Record' }).getAttribute('aria-pressed')).toBe('false')
    }))
})
