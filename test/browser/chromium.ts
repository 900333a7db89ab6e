/** Owns the browser of tests: Debian's Chromium by playwright-core, pages with a fixed clock zone, and the judgement of axe-core. */
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { type Browser, chromium, type Page } from 'playwright-core'

const executablePath = '/usr/bin/chromium'
const args = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

export const hasChromium = existsSync(executablePath)

export interface PageOptions {
  width?: number
  height?: number
  scheme?: 'light' | 'dark'
  reducedMotion?: boolean
  forcedColors?: boolean
}

export function launch(): Promise<Browser> {
  return chromium.launch({ executablePath, args })
}

export async function withBrowser<T>(use: (browser: Browser) => Promise<T>): Promise<T> {
  const browser = await launch()
  try {
    return await use(browser)
  } finally {
    await browser.close()
  }
}

/** Opens the page and waits until the tree has its first row. */
export async function openPage(browser: Browser, url: string, options: PageOptions = {}): Promise<Page> {
  const page = await newPage(browser, options)
  await page.goto(url)
  await page.getByRole('treeitem').first().waitFor()
  return page
}

export async function newPage(browser: Browser, options: PageOptions = {}): Promise<Page> {
  const { width = 1280, height = 800, scheme = 'light', reducedMotion = true, forcedColors = false } = options
  const context = await browser.newContext({
    viewport: { width, height },
    colorScheme: scheme,
    reducedMotion: reducedMotion ? 'reduce' : 'no-preference',
    forcedColors: forcedColors ? 'active' : 'none',
    timezoneId: 'UTC',
    locale: 'en-GB',
    hasTouch: width < 720,
  })
  return context.newPage()
}

const axeSource = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/** Serious and critical findings of axe-core (WCAG 2.0 to 2.2, A and AA), one line each. */
export async function axeFindings(page: Page): Promise<string[]> {
  return page.evaluate(async (source) => {
    const scope = globalThis as unknown as { axe?: { run(options: unknown): Promise<{ violations: Violation[] }> } }
    interface Violation {
      id: string
      impact: string
      nodes: { target: string[]; failureSummary: string }[]
    }
    // By the debugger's evaluation, which the page's policy does not bind.
    if (scope.axe === undefined) new Function(source)()
    const tags = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa']
    const result = await scope.axe?.run({ runOnly: { type: 'tag', values: tags } })
    return (result?.violations ?? [])
      .filter(({ impact }) => impact === 'serious' || impact === 'critical')
      .flatMap(({ id, nodes }) =>
        nodes.map(({ target, failureSummary }) => `${id}: ${target.join(' ')}: ${failureSummary}`),
      )
  }, axeSource)
}
