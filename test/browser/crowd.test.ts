import { expect, it } from 'vitest'
import type { ActorFrame, EventFrame, KeyframeFrame, LiveFrame, SnapshotFrame } from '../../src/inspector/frames.ts'
import { makeScene, type Scene, snapshotOf } from '../inspector/scene.ts'
import { describeInChromium, withPage } from './in-chromium.ts'

const actors = 1000
const perSecond = 500
const seconds = 10

/** A thousand replicas of ten agents. */
function crowd(): Scene {
  const scene = makeScene()
  const at = scene.hello.now - 1000
  const base = { type: '@xstate.actor' as const, seq: 1, at, rootId: 's:0', snapshot: snapshotOf('ready', at) }
  const frames: ActorFrame[] = [
    { ...base, sessionId: 's:0', name: 'crowd', parentId: undefined, kind: 'system', order: 0 },
  ]
  for (let agent = 0; agent < 10; agent++) {
    const parent = `a:${agent}`
    frames.push({
      ...base,
      sessionId: parent,
      name: `agent-${agent}`,
      parentId: 's:0',
      kind: 'agent',
      agent: `agent-${agent}`,
      order: agent,
    })
    for (let n = 0; n < actors / 10; n++) {
      const name = `agent-${agent}/${n}`
      frames.push({
        ...base,
        sessionId: name,
        name,
        parentId: parent,
        kind: 'replica',
        agent: `agent-${agent}`,
        order: n,
      })
    }
  }
  const keyframe: KeyframeFrame = { type: 'keyframe', seq: 1, at, frames }
  return {
    ...scene,
    hello: { ...scene.hello, seq: 1, oldestSeq: 1 },
    frames: [keyframe],
    logs: new Map(),
    streams: new Map(),
  }
}

/** Events of a tenth of a second, and some changes of state among them. */
function tenth(scene: Scene, n: number): LiveFrame[] {
  return Array.from({ length: perSecond / 10 }, (_, i): EventFrame | SnapshotFrame => {
    const seq = scene.hello.seq + 1 + i
    const at = scene.hello.now + i + 1
    const sessionId = `agent-${(n + i) % 10}/${(n * 7 + i * 3) % 100}`
    if (i % 5 > 0)
      return {
        type: '@xstate.event',
        seq,
        at,
        sessionId,
        sourceId: undefined,
        event: { type: 'run.assigned' },
        taken: true,
      }
    const value = (n + i) % 2 === 0 ? 'suspect' : 'ready'
    return {
      type: '@xstate.snapshot',
      seq,
      at,
      sessionId,
      snapshot: snapshotOf(value, at),
      event: { type: 'x' },
      edges: [],
    }
  })
}

describeInChromium('a thousand actors and 500 events a second', () => {
  it('stay smooth: few rows, short tasks, bounded memory, and nothing moves by itself', () =>
    withPage({ scene: crowd() }, async ({ page, server, scene }) => {
      const rows = page.getByRole('treeitem')
      await rows.nth(10).waitFor()
      await page.locator('.tree-scroller').evaluate((element) => {
        element.scrollTop = 9000
      })
      await page.getByRole('treeitem', { name: /^agent-3\/40/ }).click()
      const place = () => page.locator('.tree-scroller').evaluate((element) => element.scrollTop)
      const before = await place()
      const client = await page.context().newCDPSession(page)
      const heap = async () => {
        await client.send('HeapProfiler.collectGarbage')
        return (await client.send('Runtime.getHeapUsage')).usedSize
      }
      await page.evaluate(() => {
        const tasks: number[] = []
        Object.assign(globalThis, { tasks })
        new PerformanceObserver((list) => tasks.push(...list.getEntries().map(({ duration }) => duration))).observe({
          type: 'longtask',
        })
      })
      let n = 0
      /** Ten seconds of it: the tasks over 50 ms, in milliseconds, and by how much the heap grew, in megabytes. */
      const surge = async () => {
        const heapBefore = await heap()
        await page.evaluate(() => {
          ;(globalThis as unknown as { tasks: number[] }).tasks.length = 0
        })
        await new Promise<void>((resolve) => {
          const until = n + seconds * 10
          const timer = setInterval(() => {
            server.push(...tenth(scene, n))
            n += 1
            if (n < until) return
            clearInterval(timer)
            resolve()
          }, 100)
        })
        expect(await rows.count()).toBeLessThanOrEqual(60)
        await page.waitForFunction(
          (seq) => document.querySelector('.tape-count')?.textContent?.includes(seq),
          (scene.hello.seq - 1).toLocaleString('en'),
        )
        const longTasks = await page.evaluate(() => [...(globalThis as unknown as { tasks: number[] }).tasks])
        return { longTasks: longTasks.map(Math.round), grownMb: ((await heap()) - heapBefore) / 1e6 }
      }
      const filtered = () =>
        page.evaluate(async () => {
          const input = document.querySelector('#filter') as HTMLInputElement
          const begun = performance.now()
          input.value = input.value === '' ? 'agent-7/9' : ''
          input.dispatchEvent(new Event('input', { bubbles: true }))
          await new Promise(requestAnimationFrame)
          return performance.now() - begun
        })
      // The page paints up to 60 times a second: of 600 tasks, one in a hundred may be long. Where the machine has other work, the best of three counts.
      const surges = [await surge()]
      const best = () => Math.min(...surges.map(({ longTasks }) => longTasks.length))
      while (best() > 6 && surges.length < 3) surges.push(await surge())
      expect(best(), `long tasks: ${JSON.stringify(surges)}`).toBeLessThanOrEqual(6)
      expect(Math.min(...surges.map(({ grownMb }) => grownMb))).toBeLessThan(20)
      expect(await place()).toBe(before)
      expect(await page.getByRole('treeitem', { selected: true }).locator('.name').innerText()).toBe('agent-3/40')
      const took = [await filtered(), await filtered(), await filtered()]
      expect(Math.min(...took)).toBeLessThan(50)
      await page.getByRole('treeitem', { name: /^agent-7\/99/ }).waitFor()
    }))
})
