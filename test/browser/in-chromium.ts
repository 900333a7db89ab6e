/**
 * Owns how browser tests are written: a describe that needs Chromium, a page over a scene, a judgement by axe-core, and pictures.
 * Pictures are taken only where `AXON_PICTURES` is set, so that a run of the tests changes nothing in the tree.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { makeScene, type Scene } from '../inspector/scene.ts'
import { axeFindings, hasChromium, launch, openPage, type PageOptions } from './chromium.ts'
import { type SceneServer, type SceneServerOptions, sceneServer } from './scene-server.ts'

let browser: Browser | undefined

/** As `describe`. Where there is no Chromium it is skipped and says so; where `CI` is set, that is a failure. */
export function describeInChromium(title: string, body: () => void): void {
  if (!hasChromium) {
    if (process.env.CI === undefined) describe.skip(`${title} (skipped: no chromium)`, body)
    else
      it(title, () => {
        throw new Error('/usr/bin/chromium is missing. On Debian: apt-get install chromium')
      })
    return
  }
  describe(title, () => {
    beforeAll(async () => {
      browser = await launch()
    })
    afterAll(async () => {
      await browser?.close()
    })
    body()
  })
}

export interface Open {
  page: Page
  server: SceneServer
  scene: Scene
  /** What the page said on its console as errors, and what it threw. */
  errors: string[]
}

/** The browser, for what needs more than one page. */
export function theBrowser(): Browser {
  if (browser === undefined) throw new Error('theBrowser() is for tests inside describeInChromium.')
  return browser
}

/** Opens the page over a scene, and closes both. Errors that the page did not catch fail the test. */
export async function withPage(
  options: PageOptions & Partial<SceneServerOptions>,
  use: (open: Open) => Promise<void>,
): Promise<void> {
  const { scene = makeScene(), token, oldestSeq, ...rest } = options
  const server = await sceneServer({ scene, ...(token && { token }), ...(oldestSeq && { oldestSeq }) })
  try {
    const page = await openPage(theBrowser(), server.pageUrl, rest)
    const errors: string[] = []
    page.on('pageerror', (error) => errors.push(String(error)))
    page.on('console', (message) => {
      if (message.type() === 'error' && !/WebSocket|ERR_CONNECTION/.test(message.text())) errors.push(message.text())
    })
    try {
      await use({ page, server, scene, errors })
      expect(errors).toEqual([])
    } finally {
      await page.context().close()
    }
  } finally {
    await server.close()
  }
}

/** No serious finding of axe-core, and nothing that scrolls sideways, in light and in dark. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const colorScheme of ['light', 'dark'] as const) {
    await page.emulateMedia({ colorScheme })
    expect(await axeFindings(page), colorScheme).toEqual([])
  }
  const [wide, scrolled] = await page.evaluate(() => [innerWidth, document.documentElement.scrollWidth])
  expect(scrolled).toBeLessThanOrEqual(wide as number)
}

/** Keeps a picture of the page in docs/images, where that is asked for. */
export async function picture(page: Page, name: string): Promise<void> {
  if (process.env.AXON_PICTURES === undefined) return
  const folder = join(import.meta.dirname, '../../docs/images')
  mkdirSync(folder, { recursive: true })
  await page.screenshot({ path: join(folder, `${name}.png`) })
}

/** What the tree says in its rows that are in the document: `support/0 ready 41288 #1`. */
export function rowsOf(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const text = (row: Element, cell: string) => row.querySelector(cell)?.textContent ?? ''
    return [...document.querySelectorAll('[role="treeitem"]')].map((row) =>
      ['.name', '.cell-state', '.cell-pid', '.cell-gen']
        .map((cell) => text(row, cell))
        .join(' ')
        .replace(/\s+/g, ' ')
        .trim(),
    )
  })
}
