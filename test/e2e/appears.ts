/** Owns the wait for a file, by which processes of other languages tell a test how far they are. */
import { existsSync, mkdirSync, watch } from 'node:fs'
import { basename, dirname } from 'node:path'

/** Resolves when the file is there. */
export async function appears(path: string): Promise<void> {
  mkdirSync(dirname(path), { recursive: true })
  await new Promise<void>((resolve, reject) => {
    const watcher = watch(dirname(path), (_, name) => {
      if (name === basename(path)) done()
    })
    const done = () => {
      watcher.close()
      resolve()
    }
    watcher.on('error', reject)
    // It may have been there before the watch was.
    if (existsSync(path)) done()
  })
}
