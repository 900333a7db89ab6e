import { expect, it } from 'vitest'
import type { RunFrame, StreamFrame } from '../../src/inspector/frames.ts'
import { makeScene } from '../inspector/scene.ts'
import { describeInChromium, expectAccessible, type Open, picture, withPage } from './in-chromium.ts'

/** With support, one of whose runs waits for a person. */
function withTalk(width: number, use: (open: Open) => Promise<void>) {
  // The time to answer runs out by the clock of today.
  const scene = makeScene(Date.now())
  return withPage({ width, height: width < 720 ? 844 : 800, scene }, async (open) => {
    const { page } = open
    await page.getByRole('treeitem', { name: /^support\/1\b/ }).click()
    await page.getByRole('tab', { name: /^Talk/ }).click()
    await page.getByRole('group', { name: 'issue_refund waits for approval' }).waitFor()
    await use(open)
  })
}

function told(id: number, event: string, data: unknown): StreamFrame {
  return { type: 'stream', at: Date.now(), run: 'run_9C4F', id, event, data }
}

// Beyond what the scene's run has told.
const later = 1000

describeInChromium('Talk', () => {
  it.each([1280, 390])('has no serious findings of axe at %i px', (width) =>
    withTalk(width, async ({ page }) => {
      await picture(page, `talk-approval-${width}`)
      await expectAccessible(page)
    }),
  )

  it('an approval is given by its key, for that call', async () => {
    await withTalk(1280, async ({ page, server }) => {
      await page.getByRole('button', { name: /^Deny/ }).focus()
      await page.keyboard.press('a')
      await page.getByText('Approved.').waitFor()
      expect(server.commands.at(-1)).toMatchObject({ type: 'tool.approve', run: 'run_9C4F', id: 'c3', approved: true })
    })
  })

  it('text and calls stand in their order, markup stays text, and the next prompt carries the conversation', async () => {
    await withTalk(1280, async ({ page, server, scene }) => {
      const field = page.getByRole('textbox', { name: 'Message support' })
      await field.fill('Thank you')
      await field.press('Control+Enter')
      await page.locator('.ledger-prompt', { hasText: 'Thank you' }).waitFor()
      const messages = [{ kind: 'request' }]
      server.push(
        told(later, 'tool.result', { id: 'c3', result: 'paid' }),
        told(later + 1, 'text.delta', { text: 'Done <img src=x ' }),
        told(later + 2, 'text.delta', { text: 'onerror=alert(1)>' }),
        told(later + 3, 'run.result', { result: 'Done', messages, usage: { total_tokens: 3 } }),
      )
      await page.getByText('Done <img src=x onerror=alert(1)>').waitFor()
      expect(await page.locator('.ledger .tool-call b').allTextContents()).toEqual([
        'lookup_order',
        'search_policy',
        'issue_refund',
      ])
      const run = server.commands.find(({ type }) => type === 'run.start')
      expect(run).toMatchObject({ agent: 'support', prompt: 'Thank you' })
      server.push(endOf())
      await page.locator('.run-status', { hasText: 'succeeded' }).waitFor()
      await field.fill('And now?')
      await field.press('Control+Enter')
      await page.locator('.ledger-prompt', { hasText: 'And now?' }).waitFor()
      expect(server.commands.findLast(({ type }) => type === 'run.start')).toMatchObject({ message_history: messages })

      function endOf() {
        const last = scene.frames.findLast((frame) => frame.type === 'run' && frame.run === 'run_9C4F') as RunFrame
        return { ...last, seq: scene.hello.seq + 1, at: Date.now(), status: 'succeeded' as const, durationMs: 5000 }
      }
    })
  })

  it('is off in replay', async () => {
    await withTalk(1280, async ({ page }) => {
      await page.getByRole('slider', { name: 'Playhead' }).press('ArrowLeft')
      await page.getByText('This is the past: nothing can be said there.').waitFor()
      expect(await page.getByRole('textbox', { name: 'Message support' }).count()).toBe(0)
    })
  })
})
