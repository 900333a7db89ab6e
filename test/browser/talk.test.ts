import { describe, expect, it } from 'vitest'
import type { RunFrame, StreamFrame } from '../../src/inspector/frames.ts'
import { makeScene, type Scene } from '../inspector/scene.ts'
import { axeFindings, hasChromium, openPage, type PageOptions, withBrowser } from './chromium.ts'
import { type SceneServer, sceneServer } from './scene-server.ts'

type OpenedPage = Awaited<ReturnType<typeof openPage>>

async function withTalk(
  options: PageOptions,
  use: (page: OpenedPage, server: SceneServer, scene: Scene) => Promise<void>,
) {
  const scene = makeScene(Date.now())
  const server = await sceneServer({ scene })
  try {
    await withBrowser(async (browser) => {
      const page = await openPage(browser, server.pageUrl, options)
      await page.getByRole('treeitem', { name: /^support\/1\b/ }).click()
      await page.getByRole('tab', { name: /^Talk/ }).click()
      await page.getByRole('group', { name: 'issue_refund waits for approval' }).waitFor()
      await use(page, server, scene)
    })
  } finally {
    await server.close()
  }
}

function told(id: number, event: string, data: unknown): StreamFrame {
  return { type: 'stream', at: Date.now(), run: 'run_9C4F', id, event, data }
}

// Beyond what the scene's run has told.
const later = 1000

describe.skipIf(!hasChromium)('Talk', () => {
  it.each([
    { width: 1280, scheme: 'light' },
    { width: 1280, scheme: 'dark' },
    { width: 390, scheme: 'light' },
    { width: 390, scheme: 'dark' },
  ] as const)('has no serious findings of axe at $width, $scheme', async (options) => {
    await withTalk(options, async (page) => {
      expect(await axeFindings(page)).toEqual([])
      const sideways = await page.evaluate('document.documentElement.scrollWidth > innerWidth')
      expect(sideways).toBe(false)
    })
  })

  it('an approval is given by its key, for that call', async () => {
    await withTalk({}, async (page, server) => {
      await page.getByRole('button', { name: /^Deny/ }).focus()
      await page.keyboard.press('a')
      await page.getByText('Approved.').waitFor()
      expect(server.commands.at(-1)).toMatchObject({ type: 'tool.approve', run: 'run_9C4F', id: 'c3', approved: true })
    })
  })

  it('text and calls stand in their order, markup stays text, and the next prompt carries the conversation', async () => {
    await withTalk({}, async (page, server, scene) => {
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
    await withTalk({}, async (page) => {
      await page.getByRole('slider', { name: 'Playhead' }).press('ArrowLeft')
      await page.getByText('This is the past: nothing can be said there.').waitFor()
      expect(await page.getByRole('textbox', { name: 'Message support' }).count()).toBe(0)
    })
  })
})
