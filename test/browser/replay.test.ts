import type { Page } from 'playwright-core'
import { expect, it } from 'vitest'
import { stateName } from '../../src/inspector/state-value.ts'
import type { Scene } from '../inspector/scene.ts'
import { worldFrom } from '../inspector/scene-history.ts'
import { describeInChromium, expectAccessible, picture, rowsOf, withPage } from './in-chromium.ts'

/** What the rows of replicas must say after an event, from the recorded frames alone. */
function expectedRows(scene: Scene, seq: number): string[] {
  return [...worldFrom(scene.frames, seq).actors.values()]
    .filter(({ kind }) => kind === 'replica')
    .map(({ name, snapshot, process }) =>
      `${name} ${stateName(snapshot.value)} ${process?.pid ?? '–'} #${process?.generation}`.trim(),
    )
}

async function replicaRows(page: Page): Promise<string[]> {
  return (await rowsOf(page)).filter((row) => /^\w+\/\d /.test(row))
}

function shownSeq(page: Page): Promise<number> {
  return page
    .getByText(/Replay .*event/)
    .innerText()
    .then((text) => Number(/event ([\d,]+)/.exec(text)?.[1]?.replaceAll(',', '')))
}

describeInChromium('looking back', () => {
  it('shows after fifty steps back the state that was recorded then, and L returns to now', () =>
    withPage({}, async ({ page, scene, server }) => {
      await page.getByText(/^3,\d+ events of 20,000$/).waitFor()
      const now = await replicaRows(page)
      expect(now).toEqual(expectedRows(scene, scene.hello.seq))
      for (let i = 0; i < 50; i++) await page.keyboard.press(',')
      await page.getByText(/Events cannot be sent/).waitFor()
      expect(await shownSeq(page)).toBe(scene.hello.seq - 50)
      expect(await replicaRows(page)).toEqual(expectedRows(scene, scene.hello.seq - 50))
      expect(await replicaRows(page)).not.toEqual(now)
      await expectAccessible(page)
      await picture(page, 'inspector-replay')
      const sent = server.commands.filter(({ type }) => !['watch', 'unwatch', 'history'].includes(type))
      expect(sent).toEqual([])
      await page.keyboard.press('l')
      expect(await replicaRows(page)).toEqual(now)
      expect(await page.getByText(/Events cannot be sent/).count()).toBe(0)
    }))

  it('finds the crash before and the one after, and the transitions of one actor', () =>
    withPage({}, async ({ page, scene }) => {
      await page.getByText(/^3,\d+ events of 20,000$/).waitFor()
      const crashes = scene.frames.flatMap((frame) => (frame.type === 'crash' ? [frame] : []))
      await page.keyboard.press('[')
      await page.keyboard.press('[')
      const second = crashes.at(-2)
      expect(await shownSeq(page)).toBe(second?.seq)
      expect(await page.getByRole('treeitem', { selected: true }).innerText()).toContain('research/1')
      await page.keyboard.press(']')
      expect(await shownSeq(page)).toBe(crashes.at(-1)?.seq)
      await page.keyboard.press('Shift+,')
      expect(await replicaRows(page)).toEqual(expectedRows(scene, await shownSeq(page)))
    }))

  it('follows the playhead under the mouse and under the keys of a slider', () =>
    withPage({}, async ({ page, scene }) => {
      await page.getByText(/^3,\d+ events of 20,000$/).waitFor()
      const slider = page.getByRole('slider', { name: 'Playhead' })
      expect(await slider.getAttribute('aria-valuetext')).toBe('live')
      const box = await slider.boundingBox()
      if (box === null) throw new Error('The tape is there.')
      await page.mouse.click(box.x + box.width / 2, box.y + 30)
      const seq = await shownSeq(page)
      expect(Math.abs(seq - scene.hello.seq / 2)).toBeLessThan(scene.hello.seq / 8)
      expect(await slider.getAttribute('aria-valuetext')).toMatch(/^12:02:0\d\.\d{3}$/)
      expect(await replicaRows(page)).toEqual(expectedRows(scene, seq))
      await slider.focus()
      await page.keyboard.press('ArrowRight')
      expect(await shownSeq(page)).toBe(seq + 1)
      await page.keyboard.press('Home')
      expect(await shownSeq(page)).toBe(1)
      await page.keyboard.press('End')
      expect(await slider.getAttribute('aria-valuetext')).toBe('live')
    }))

  it('stands still while events go on, and is not moved by them', () =>
    withPage({}, async ({ page, scene, server }) => {
      await page.getByText(/^3,\d+ events of 20,000$/).waitFor()
      await page.keyboard.press('Space')
      const seq = await shownSeq(page)
      const { actors } = worldFrom(scene.frames, seq)
      const support = [...actors.values()].find(({ name }) => name === 'support/0')
      if (support === undefined) throw new Error('support/0 is there')
      const at = scene.hello.now + 1000
      server.push({
        type: '@xstate.snapshot',
        seq: scene.hello.seq + 1,
        at,
        sessionId: support.sessionId,
        snapshot: { ...support.snapshot, value: 'suspect', since: at },
        event: { type: 'process.silent' },
        edges: [],
      })
      await page
        .getByText(`${(seq + 1).toLocaleString('en')} events of 20,000`)
        .or(page.getByText(/^3,\d+ events of/))
        .waitFor()
      expect(await shownSeq(page)).toBe(seq)
      expect(await replicaRows(page)).toContain('support/0 ready 41288 #1')
      await page.keyboard.press('Space')
      await page.getByRole('treeitem', { name: /^support\/0 suspect/ }).waitFor()
    }))
})
