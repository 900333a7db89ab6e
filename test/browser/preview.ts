/**
 * Serves the built page over the scene, for those who work on the page: `node test/browser/preview.ts [port]`. Figures go on, and each
 * second a run or two. Build anew with setup.mjs, then load the page again.
 */

import { makeScene } from '../inspector/scene.ts'
import { runsOver } from '../inspector/scene-runs.ts'
import { sceneServer } from './scene-server.ts'

const scene = makeScene(Date.now())
const server = await sceneServer({ scene, port: Number(process.argv[2] ?? 0) })
process.stdout.write(`${server.pageUrl}\n`)
const all = scene.frames.findLast((frame) => frame.type === 'figures' && frame.agent === null)
let second = 0
setInterval(() => {
  const at = Date.now()
  second += 1
  if (all?.type === 'figures') server.push({ ...all, at, runsPerSecond: 42.1 + (second % 7), queued: second % 4 })
  let { seq } = scene.hello
  const drafts = runsOver(at - 300, at + 5800, second).sort((a, b) => a.at - b.at)
  for (const draft of drafts) {
    seq += 1
    server.push({ ...draft, at, seq } as never)
  }
}, 1000)
