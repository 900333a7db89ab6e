import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { gunzipSync } from 'node:zlib'
import { expect, it } from 'vitest'
import type { LiveFrame } from '../../src/inspector/frames.ts'
import { makeScene } from '../inspector/scene.ts'
import { newPage } from './chromium.ts'
import { describeInChromium, expectAccessible, rowsOf, theBrowser, withPage } from './in-chromium.ts'

const built = join(import.meta.dirname, '../../dist/inspector/page/index.html')

/** The scene up to an event, and what comes after it. */
function halves(seqFromEnd: number) {
  const scene = makeScene()
  const cut = scene.hello.seq - seqFromEnd
  const at = scene.frames.findIndex((frame) => frame.type !== 'hello' && 'seq' in frame && frame.seq > cut)
  const later = scene.frames.slice(at)
  const first = later.find((frame) => 'at' in frame) as { at: number }
  return {
    scene: { ...scene, frames: scene.frames.slice(0, at), hello: { ...scene.hello, seq: cut, now: first.at } },
    later,
  }
}

describeInChromium('a recording', () => {
  it('is taken, downloaded, and looked at on a page without a server, with the same results', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'axon-recording-'))
    try {
      const { scene, later } = halves(120)
      const file = join(folder, 'desk.axon.ndjson.gz')
      let live: string[] = []
      await withPage({ scene }, async ({ page, server }) => {
        await page.getByText(/events of 20,000$/).waitFor()
        await page.keyboard.press('r')
        await page.getByRole('button', { name: /^Stop/ }).waitFor()
        server.push(...later)
        await page.getByRole('treeitem', { name: /^triage\/3 starting/ }).waitFor()
        for (let i = 0; i < 50; i++) await page.keyboard.press(',')
        live = await rowsOf(page)
        await page.keyboard.press('l')
        const download = page.waitForEvent('download')
        await page.getByRole('button', { name: /^Stop/ }).click()
        expect((await download).suggestedFilename()).toMatch(/^support-desk-2026-11-28T12-04-\d\d\.axon\.ndjson\.gz$/)
        await (await download).saveAs(file)
      })
      const frames = gunzipSync(readFileSync(file))
        .toString()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line) as LiveFrame)
      expect(frames.slice(0, 2).map(({ type }) => type)).toEqual(['hello', 'keyframe'])

      const page = await newPage(theBrowser())
      await page.goto(pathToFileURL(built).href)
      await page.getByText('This page has no system.').waitFor()
      await expectAccessible(page)
      await page.locator('input[type=file]').first().setInputFiles(file)
      await page.getByText(/of desk\.axon\.ndjson\.gz/).waitFor()
      for (let i = 0; i < 50; i++) await page.keyboard.press(',')
      expect(await rowsOf(page)).toEqual(live)
      await page.keyboard.press('l')
      await page.getByRole('treeitem', { name: /^triage\/3 starting/ }).waitFor()
      await page.context().close()
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })

  it('that is none is refused in one sentence', () =>
    withPage({}, async ({ page }) => {
      await page.keyboard.press('?')
      await page
        .locator('input[type=file]')
        .first()
        .setInputFiles({
          name: 'notes.txt',
          mimeType: 'text/plain',
          buffer: Buffer.from('{"type":"log"}\n'),
        })
      await page.keyboard.press('Escape')
      await page.getByText('notes.txt is no recording: its first line is no hello frame.').waitFor()
      expect(await rowsOf(page)).toContain('support 3 of 3 ready')
    }))
})
