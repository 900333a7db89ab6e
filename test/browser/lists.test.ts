import { expect, it } from 'vitest'
import { describeInChromium, expectAccessible, type Open, picture, withPage } from './in-chromium.ts'

function withList(name: 'Events' | 'Logs', width: number, use: (open: Open) => Promise<void>) {
  return withPage({ width, height: width < 720 ? 844 : 800 }, async (open) => {
    await open.page.getByRole('treeitem', { name: /^research\/1\b/ }).click()
    await open.page.getByRole('tab', { name: new RegExp(`^${name}`) }).click()
    await open.page.locator('.rows').waitFor()
    await use(open)
  })
}

describeInChromium('lists of events and lines', () => {
  it.each([
    ['Events', 1280],
    ['Events', 390],
    ['Logs', 1280],
    ['Logs', 390],
  ] as const)('%s have no serious findings of axe at %i px', (name, width) =>
    withList(name, width, async ({ page }) => {
      if (width > 720) await picture(page, name.toLowerCase())
      await expectAccessible(page)
    }),
  )

  it('an event that is pressed puts the playhead there, shows what it carried, and L returns', () =>
    withList('Events', 1280, async ({ page }) => {
      await page.getByRole('searchbox', { name: /^Filter events/ }).fill('type:process.exited')
      const row = page.locator('.event-row', { hasText: 'process.exited' }).first()
      const time = await row.locator('span').first().textContent()
      await row.click()
      await page.locator('.band.is-ink').waitFor()
      await expect.poll(() => page.locator('.event-row.is-marked span').first().textContent()).toBe(time)
      await page.locator('.list-detail').waitFor()
      await page.locator('h1').click()
      await page.keyboard.press('l')
      await page.locator('.band.is-ink').waitFor({ state: 'detached' })
    }))

  it('while it is paused the list stands still, and says how many events came', () =>
    withList('Events', 1280, async ({ page, server, scene }) => {
      await page.locator('.list-tools').getByRole('button', { name: 'Pause' }).click()
      const count = await page.getByText(/^\d+ events$/).textContent()
      const { seq, now } = scene.hello
      const sessionId = scene.frames.flatMap((frame) =>
        frame.type === '@xstate.actor' && frame.name === 'research/1' ? [frame.sessionId] : [],
      )[0] as string
      server.push({
        type: '@xstate.event',
        seq: seq + 1,
        at: now + 1,
        sessionId,
        sourceId: undefined,
        event: { type: 'agent.start' },
        taken: true,
      })
      await page.getByText('1 new').waitFor()
      expect(await page.getByText(/^\d+ events$/).textContent()).toBe(count)
    }))

  it('lines are searched, and those of an agent are text', () =>
    withList('Logs', 1280, async ({ page }) => {
      await page.getByRole('searchbox', { name: 'Search lines' }).fill('onerror')
      await expect.poll(() => page.locator('.log-text').allTextContents()).toHaveLength(1)
      expect(await page.locator('.log-row img').count()).toBe(0)
      await page.getByRole('searchbox', { name: 'Search lines' }).fill('nobody said this')
      await page.getByText('No line has nobody said this.').waitFor()
    }))
})
