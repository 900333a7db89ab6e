/**
 * Counts what a system left behind, from /proc and the file system alone: processes that carry its mark, its sockets' directory,
 * and environments that it half made. Knows nothing of Axon. Prints one JSON object.
 *
 *     node left-behind.mjs SYSTEM_ID RUNTIME_DIR ENVIRONMENTS_DIR PID
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const [system, runtimeDir, environmentsDir, owner] = process.argv.slice(2)
const processes = list('/proc').filter((pid) => /^\d+$/.test(pid) && isMarked(pid))
const directories = existsSync(runtimeDir) ? [runtimeDir] : []
const staging = list(environmentsDir).flatMap((name) => halfMade(join(environmentsDir, name)))
process.stdout.write(`${JSON.stringify({ processes, directories, staging })}\n`)

function isMarked(pid) {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1').split('\0').includes(`AXON_SYSTEM=${system}`)
  } catch {
    return false
  }
}

/** Build directories of that process which complete.json does not name. */
function halfMade(directory) {
  const marker = join(directory, 'complete.json')
  const complete = existsSync(marker) ? JSON.parse(readFileSync(marker, 'utf8')).build : undefined
  return list(directory)
    .filter((name) => name !== complete && name.split('-')[1] === owner)
    .map((name) => join(directory, name))
}

function list(directory) {
  try {
    return readdirSync(directory)
  } catch {
    return []
  }
}
