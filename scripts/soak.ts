/**
 * Soaks a system of real processes in random faults, one a second, under load, and says whether all held.
 *
 *     npm run soak -- [--seconds 60] [--seed N] [--json]
 *
 * Progress is on standard error; with --json the last line is the result. Node needs `--expose-gc`.
 */
import { parseArgs } from 'node:util'
import { ensureEnvironment } from '../src/index.ts'
import { cacheDir, fixtures } from '../test/e2e/places.ts'
import { soak } from '../test/faults/soak/soak.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '60' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    json: { type: 'boolean', default: false },
  },
})
const [seconds, seed] = [Number(values.seconds), Number(values.seed)]
if (!Number.isSafeInteger(seconds) || seconds < 1)
  throw new Error(`--seconds is a whole number from 1, not ${values.seconds}.`)
if (!Number.isSafeInteger(seed) || seed < 0) throw new Error(`--seed is a whole number from 0, not ${values.seed}.`)

await ensureEnvironment({ cwd: fixtures, dependencies: [] }, { cacheDir })
console.error(`Seed ${seed}`)
const result = await soak({ seconds, seed, cacheDir, progress: (line) => console.error(line) })
for (const finding of result.findings) console.error(finding)
const { faults, lost, doubled, leftBehind, answered } = result
console.log(
  values.json
    ? JSON.stringify(result)
    : `${faults} faults: ${lost} lost, ${doubled} doubled, ${leftBehind} left behind, ${result.findings.length} findings; ${answered * 100} % answered; seed ${seed}`,
)
process.exitCode = result.findings.length === 0 ? 0 : 1
