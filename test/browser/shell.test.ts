import { expect, it } from 'vitest'
import { describeInChromium, expectAccessible, picture, rowsOf, withPage } from './in-chromium.ts'

describeInChromium('the page over a running system', () => {
  it('shows its actors with state, pid and generation, and the figures of all', () =>
    withPage({}, async ({ page }) => {
      const rows = await rowsOf(page)
      expect(rows).toContain('support 3 of 3 ready')
      expect(rows).toContain('support/2 ready 43870 #2')
      expect(rows).toContain('research/1 backoff – #6')
      expect(rows).toContain('billing/0 failed – #3')
      expect(await page.title()).toBe('✕ 1 · support-desk')
      const head = (await page.getByRole('banner').innerText()).replace(/\s+/g, ' ')
      for (const words of [
        'support-desk',
        'pid 41207 · up 2 h 14 m',
        'runs/s 1 min',
        '184 ms p50',
        '1.92 s p99',
        'Live',
      ]) {
        expect(head).toContain(words)
      }
      await expectAccessible(page)
      await picture(page, 'inspector-tree')
    }))

  it.each([390, 320])('works on a phone of %i px: the list, then the actor, then back', (width) =>
    withPage({ width, height: 844 }, async ({ page }) => {
      await expectAccessible(page)
      expect(await page.getByRole('main').isVisible()).toBe(false)
      await page.getByRole('treeitem', { name: /^research\/1/ }).click()
      await page.getByRole('tab', { name: /^Chart/ }).waitFor()
      await expectAccessible(page)
      await page.getByRole('button', { name: 'Back to all actors' }).click()
      expect(await page.getByRole('tree').isVisible()).toBe(true)
      await page.getByRole('button', { name: 'Events' }).click()
      await page.getByRole('tab', { name: /^Events/, selected: true }).waitFor()
    }),
  )

  it('needs no colours of its own where the system forces some', () =>
    withPage({ forcedColors: true }, async ({ page }) => {
      await expectAccessible(page)
    }))

  it('filters by part of a name, by pid and by state, and says when nothing matches', () =>
    withPage({}, async ({ page }) => {
      await page.keyboard.press('/')
      await page.keyboard.type('research')
      expect(await rowsOf(page)).toHaveLength(5)
      const filter = page.getByRole('searchbox')
      await filter.fill('41318')
      expect((await rowsOf(page)).at(-1)).toBe('triage/0 ready 41318 #1')
      await filter.fill('state:failed')
      expect((await rowsOf(page)).map((row) => row.split(' ')[0])).toEqual([
        'support-desk',
        'agents',
        'billing',
        'billing/0',
      ])
      await page.getByRole('button', { name: 'backoff' }).click()
      expect(await rowsOf(page)).toContain('research/1 backoff – #6')
      await filter.fill('nobody')
      await page.getByText('No actor matches nobody').waitFor()
      await expectAccessible(page)
      await page.getByRole('button', { name: 'Clear' }).click()
      await expect.poll(async () => (await rowsOf(page)).length).toBeGreaterThan(20)
    }))

  it('is one stop for Tab, and is moved through by arrow keys', () =>
    withPage({}, async ({ page }) => {
      const tree = page.getByRole('tree')
      await tree.focus()
      const selected = () => page.getByRole('treeitem', { selected: true }).locator('.name').innerText()
      await page.keyboard.press('ArrowDown')
      await page.keyboard.press('ArrowDown')
      expect(await selected()).toBe('support')
      await page.keyboard.press('ArrowLeft')
      expect(await page.getByRole('treeitem', { selected: true }).getAttribute('aria-expanded')).toBe('false')
      expect(await rowsOf(page)).not.toContain('support/0 ready 41288 #1')
      await page.keyboard.press('ArrowDown')
      expect(await selected()).toBe('research')
      await page.keyboard.press('ArrowRight')
      expect(await selected()).toBe('research/0')
      await page.keyboard.press('End')
      expect(await selected()).toBe('py3.11·4b07aa')
      await page.keyboard.press('Tab')
      expect(await page.evaluate(() => document.activeElement?.closest('[role="tree"]'))).toBe(null)
    }))

  it('shows all keys, and lets single letters and colours be chosen', () =>
    withPage({}, async ({ page }) => {
      await page.keyboard.press('?')
      const sheet = page.getByRole('dialog', { name: 'Keys' })
      await sheet.waitFor()
      await expectAccessible(page)
      await sheet.getByLabel('Dark').check()
      expect(await page.evaluate(() => getComputedStyle(document.body).backgroundColor)).toBe('rgb(13, 18, 17)')
      await sheet.getByLabel('Single letters are keys').uncheck()
      await page.keyboard.press('Escape')
      await page.keyboard.press('?')
      expect(await sheet.isVisible()).toBe(false)
      await page.reload()
      await page.getByRole('treeitem').first().waitFor()
      expect(await page.evaluate(() => document.documentElement.dataset.theme)).toBe('dark')
    }))

  it('asks nothing of anybody but its own server, and keeps the token out of the address', () =>
    withPage({}, async ({ page, server }) => {
      const asked: string[] = []
      page.on('request', (request) => asked.push(request.url()))
      await page.reload()
      await page.getByRole('treeitem').first().waitFor()
      expect(asked.length).toBeGreaterThan(2)
      expect(asked.filter((url) => !url.startsWith(server.url))).toEqual([])
      expect(page.url()).toBe(server.url)
    }))
})
