import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import type { LiveFrame } from '../../src/inspector/frames.ts'
import { makeScene, snapshotOf } from '../inspector/scene.ts'
import { edgeId } from '../inspector/scene-machine.ts'
import { idOf } from '../inspector/scene-replicas.ts'
import { describeInChromium, expectAccessible, picture, withPage } from './in-chromium.ts'

const look = (page: Page, actor: string) => page.getByRole('treeitem', { name: new RegExp(`^${actor} `) }).click()
const button = (page: Page, name: string) => page.getByRole('button', { name, exact: true })
const litBoxes = (page: Page) => page.locator('.box.is-active .box-name').allTextContents()
const card = (page: Page) => page.getByRole('region', { name: 'Last crash' })

function move(actor: string, from: string, to: string, event: string, seq: number, at: number): LiveFrame {
  return {
    type: '@xstate.snapshot',
    seq,
    at,
    sessionId: idOf(actor),
    snapshot: snapshotOf(to, at),
    event: { type: event },
    edges: [edgeId(from, to)],
  }
}

describeInChromium('the chart of an actor', () => {
  it('lights the state it is in, says how it came there, and what comes next and when', () =>
    withPage({ scene: makeScene(Date.now()) }, async ({ page }) => {
      await look(page, 'research/1')
      expect(await litBoxes(page)).toEqual(['backoff'])
      const says = await page.getByRole('img', { name: /^research\/1 is in backoff/ }).getAttribute('aria-label')
      expect(says).toContain('from crashed by restart.decided')
      expect(says).toContain('provisioning by agent.start +2')
      const labels = await page.locator('.way-label').allTextContents()
      expect(labels).toContain('restart.decided')
      expect(labels).toContain('process.exited')
      expect(labels.some((label) => /^after \d\.\d s$/.test(label))).toBe(true)
      expect(await page.locator('.statechart *').count()).toBeLessThan(1500)
      await expectAccessible(page)
    }))

  it('follows a transition, and a dot runs along the way where motion is welcome', () =>
    withPage({ reducedMotion: false }, async ({ page, server, scene }) => {
      await look(page, 'research/1')
      await page.evaluate(() => {
        const { animate } = Element.prototype
        Element.prototype.animate = function (...given) {
          if (this.classList.contains('spark')) document.body.dataset.sparks = 'seen'
          return animate.apply(this, given)
        }
      })
      server.push(move('research/1', 'backoff', 'provisioning', 'after', scene.hello.seq + 1, scene.hello.now + 10))
      await page.locator('.box.is-active[data-state="agent.provisioning"]').waitFor()
      expect(await page.locator('.way.is-newest').getAttribute('data-way')).toBe('agent.backoff>agent.provisioning')
      await page.locator('body[data-sparks="seen"]').waitFor()
      expect(await card(page).innerText()).toContain('Generation 7 starts now.')
    }))

  it('names the ways of a state that is pointed at', () =>
    withPage({}, async ({ page }) => {
      await look(page, 'support/0')
      await page.locator('[data-state="agent.failed"]').hover()
      await page.locator('.way.is-pointed[data-way="agent.failed>agent.stopped"]').waitFor()
      expect(await page.locator('.way-label').allTextContents()).toContain('agent.start +2')
    }))

  it('is a list of states and transitions for those who want words', () =>
    withPage({}, async ({ page }) => {
      await look(page, 'research/1')
      await button(page, 'Outline').focus()
      await page.keyboard.press('Enter')
      const now = page.locator('.outline [aria-current="true"]')
      expect(await now.innerText()).toContain('after backoffMs → provisioning')
      await expectAccessible(page)
      await button(page, 'Outline').click()
      expect(await litBoxes(page)).toEqual(['backoff'])
    }))

  it.each([390, 320])('shows on a phone of %i px where it came from, where it is and where that leads', (width) =>
    withPage({ width, height: 844, scene: makeScene(Date.now()) }, async ({ page }) => {
      await look(page, 'research/1')
      await page.getByRole('img', { name: /^research\/1 is in backoff/ }).waitFor()
      const boxes = await page.locator('.near .box-name').allTextContents()
      expect(boxes.sort()).toEqual(['backoff', 'crashed', 'provisioning', 'ready', 'stopped'])
      await expectAccessible(page)
      await picture(page, `inspector-phone-${width}`)
    }),
  )
})

describeInChromium('the crash card', () => {
  it('answers what, when and after how long, which runs, and what comes next, without a click', () =>
    withPage({ scene: makeScene(Date.now()) }, async ({ page }) => {
      await look(page, 'research/1')
      const says = (await card(page).innerText()).replace(/\s+/g, ' ')
      for (const words of [
        'Out of memory',
        'class oom, SIGKILL',
        'Process 43996 (generation 6) ended after 42.6 s',
        'run_7KQ2, started, not retried',
        '-0.72 s out loading 41 pages',
        '6th of 10 in 10 min',
      ])
        expect(says).toContain(words)
      expect(says).toMatch(/Generation 7 starts in \d\.\d s/)
      await picture(page, 'inspector-chart')
      await page.emulateMedia({ colorScheme: 'dark' })
      await picture(page, 'inspector-chart-dark')
    }))

  it('shows the traceback of what could not be imported, and that it stays failed', () =>
    withPage({}, async ({ page }) => {
      await look(page, 'billing/0')
      expect(await card(page).innerText()).toContain('Stays failed until agent.start.')
      await page.getByText('Traceback', { exact: true }).click()
      expect(await card(page).locator('pre').innerText()).toContain("No module named 'stripe_legacy'")
      await expectAccessible(page)
    }))
})

describeInChromium('the events that may be sent to an actor', () => {
  it('carry the generation that they are for', () =>
    withPage({}, async ({ page, server }) => {
      await look(page, 'research/1')
      await button(page, 'agent.start').click()
      await expect
        .poll(() => server.commands.filter(({ type }) => type === 'send'))
        .toMatchObject([{ sessionId: idOf('research/1'), generation: '6', event: { type: 'agent.start' } }])
    }))

  it('are asked once more where runs are in flight', () =>
    withPage({}, async ({ page, server }) => {
      await look(page, 'support')
      await button(page, 'agent.stop').click()
      const question = page.getByRole('form', { name: 'Confirm agent.stop' })
      expect(await question.innerText()).toMatch(/8 runs in flight/)
      expect(server.commands.some(({ type }) => type === 'send')).toBe(false)
      await expectAccessible(page)
      await question.getByRole('button', { name: 'Keep' }).click()
      await button(page, 'agent.stop').click()
      await question.getByRole('button', { name: 'agent.stop' }).click()
      await expect
        .poll(() => server.commands.find(({ type }) => type === 'send'))
        .toMatchObject({
          event: { type: 'agent.stop' },
        })
    }))

  it('are not taken where the state has no use for them, and say why', () =>
    withPage({}, async ({ page, server }) => {
      await look(page, 'support/0')
      const start = button(page, 'agent.start')
      expect(await start.getAttribute('aria-disabled')).toBe('true')
      expect(await start.getAttribute('title')).toBe('It runs already.')
      await start.click({ force: true })
      expect(server.commands.some(({ type }) => type === 'send')).toBe(false)
    }))

  it('are not offered to those who may only look, nor in replay', () => {
    const scene = makeScene()
    scene.hello.role = 'read'
    return withPage({ scene }, async ({ page }) => {
      await look(page, 'research/1')
      expect(await button(page, 'agent.start').getAttribute('aria-disabled')).toBe('true')
      await page.getByText('This page may only look.').waitFor()
      await page.keyboard.press(',')
      await button(page, 'agent.start').waitFor({ state: 'detached' })
    })
  })
})
