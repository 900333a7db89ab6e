/** A Node that stands still for longer than a page waits, and goes on. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { beforeAll, expect, it, onTestFinished } from 'vitest'
import { cacheDir, fixtures, makeEnvironment, root } from '../e2e/axon.ts'
import { openPage } from './chromium.ts'
import { describeInChromium, expectAccessible, theBrowser } from './in-chromium.ts'

const patience = { timeout: 30_000 }

describeInChromium('a server that stands still', () => {
  beforeAll(() => makeEnvironment([]))

  it('is lost, and comes back with everything, nothing twice and the same process', async () => {
    const node = spawn(process.execPath, [join(root, 'test/fixtures/watched.ts'), cacheDir, fixtures], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    onTestFinished(() => void node.kill('SIGKILL'))
    const exit = once(node, 'exit')
    const page = await openPage(theBrowser(), String(await once(node.stdout, 'data')).trim())
    onTestFinished(() => page.context().close())
    const row = page.getByRole('treeitem', { name: /^echo\/0\b/ })
    await expect.poll(() => row.textContent(), patience).toMatch(/ready/)
    const pid = await row.locator('.cell-pid').textContent()

    node.kill('SIGSTOP')
    await page.getByText(/^Connection lost/).waitFor(patience)
    await expectAccessible(page)
    node.kill('SIGCONT')
    await page.getByText(/^Connection lost/).waitFor({ state: 'detached', ...patience })
    await expect.poll(() => page.getByRole('banner').textContent(), patience).toMatch(/Live/)
    expect(await row.locator('.cell-pid').textContent()).toBe(pid)

    await row.click()
    await page.getByRole('tab', { name: /^Events/ }).click()
    const seqs = async () => (await page.locator('.event-row .is-seq').allTextContents()).map(Number)
    await expect.poll(async () => (await seqs()).length, patience).toBeGreaterThan(3)
    const shown = await seqs()
    expect(new Set(shown).size).toBe(shown.length)
    expect(await page.getByText(/events not seen/).count()).toBe(0)
    node.stdin.end()
    expect((await exit)[0]).toBe(0)
  })
})
