/**
 * Writes config.schema.json, which editors read for `axon.config.json`, from the schema that reads the configuration itself; with
 * `--check`, fails where the file is not what would be written.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { configSchema } from '../src/runtime/config/file.ts'

const path = join(import.meta.dirname, '../config.schema.json')
const wanted = `${JSON.stringify(configSchema(), null, 2)}\n`

if (!process.argv.includes('--check')) {
  writeFileSync(path, wanted)
} else if (readFileSync(path, 'utf8') !== wanted) {
  console.error('config.schema.json is stale. Run: npm run config-schema')
  process.exitCode = 1
}
