import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import { scratch } from '../scratch.ts'

/** What is left of a build below `above` when its Node is killed at the end of `script`, and nobody looks at it any more. */
async function killedAfter(script: string, above: string): Promise<string[]> {
  const guard = join(import.meta.dirname, '../../../src/runtime/environment/guard.ts')
  const source = `
    import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
    import { watchDirectory } from ${JSON.stringify(guard)}
    const above = ${JSON.stringify(above)}
    const unwatch = watchDirectory('python3', above + '/build', process.env)
    // In the middle of its exec a process has no command line, and is not seen by it.
    const read = (path) => readFileSync(path, 'latin1')
    const children = () => read('/proc/self/task/' + process.pid + '/children').split(' ').filter(Boolean)
    while (!children().some((pid) => read('/proc/' + pid + '/cmdline').includes(above))) {}
    mkdirSync(above + '/build/venv', { recursive: true })
    ${script}
    process.kill(process.pid, 'SIGKILL')`
  const node = spawn(process.execPath, ['--input-type=module', '-e', source], { stdio: 'inherit' })
  expect(await once(node, 'exit')).toEqual([null, 'SIGKILL'])
  // In the middle of an exec nobody is seen: it counts where it stays so.
  let unseen = 0
  const look = () => {
    unseen = watching(above).length === 0 ? unseen + 1 : 0
    expect(unseen).toBeGreaterThan(5)
  }
  await vi.waitFor(look, { timeout: 10_000, interval: 5 })
  return existsSync(above) ? readdirSync(above).sort() : []
}

function watching(directory: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      return /^\d+$/.test(pid) && readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(directory)
    } catch {
      return false
    }
  })
}

function names(build: string): string {
  return `writeFileSync(above + '/complete.json', JSON.stringify({ build: '${build}' }))`
}

test('a build is removed when its Node is killed, and the directory above it where it is empty', async () => {
  const above = join(scratch(), 'fingerprint')
  expect(await killedAfter('', above)).toEqual([])
  expect(existsSync(above)).toBe(false)
})

test('a build that was finished when its Node was killed stays, though Node did not live to say so', async () => {
  const above = join(scratch(), 'fingerprint')
  expect(await killedAfter(names('build'), above)).toEqual(['build', 'complete.json'])
  expect(existsSync(join(above, 'build/venv'))).toBe(true)
})

test('a build beside a finished one is removed, and the finished one stays', async () => {
  const above = join(scratch(), 'fingerprint')
  mkdirSync(join(above, 'other'), { recursive: true })
  expect(await killedAfter(names('other'), above)).toEqual(['complete.json', 'other'])
})

test('a watch that has ended leaves the directory alone', async () => {
  const above = join(scratch(), 'fingerprint')
  expect(await killedAfter('await unwatch()', above)).toEqual(['build'])
})
