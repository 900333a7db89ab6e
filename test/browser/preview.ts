/** Serves the built page over the scene, for those who work on the page: `node test/browser/preview.ts [port]`. Rebuild with setup.mjs. */
import { makeScene } from '../inspector/scene.ts'
import { sceneServer } from './scene-server.ts'

const server = await sceneServer({ scene: makeScene(Date.now()), port: Number(process.argv[2] ?? 0) })
process.stdout.write(`${server.pageUrl}\n`)
