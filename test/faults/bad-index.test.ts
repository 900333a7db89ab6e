/** What an index serves that is damaged, swapped or not served at all is refused, and the environment before it goes on. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { ensure, importedIn, uv } from '../runtime/environment/environment-rig.ts'
import { rejectionOf, storedBuilds, temporaryDirectory } from '../runtime/environment/fixtures.ts'
import { type IndexFault, PackageIndex, packageName } from './package-index.ts'
import { sized } from './profile.ts'

const damaged = { code: 'ENV_INSTALL_FAILED', retryable: true, message: expect.stringMatching(/gift.* is damaged/) }
const cut = { code: 'ENV_NETWORK', retryable: true, message: expect.stringMatching(/could not be reached/) }
const refusals: Record<IndexFault, { uv: object; pip: object }> = {
  corrupt: { uv: damaged, pip: damaged },
  truncated: { uv: damaged, pip: damaged },
  cut: { uv: cut, pip: damaged },
  swapped: both({
    code: 'ENV_HASH_MISMATCH',
    retryable: false,
    message: expect.stringMatching(/gift.*hash is another/),
  }),
  failing: both({ code: 'ENV_NETWORK', retryable: true, message: expect.stringMatching(/HTTP status 503/) }),
  down: both({ code: 'ENV_NETWORK', retryable: true, message: expect.stringMatching(/could not be reached/) }),
}

const all = Object.keys(refusals) as IndexFault[]
/** An environment by pip takes ten times as long. */
const tried = { uv: all, pip: sized<IndexFault[]>(['corrupt', 'swapped', 'failing'], all) }

for (const installer of ['uv', 'pip'] as const) {
  test(`what a bad index has is refused by ${installer} with the reason, nothing of it is left, and the environment before it is used`, {
    timeout: 600_000,
  }, async () => {
    const index = await PackageIndex.listen()
    const cacheDir = await temporaryDirectory()
    const rest = Object.entries(process.env).filter(([name]) => !/^(UV|PIP)_|_proxy$/i.test(name))
    const env = {
      ...Object.fromEntries(rest),
      ...{ UV_NO_CONFIG: '1', UV_DEFAULT_INDEX: index.url, UV_NO_CACHE: '1', UV_HTTP_RETRIES: '0' },
      ...{ PIP_CONFIG_FILE: '/dev/null', PIP_INDEX_URL: index.url, PIP_NO_CACHE_DIR: '1', PIP_RETRIES: '0' },
    }
    const options = { cacheDir, env, uv: installer === 'uv' ? uv : (false as const) }
    const first = { dependencies: [`${packageName}==1`] }
    await ensure(first, options)
    const builds = await storedBuilds(cacheDir)

    for (const fault of tried[installer]) {
      await index.fail(fault)
      // The hash that was locked: uv does not heed the one that the index tells.
      const cwd = await temporaryDirectory()
      await writeFile(join(cwd, 'requirements.txt'), `${packageName}==2 --hash=sha256:${index.hashOf('2')}\n`)
      const spec = fault === 'swapped' ? { cwd } : { dependencies: [`${packageName}==2`] }
      expect(await rejectionOf(ensure(spec, options)), fault).toMatchObject(refusals[fault][installer])
      expect(await storedBuilds(cacheDir), fault).toEqual(builds)
      const again = await ensure(first, options)
      expect(again.isWarm, fault).toBe(true)
      await importedIn(again, packageName)
    }
  })
}

function both(refusal: object) {
  return { uv: refusal, pip: refusal }
}
