import { expect, it } from 'vitest'
import { describeInChromium, expectAccessible, type Open, picture, withPage } from './in-chromium.ts'

/** The run of research/1 that was interrupted by a crash. */
function withMessages(width: number, use: (open: Open) => Promise<void>) {
  return withPage({ width, height: width < 720 ? 844 : 800 }, async (open) => {
    const { page } = open
    await page.getByRole('treeitem', { name: /^research\/1\b/ }).click()
    await page.getByRole('tab', { name: /^Messages/ }).click()
    await page.getByRole('combobox', { name: 'Run' }).selectOption('run_7KQ2')
    await page.getByRole('button', { name: /run\.settled/ }).waitFor()
    await use(open)
  })
}

describeInChromium('Messages', () => {
  it.each([1280, 390])('have no serious findings of axe at %i px', (width) =>
    withMessages(width, async ({ page }) => {
      await picture(page, `messages-${width}`)
      await expectAccessible(page)
    }),
  )

  it('of a run are those of the recorded frames, in their order; deltas are one row', () =>
    withMessages(1280, async ({ page, scene }) => {
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
    }))

  it('put the playhead where they are pressed; what came later is faint', () =>
    withMessages(1280, async ({ page }) => {
      await page.getByRole('button', { name: /run\.assigned/ }).press('Enter')
      await page.getByText('Events cannot be sent.').waitFor()
      expect(await page.locator('.sequence-row[aria-current="true"]').count()).toBe(1)
      expect(await page.locator('.sequence-arrow.is-later').count()).toBe(3)
    }))
})
