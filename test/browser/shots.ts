/**
 * Takes pictures of the page over the scene, for those who work on it:
 * `node test/browser/shots.ts FOLDER [actor] [tab]` writes 1280 light, 1280 dark and 390 in both.
 */
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { makeScene } from '../inspector/scene.ts'
import { openPage, withBrowser } from './chromium.ts'
import { sceneServer } from './scene-server.ts'

const [folder = 'node_modules/.cache/shots', actor = 'research/1', tab = 'Chart'] = process.argv.slice(2)
mkdirSync(folder, { recursive: true })
await withBrowser(async (browser) => {
  for (const [width, height] of [
    [1280, 800],
    [390, 844],
  ] as const) {
    for (const scheme of ['light', 'dark'] as const) {
      const server = await sceneServer({ scene: makeScene(Date.now()) })
      const page = await openPage(browser, server.pageUrl, { width, height, scheme })
      page.on('console', (message) => process.stderr.write(`${message.type()}: ${message.text()}\n`))
      const shot = (name: string) => page.screenshot({ path: join(folder, `${name}-${width}-${scheme}.png`) })
      if (width < 720) await shot('list')
      await page.getByRole('treeitem', { name: new RegExp(`^${actor} `) }).click()
      await page.getByRole('tab', { name: new RegExp(`^${tab}`) }).click()
      await shot(tab.toLowerCase())
      await page.context().close()
      await server.close()
    }
  }
})
