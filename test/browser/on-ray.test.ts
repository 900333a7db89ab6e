/** The page over an agent on Ray, whose head is a stand-in. */
import { expect, it } from 'vitest'
import { createInspector } from '../../src/index.ts'
import { fixtures, newAxon } from '../e2e/axon.ts'
import { FakeRay } from '../runtime/placement/ray/fake-ray.ts'
import { openPage } from './chromium.ts'
import { describeInChromium, expectAccessible, theBrowser } from './in-chromium.ts'

const patience = { timeout: 20_000 }

describeInChromium('the page over an agent on Ray', () => {
  it('shows what its replicas use together, and which of them has said a line', async () => {
    const ray = await FakeRay.open()
    ray.said.set('proxy', ['Thinking about it'])
    const agents = { echo: { module: 'agents.echo', cwd: fixtures } }
    const axon = newAxon({ placement: ray.placement, agents })
    const inspector = await createInspector(axon, { name: 'support-desk' })
    await axon.start()
    const page = await openPage(theBrowser(), inspector.url)
    try {
      const row = page.getByRole('treeitem', { name: /^echo\/0/ })
      await row.click()
      // Ray's replica has 87 MB.
      await expect.poll(() => row.textContent(), patience).toMatch(/ready.*#1.*87/)
      const header = page.locator('.actor-line')
      await expect
        .poll(() => header.textContent(), patience)
        .toMatch(/generation 1, application axon-echo on Ray.*ray2\.60·/)
      await page.getByRole('tab', { name: 'Logs' }).click()
      await expect.poll(() => page.locator('#pane').textContent(), patience).toContain('proxy Thinking about it')
      await expectAccessible(page)
    } finally {
      await page.context().close()
      await inspector.close()
    }
  })
})
