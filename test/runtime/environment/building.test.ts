import { mkdir, readFile, stat, watch } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test, vi } from 'vitest'
import type { EnvironmentProgress } from '../../../src/machines/slots.ts'
import { ownerName, thisOwner } from '../../../src/runtime/process/owner.ts'
import { builder, processesNaming } from './builder-process.ts'
import { cacheDir, ensure, importedIn, timeout, uv } from './environment-rig.ts'
import { recordedRunner, rejectionOf, storedBuilds, temporaryDirectory } from './fixtures.ts'

test(
  'many callers of one process share one build, and one that leaves does not end it',
  async () => {
    const { run, commands } = recordedRunner()
    const controller = new AbortController()
    const spec = { dependencies: ['six', 'idna==3.7'] }
    const leaver = rejectionOf(
      ensure(spec, {
        uv,
        run,
        signal: controller.signal,
        onProgress: ({ phase }) => phase === 'create' && controller.abort(),
      }),
    )
    const others = Array.from({ length: 10 }, () => ensure(spec, { uv, run }))
    expect((await leaver).code).toBe('ENV_CANCELLED')
    const made = await Promise.all(others)
    expect(new Set(made.map(({ python }) => python)).size).toBe(1)
    expect(commands.filter(({ argv }) => argv.includes('install'))).toHaveLength(1)
  },
  timeout,
)

test(
  'of two processes at once one builds and the other waits for it',
  async () => {
    const log = join(await temporaryDirectory(), 'commands')
    const spec = { dependencies: ['six', 'idna==3.6'] }
    const both = [builder(spec, {}, log), builder(spec, {}, log)]
    const [a, b] = await Promise.all(both.map(({ next }) => next(({ environment }) => environment !== undefined)))
    expect(a?.environment?.python).toBe(b?.environment?.python)
    const commands = (await readFile(log, 'utf8')).split('\n')
    expect(commands.filter((line) => line.includes('"install"'))).toHaveLength(1)
    await Promise.all(both.map(({ exited }) => exited))
  },
  timeout,
)

test(
  'an abort in the middle leaves nothing, and the lock is free',
  async () => {
    for (const installer of [uv, false] as const) {
      const before = await storedBuilds(cacheDir)
      const controller = new AbortController()
      const options = {
        uv: installer,
        signal: controller.signal,
        onProgress: ({ phase }: EnvironmentProgress) => phase === 'create' && queueMicrotask(() => controller.abort()),
      }
      const spec = { dependencies: ['six', 'idna==3.5'], python: '3.12' }
      expect(await rejectionOf(ensure(spec, options))).toMatchObject({ code: 'ENV_CANCELLED', retryable: true })
      expect(await storedBuilds(cacheDir)).toEqual(before)
    }
    const made = await ensure({ dependencies: ['six', 'idna==3.5'], python: '3.12' }, { uv })
    expect(made.isWarm).toBe(false)
  },
  timeout,
)

for (const installer of ['uv', 'pip']) {
  test(
    `when the builder is killed, ${installer} ends and what it had half made is gone`,
    async () => {
      const fresh = await temporaryDirectory()
      const spec = { dependencies: ['six'], python: '3.12' }
      const killed = builder(spec, { cacheDir: fresh, uv: installer === 'uv' ? uv : false })
      await killed.next(({ progress }) => progress?.phase === 'create')
      const [left = ''] = await storedBuilds(fresh)
      const changes = watch(join(fresh, 'environments'), { recursive: true, signal: AbortSignal.timeout(timeout / 2) })
      killed.child.kill('SIGKILL')
      await killed.exited
      if ((await storedBuilds(fresh)).length > 0) {
        for await (const _ of changes) if ((await storedBuilds(fresh)).length === 0) break
      }
      // The guard removes the build and then ends; nobody is told of the end of a process that is not one's own.
      await vi.waitFor(async () => expect(await processesNaming(`${left}/venv`)).toEqual([]), { timeout: timeout / 4 })
      // Its lock is a dead owner's now.
      const made = await ensure(spec, { cacheDir: fresh, uv })
      await importedIn(made, 'six')
    },
    timeout,
  )
}

test(
  'what a dead builder left of another environment is removed by the next build',
  async () => {
    const fresh = await temporaryDirectory()
    const dead = join(fresh, 'environments', 'other', `${ownerName({ ...thisOwner(), start: '1' })}-00000000`)
    const living = join(fresh, 'environments', 'another', `${ownerName(thisOwner())}-00000000`)
    await Promise.all([dead, living].map((directory) => mkdir(join(directory, 'venv'), { recursive: true })))
    await ensure({ dependencies: [] }, { cacheDir: fresh, uv })
    await expect(stat(dead)).rejects.toThrow('ENOENT')
    await expect(stat(living)).resolves.toBeDefined()
  },
  timeout,
)
